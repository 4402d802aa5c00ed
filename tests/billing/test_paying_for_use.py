"""From the plan to the invoice: credit, overage, windows, and the same cent everywhere."""

from datetime import timedelta

import pytest

from relay import billing, clock
from relay.errors import BadInput, Conflict
from relay.money import PICO_PER_CENT, PICO_PER_USD
from tests.fixtures.billing_desk import DAY, Town

HOUR = 3600


async def test_a_plan_brings_its_credit_and_use_beyond_it_goes_on_the_next_invoice(anywhere: Town) -> None:
    ada = anywhere.person()
    await anywhere.buy_plan(ada)
    start = anywhere.balance(ada)
    assert [(g.kind, g.granted_pico, g.expires_at == start.period_end) for g in start.grants] == [
        ("monthly", 10 * PICO_PER_USD, True)
    ]
    assert start.available_pico == 60 * PICO_PER_USD
    assert await anywhere.use(ada, 13 * PICO_PER_USD + 456 * PICO_PER_CENT // 1000)
    await anywhere.tick()
    overage = anywhere.balance(ada).overage_pico
    assert anywhere.metered(ada) == overage // PICO_PER_CENT == 300
    preview = await billing.preview_of(anywhere.office, ada.account_id)
    await anywhere.to_the_end_of_the_period(ada)
    await anywhere.hear()
    await anywhere.advance(HOUR + 60)
    await anywhere.hear()
    cycle = anywhere.invoices(ada)[-1]
    assert (cycle["status"], cycle["total"]) == ("paid", 2300)
    assert preview.amount_pico == 2300 * PICO_PER_CENT
    now = anywhere.balance(ada)
    assert (now.overage_pico, now.credit_pico) == (0, 10 * PICO_PER_USD)
    assert await anywhere.differences() == []


async def test_fractions_of_a_cent_carry_over_from_window_to_window_and_month_to_month(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.use(ada, 10 * PICO_PER_USD)
    for _ in range(7):
        await here.use(ada, PICO_PER_CENT * 3 // 10)
        await here.tick()
    assert here.metered(ada) == 2
    await here.to_the_end_of_the_period(ada)
    await here.hear()
    await here.advance(HOUR + 60)
    await here.hear()
    await here.use(ada, 10 * PICO_PER_USD)
    for _ in range(3):
        await here.use(ada, PICO_PER_CENT * 3 // 10)
    await here.tick()
    assert here.metered(ada) == 3
    assert [row.cents for row in here.outbox(ada)] == [1, 1, 1]
    assert await here.differences() == []


async def test_use_in_the_last_second_of_a_period_is_on_its_invoice(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.use(ada, 11 * PICO_PER_USD)
    await here.to_the_end_of_the_period(ada)
    await here.hear()
    assert here.metered(ada) == 100
    await here.advance(HOUR + 60)
    await here.hear()
    assert here.invoices(ada)[-1]["total"] == 2100
    assert await here.differences() == []


async def test_what_comes_after_the_invoice_was_final_is_on_the_next_one(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.use(ada, 11 * PICO_PER_USD)
    await here.to_the_end_of_the_period(ada)
    await here.advance(2 * HOUR)
    await here.hear()
    await here.tick()
    first = here.invoices(ada)[-1]
    assert (first["status"], first["total"]) == ("paid", 2000)
    assert [row.cents for row in here.outbox(ada) if row.route == "invoice_item" and row.state == "sent"] == [100]
    await here.to_the_end_of_the_period(ada)
    await here.hear()
    await here.advance(2 * HOUR)
    await here.hear()
    assert here.invoices(ada)[-1]["total"] == 2100
    assert await here.differences() == []


async def test_the_spend_cap_is_the_end_of_it_and_counts_anew_each_period(here: Town) -> None:
    ada = here.person(cap_usd=2)
    await here.buy_plan(ada)
    assert await here.use(ada, 12 * PICO_PER_USD - PICO_PER_CENT // 2)
    assert not await here.use(ada, PICO_PER_CENT)
    await here.to_the_end_of_the_period(ada)
    await here.hear()
    assert await here.use(ada, 2 * PICO_PER_USD - PICO_PER_CENT // 2)
    assert await here.differences() == []


async def test_clicking_twice_leads_to_one_visit_and_one_customer(here: Town) -> None:
    ada = here.person()
    first = await billing.check_out(here.office, ada, "topup", "25")
    second = await billing.check_out(here.office, ada, "topup", "25")
    assert first == second
    assert len(here.stripe.world.stripe.store.all("customer")) == 1
    await here.buy_plan(ada)
    with pytest.raises(Conflict):
        await billing.check_out(here.office, ada, "plan")


@pytest.mark.parametrize(
    "amount", ["4.99", "1000.01", "5.001", "-5", "NaN", None, True, [], "1e99", "1e2", "1_0", "١٠", 7.5]
)
async def test_an_amount_out_of_bounds_is_refused_in_words(here: Town, amount: object) -> None:
    with pytest.raises(BadInput, match=r"\$5 to \$1000"):
        await billing.check_out(here.office, here.person(), "topup", amount)


async def test_a_top_up_is_credited_once_however_often_it_is_told(here: Town) -> None:
    ada = here.person()
    here.pay(await billing.check_out(here.office, ada, "topup", "25"))
    await here.hear(lambda events: events * 3)
    here.heard.clear()
    await here.advance(40 * DAY)
    await here.hear(lambda events: events[::-1])
    assert [(g.kind, g.remaining_pico) for g in here.balance(ada).grants] == [("topup", 25 * PICO_PER_USD)]
    assert await here.differences() == []


async def test_a_plan_that_was_cancelled_ends_with_its_period_and_bills_its_last_use(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    subscription = here.stripe.world.stripe.store.all("subscription")[0]["id"]
    here.stripe.client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    await here.hear()
    await here.use(ada, 11 * PICO_PER_USD)
    await here.tick()
    await here.to_the_end_of_the_period(ada)
    await here.hear()
    await here.advance(2 * HOUR)
    await here.hear()
    await here.tick()
    assert here.invoices(ada)[-1]["total"] == 100
    assert here.balance(ada).available_pico == 0
    assert await here.differences() == []


@pytest.mark.parametrize("later", [0, 3, HOUR], ids=["in the same second", "seconds later", "when the meter knows"])
async def test_a_plan_that_was_ended_at_once_bills_its_last_use_by_an_invoice_of_its_own(
    here: Town, later: float
) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.use(ada, 11 * PICO_PER_USD)
    await here.advance(later)
    if later == HOUR:
        await here.tick()
    subscription = here.stripe.world.stripe.store.all("subscription")[0]["id"]
    here.stripe.client.v1.subscriptions.cancel(subscription)
    await here.hear()
    await here.tick()
    await here.advance(HOUR)
    await here.tick()
    await here.advance(2 * HOUR)
    await here.hear()
    await here.tick()
    assert sum(one["total"] for one in here.invoices(ada)) == 2100
    assert await here.differences() == []


async def test_a_card_that_no_longer_pays_ends_overage_but_takes_no_credit(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    customer, plan = here.customer(ada), here.stripe.world.stripe.store.all("subscription")[0]["id"]
    bad = here.stripe.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    here.stripe.client.v1.subscriptions.update(plan, {"default_payment_method": bad.id})
    await here.to_the_end_of_the_period(ada)
    await here.advance(2 * HOUR)
    await here.hear()
    assert here.balance(ada).available_pico == 0
    assert not await here.use(ada, PICO_PER_CENT)
    await here.buy_credit(ada, "5")
    assert here.balance(ada).available_pico == 5 * PICO_PER_USD
    good = here.stripe.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    here.stripe.client.v1.invoices.pay(
        next(one["id"] for one in here.invoices(ada) if one["status"] == "open"), {"payment_method": good.id}
    )
    await here.hear()
    assert here.balance(ada).available_pico == 65 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_renewal_that_no_event_told_of_is_asked_for(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    before = here.balance(ada).period_end
    await here.to_the_end_of_the_period(ada)
    await here.advance(10 * 60)
    await here.tick()
    after = here.balance(ada).period_end
    assert before is not None
    assert after is not None
    assert after - before > timedelta(days=27)
    assert clock.now() < after
