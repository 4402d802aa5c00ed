"""The sandbox's subscriptions from month to month: what is billed when, and what happens when a card does not pay."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from tests.fixtures.stripe_desk import DAY, Desk, buy_credit, buy_plan, check_out, desk, pay, use

HOUR = 3600


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk() as made:
        yield made


def end_of(at: Desk, subscription: str) -> int:
    return at.client.v1.subscriptions.retrieve(subscription)["items"].data[0].current_period_end


def invoices(at: Desk, customer: str) -> list[tuple[str | None, int, str | None]]:
    """Oldest first."""
    found = at.client.v1.invoices.list({"customer": customer}).data[::-1]
    return [(one.status, one.total, one.billing_reason) for one in found]


def status(at: Desk, subscription: str) -> str:
    return at.client.v1.subscriptions.retrieve(subscription).status


def test_a_month_is_billed_beforehand_and_its_use_afterwards(at: Desk) -> None:
    customer, plan = buy_plan(at, subscription_data={"metadata": {"account_id": "7"}})
    assert (plan.status, plan.metadata.to_dict()) == ("active", {"account_id": "7"})
    assert invoices(at, customer) == [("paid", 2000, "subscription_create")]
    use(at, customer, 123)
    start, end = at.now, end_of(at, plan.id)
    preview = at.client.v1.invoices.create_preview({"customer": customer, "subscription": plan.id})
    assert (preview.total, preview.created) == (2123, end)
    at.advance(to=end)
    use(at, customer, 7, timestamp=end - 10)
    draft = at.client.v1.invoices.list({"customer": customer, "status": "draft"}).data[0]
    assert (draft.total, draft.number, draft.period_end) == (2130, None, end)
    assert abs(draft.period_start - start) < 60
    assert draft.parent.subscription_details.subscription == plan.id
    at.advance(advance_seconds=HOUR)
    paid = at.client.v1.invoices.retrieve(draft.id, {"expand": ["payments"]})
    assert (paid.status, paid.total, paid.amount_paid) == ("paid", 2130, 2130)
    fixed, metered = paid.lines.data
    assert (fixed.pricing.price_details.price, fixed.period.start, fixed.quantity) == ("price_plan", end, 1)
    assert (metered.pricing.price_details.price, metered.period.end, metered.amount) == ("price_overage", end, 130)
    intent = at.client.v1.payment_intents.retrieve(paid.payments.data[0].payment.payment_intent)
    assert (intent.status, intent.amount_received) == ("succeeded", 2130)
    use(at, customer, 5, timestamp=end - 10)
    assert at.client.v1.invoices.retrieve(draft.id).total == 2130
    assert "Invoice" in httpx.get(paid.hosted_invoice_url).text
    assert httpx.get(paid.invoice_pdf).content.startswith(b"%PDF-1.4")


def test_a_card_that_stops_paying_is_tried_again_and_then_no_more(at: Desk) -> None:
    customer, plan = buy_plan(at)
    bad = at.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    at.client.v1.subscriptions.update(plan.id, {"default_payment_method": bad.id})
    at.advance(to=end_of(at, plan.id) + HOUR)
    assert status(at, plan.id) == "past_due"
    failed = at.client.v1.invoices.list({"customer": customer, "status": "open"}).data[0]
    assert (failed.attempt_count, failed.amount_remaining) == (1, 2000)
    at.advance(advance_seconds=20 * DAY)
    assert status(at, plan.id) == "unpaid"
    assert len(at.events("invoice.payment_failed")) == 4
    with pytest.raises(stripe.CardError) as raised:
        at.client.v1.invoices.pay(failed.id)
    assert (raised.value.code, raised.value.error.decline_code) == ("card_declined", "generic_decline")
    good = at.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    assert at.client.v1.invoices.pay(failed.id, {"payment_method": good.id}).status == "paid"
    assert status(at, plan.id) == "active"


def test_a_plan_that_ends_bills_its_last_use(at: Desk) -> None:
    customer, plan = buy_plan(at)
    use(at, customer, 40)
    at.client.v1.subscriptions.update(plan.id, {"cancel_at_period_end": True})
    assert at.client.v1.invoices.create_preview({"subscription": plan.id}).total == 40
    end = end_of(at, plan.id)
    at.advance(to=end + HOUR)
    gone = at.client.v1.subscriptions.retrieve(plan.id)
    assert (gone.status, gone.ended_at) == ("canceled", end)
    assert invoices(at, customer)[-1] == ("paid", 40, "subscription_cycle")
    assert [one.id for one in at.client.v1.subscriptions.list({"customer": customer}).data] == []
    with pytest.raises(stripe.InvalidRequestError):
        at.client.v1.invoices.create_preview({"subscription": plan.id})


def test_a_trial_is_free_until_it_ends(at: Desk) -> None:
    customer, plan = buy_plan(at, subscription_data={"trial_period_days": 14})
    assert (plan.status, invoices(at, customer)) == ("trialing", [("paid", 0, "subscription_create")])
    at.advance(advance_seconds=12 * DAY)
    assert len(at.events("customer.subscription.trial_will_end")) == 1
    at.advance(advance_seconds=2 * DAY + HOUR + 1)
    assert status(at, plan.id) == "active"
    assert invoices(at, customer)[-1] == ("paid", 2000, "subscription_cycle")


def test_a_dearer_plan_is_prorated_to_the_cent(at: Desk) -> None:
    customer, plan = buy_plan(at)
    recurring = {"interval": "month"}
    dearer = at.client.v1.prices.create(
        {"currency": "usd", "unit_amount": 5000, "product": "prod_plan", "recurring": recurring}
    )
    item = plan["items"].data[0]
    half = (item.current_period_start + item.current_period_end) // 2
    at.advance(to=half)
    at.client.v1.subscriptions.update(plan.id, {"items": [{"id": item.id, "price": dearer.id}], "proration_date": half})
    waiting = at.client.v1.invoice_items.list({"customer": customer, "pending": True}).data
    assert sorted(one.amount for one in waiting) == [-1000, 2500]
    assert all(one.proration for one in waiting)
    assert at.client.v1.invoices.create_preview({"subscription": plan.id}).total == 6500
    at.advance(to=end_of(at, plan.id) + HOUR)
    assert invoices(at, customer)[-1] == ("paid", 6500, "subscription_cycle")


def test_collection_that_is_paused_keeps_or_voids_its_invoices(at: Desk) -> None:
    for behavior, outcome in (("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")):
        customer, plan = buy_plan(at)
        at.client.v1.subscriptions.update(plan.id, {"pause_collection": {"behavior": behavior}})
        at.advance(to=end_of(at, plan.id) + HOUR)
        assert invoices(at, customer)[-1][0] == outcome
        at.client.v1.subscriptions.update(plan.id, {"pause_collection": ""})
        assert at.client.v1.subscriptions.retrieve(plan.id).pause_collection is None


def test_an_item_waits_for_the_next_invoice_and_is_made_once(at: Desk) -> None:
    customer, plan = buy_plan(at)
    item = {"customer": customer, "subscription": plan.id, "amount": 33, "currency": "usd", "metadata": {"key": "w9"}}
    made = [at.client.v1.invoice_items.create(item, {"idempotency_key": "w9"}).id for _ in range(2)]
    assert made[0] == made[1]
    at.advance(to=end_of(at, plan.id) + HOUR)
    invoice = at.client.v1.invoices.list({"customer": customer}).data[0]
    assert invoice.total == 2033
    late = next(line for line in invoice.lines.data if line.parent.type == "invoice_item_details")
    assert late.metadata.to_dict() == {"key": "w9"}
    at.client.v1.subscriptions.cancel(plan.id)
    at.client.v1.invoice_items.create({"customer": customer, "amount": 44, "currency": "usd"})
    last = at.client.v1.invoices.create(
        {"customer": customer, "auto_advance": True, "pending_invoice_items_behavior": "include"}
    )
    at.advance(advance_seconds=HOUR)
    assert at.client.v1.invoices.retrieve(last.id).amount_due == 44


def test_a_checkout_ends_in_each_of_its_ways(at: Desk) -> None:
    customer = at.client.v1.customers.create({"email": "ben@example.com"}).id
    items = [{"price": "price_plan", "quantity": 1}]
    session = check_out(at, mode="subscription", customer=customer, line_items=items)
    assert httpx.post(str(session.url), data={"action": "decline"}).status_code == 402
    assert at.client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert pay(session).headers["location"] == f"http://localhost/paid?session={session.id}"
    left = check_out(at, mode="subscription", customer=customer, line_items=items)
    at.advance(advance_seconds=DAY)
    assert at.client.v1.checkout.sessions.retrieve(left.id).status == "expired"
    assert [one.data.object["id"] for one in at.events("checkout.session.expired")] == [left.id]


@pytest.mark.parametrize(("account", "outcome"), [("000123456789", "succeeded"), ("000111111116", "failed")])
def test_a_bank_debit_comes_to_something_days_later(at: Desk, account: str, outcome: str) -> None:
    at.options(delayed_payment_seconds=4 * DAY)
    customer = at.client.v1.customers.create({"email": "ben@example.com"}).id
    session = buy_credit(at, customer, 2500, account)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    at.advance(advance_seconds=4 * DAY)
    told = at.events(f"checkout.session.async_payment_{outcome}")
    assert [one.data.object["id"] for one in told] == [session.id]
    later = at.client.v1.checkout.sessions.retrieve(session.id)
    assert later.payment_status == ("paid" if outcome == "succeeded" else "unpaid")
    assert bool(later.invoice) == (outcome == "succeeded")
