"""The sandbox's refunds, disputes, portal, and customers who change or go."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from tests.fixtures.stripe_desk import DAY, Desk, buy_credit, buy_plan, desk


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk() as made:
        yield made


def credit(at: Desk, card: str = "4242424242424242") -> stripe.PaymentIntent:
    """2500 cents paid by this card."""
    customer = at.client.v1.customers.create({"email": "anna@example.com"}).id
    session = buy_credit(at, customer, 2500, card)
    return at.client.v1.payment_intents.retrieve(str(session.payment_intent), {"expand": ["latest_charge"]})


def test_money_goes_back_in_parts_and_never_more_than_came(at: Desk) -> None:
    paid = credit(at)
    first = at.client.v1.refunds.create({"payment_intent": paid.id, "amount": 1000, "metadata": {"why": "half"}})
    assert (first.status, first.amount, first.charge) == ("succeeded", 1000, paid.latest_charge.id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        at.client.v1.refunds.create({"payment_intent": paid.id, "amount": 1501})
    at.client.v1.refunds.create({"charge": paid.latest_charge.id})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        at.client.v1.refunds.create({"payment_intent": paid.id})
    assert raised.value.code == "charge_already_refunded"
    charge = at.client.v1.charges.retrieve(paid.latest_charge.id, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded, len(charge.refunds.data)) == (True, 2500, 2)
    assert len(at.client.v1.refunds.list({"payment_intent": paid.id}).data) == 2
    told = [one.data.previous_attributes["amount_refunded"] for one in at.events("charge.refunded")]
    assert told == [0, 1000]


def test_a_refund_can_fail_after_all(at: Desk) -> None:
    paid = credit(at, "4000000000005126")
    refund = at.client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    at.advance(advance_seconds=5)
    assert at.client.v1.refunds.retrieve(refund.id).status == "failed"
    assert [one.data.object["id"] for one in at.events("refund.failed")] == [refund.id]
    assert at.client.v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 0


@pytest.mark.parametrize(("evidence", "outcome"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_a_dispute_takes_the_money_until_it_is_won(at: Desk, evidence: str, outcome: str) -> None:
    paid = credit(at)
    httpx.post(f"{at.url}/sandbox/dispute", json={"payment_intent": paid.id}).raise_for_status()
    (dispute,) = at.client.v1.disputes.list({"payment_intent": paid.id}).data
    assert (dispute.status, dispute.amount, dispute.balance_transactions[0].net) == ("needs_response", 2500, -4000)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        at.client.v1.refunds.create({"payment_intent": paid.id})
    assert raised.value.code == "charge_disputed"
    at.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}})
    assert at.client.v1.disputes.retrieve(dispute.id).status == outcome
    kinds = [one.type for one in at.client.v1.events.list({"limit": 100}).data if "dispute" in one.type]
    assert ("charge.dispute.funds_reinstated" in kinds) == (outcome == "won")
    assert {"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"} <= set(kinds)


def test_a_card_may_bring_its_dispute_with_it_and_silence_loses_it(at: Desk) -> None:
    paid = credit(at, "4000000000000259")
    at.advance(advance_seconds=2)
    (dispute,) = at.client.v1.disputes.list({"charge": paid.latest_charge.id}).data
    at.advance(advance_seconds=15 * DAY)
    assert at.client.v1.disputes.retrieve(dispute.id).status == "lost"


def visit(at: Desk, customer: str, **more: object) -> str:
    asked = {"customer": customer, "return_url": "http://localhost/billing", **more}
    return at.client.v1.billing_portal.sessions.create(asked).url


def test_in_the_portal_a_plan_is_cancelled_kept_and_paid_by_another_card(at: Desk) -> None:
    customer, plan = buy_plan(at)
    url = visit(at, customer)
    seen = httpx.get(url).text
    assert "Cancel the plan" in seen
    assert "http://localhost/billing" in seen
    httpx.post(url, data={"action": "cancel"})
    ending = at.client.v1.subscriptions.retrieve(plan.id)
    assert (ending.cancel_at_period_end, ending.cancel_at) == (True, ending["items"].data[0].current_period_end)
    httpx.post(url, data={"action": "resume", "subscription": plan.id})
    assert at.client.v1.subscriptions.retrieve(plan.id).cancel_at is None
    httpx.post(url, data={"action": "card", "card": "4000000000000341"})
    kept = at.client.v1.customers.retrieve(customer, {"expand": ["invoice_settings.default_payment_method"]})
    assert kept.invoice_settings.default_payment_method.card.last4 == "0341"
    assert httpx.post(url, data={"action": "card", "card": "4000000000000002"}).status_code == 402
    httpx.post(url, data={"action": "email", "email": "new@example.com"})
    assert at.client.v1.customers.retrieve(customer).email == "new@example.com"
    assert httpx.post(url, data={"action": "plan", "price": "price_plan"}).status_code == 402
    at.advance(advance_seconds=DAY)
    assert httpx.get(url).status_code == 404


def test_the_portal_offers_the_plans_of_its_configuration_and_leads_back_when_done(at: Desk) -> None:
    customer, plan = buy_plan(at)
    monthly = {"currency": "usd", "product": "prod_plan", "recurring": {"interval": "month"}}
    dearer = at.client.v1.prices.create({**monthly, "unit_amount": 5000}).id
    products = [{"product": "prod_plan", "prices": ["price_plan", dearer]}]
    update = {"enabled": True, "default_allowed_updates": ["price"], "proration_behavior": "always_invoice"}
    made = at.client.v1.billing_portal.configurations.create(
        {"features": {"subscription_update": {**update, "products": products}}}
    )
    after = {"type": "redirect", "redirect": {"return_url": "http://localhost/done"}}
    flow = {"type": "subscription_update", "subscription_update": {"subscription": plan.id}, "after_completion": after}
    url = visit(at, customer, configuration=made.id, flow_data=flow)
    assert httpx.post(url, data={"action": "plan", "price": dearer}).headers["location"] == "http://localhost/done"
    changed = at.client.v1.subscriptions.retrieve(plan.id, {"expand": ["latest_invoice"]})
    assert changed["items"].data[0].price.id == dearer
    assert (changed.latest_invoice.billing_reason, changed.latest_invoice.status) == ("subscription_update", "paid")
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        visit(at, "cus_nobody")


def test_a_customer_who_is_deleted_leaves_no_plan_behind(at: Desk) -> None:
    customer, plan = buy_plan(at)
    at.client.v1.customers.delete(customer)
    assert at.client.v1.subscriptions.retrieve(plan.id).status == "canceled"
    assert len(at.events("customer.deleted")) == 1
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        buy_credit(at, customer)


def test_on_a_customers_page_payments_are_refunded_and_disputed(at: Desk) -> None:
    customer, plan = buy_plan(at)
    (charge,) = at.client.v1.charges.list({"customer": customer}).data
    url = f"{at.url}/customers/{customer}"
    assert "Refund" in httpx.get(url).text
    assert httpx.post(url, data={"action": "refund", "charge": charge.id}).status_code == 303
    assert at.client.v1.charges.retrieve(charge.id).refunded is True
    assert httpx.post(url, data={"action": "refund", "charge": charge.id}).status_code == 400
    buy_credit(at, customer)
    newest = at.client.v1.charges.list({"customer": customer}).data[0]
    httpx.post(url, data={"action": "dispute", "charge": newest.id})
    assert at.client.v1.disputes.list({"charge": newest.id}).data[0].status == "needs_response"
    httpx.post(url, data={"action": "delete"})
    assert at.client.v1.subscriptions.retrieve(plan.id).status == "canceled"
