"""Refunds and disputes: what they take from credit, once, in any order; and what gives it back."""

import httpx

from relay import billing
from relay.money import PICO_PER_CENT, PICO_PER_USD
from tests.fixtures.billing_desk import DAY, HOUR, Identity, Town, shuffled


def payment(here: Town, who: Identity) -> str:
    """The newest payment that went through."""
    charges = here.stripe.books(here.customer(who))["charges"]
    return [one["payment_intent"] for one in charges if one["status"] == "succeeded"][-1]


def refund(here: Town, who: Identity, cents: int) -> None:
    here.stripe.client.v1.refunds.create({"payment_intent": payment(here, who), "amount": cents})


def dispute_payment(here: Town, payment_intent: str) -> None:
    asked = {"payment_intent": payment_intent}
    httpx.post(f"{here.stripe.url}/sandbox/dispute", json=asked).raise_for_status()


def win_dispute(here: Town) -> None:
    dispute = here.stripe.client.v1.disputes.list().data[0]
    evidence = {"uncategorized_text": "winning_evidence"}
    here.stripe.client.v1.disputes.update(dispute.id, {"evidence": evidence, "submit": True})


def credit(here: Town, who: Identity) -> int:
    return here.balance(who).credit_pico


async def test_a_refund_takes_its_amount_once_however_often_it_is_told(here: Town) -> None:
    ada = here.person()
    await here.buy_credit(ada, "25")
    refund(here, ada, 1000)
    await here.hear(shuffled(1))
    here.heard.clear()
    await here.hear(shuffled(2))
    assert credit(here, ada) == 15 * PICO_PER_USD
    refund(here, ada, 1500)
    await here.hear()
    assert credit(here, ada) == 0
    assert await here.differences() == []


async def test_a_refund_that_is_told_before_its_payment_is_applied_with_it(here: Town) -> None:
    ada = here.person()
    here.pay(await billing.check_out(here.office, ada, "topup", "25"))
    refund(here, ada, 1000)
    await here.hear(lambda events: events[::-1])
    assert credit(here, ada) == 15 * PICO_PER_USD
    assert await here.differences() == []


async def test_credit_that_was_spent_and_refunded_is_owed_and_the_next_top_up_repays_it(here: Town) -> None:
    ada = here.person()
    await here.buy_credit(ada, "25")
    await here.use(ada, 20 * PICO_PER_USD)
    refund(here, ada, 2500)
    await here.hear()
    owed = credit(here, ada)
    assert -20 * PICO_PER_USD - PICO_PER_USD // 100 < owed <= -20 * PICO_PER_USD
    assert here.balance(ada).available_pico == 0
    assert not await here.use(ada, PICO_PER_USD // 100)
    await here.buy_credit(ada, "30")
    assert credit(here, ada) == 30 * PICO_PER_USD + owed
    assert await here.differences() == []


async def test_what_expired_unused_is_refunded_first(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.use(ada, 4 * PICO_PER_USD)
    subscription = here.stripe.world.stripe.store.all("subscription")[0]["id"]
    here.stripe.client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
    await here.advance(40 * DAY)
    await here.hear()
    await here.tick()
    refund(here, ada, 2000)
    await here.hear()
    assert -4 * PICO_PER_USD - PICO_PER_USD // 100 < credit(here, ada) <= -4 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_dispute_takes_the_whole_payment_at_once_and_gives_it_back_when_won(here: Town) -> None:
    ada = here.person()
    await here.buy_credit(ada, "25")
    dispute_payment(here, payment(here, ada))
    await here.hear(shuffled(3))
    assert credit(here, ada) == 0
    win_dispute(here)
    await here.advance(DAY)
    await here.hear(shuffled(4))
    assert credit(here, ada) == 25 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_refund_and_a_dispute_that_no_event_told_of_have_their_effects_once(here: Town) -> None:
    ada, bob = here.person("ada"), here.person("bob")
    await here.buy_credit(ada, "25")
    await here.buy_credit(bob, "25")
    refund(here, ada, 1000)
    dispute_payment(here, payment(here, bob))
    await _tick_twice(here)
    assert (credit(here, ada), credit(here, bob)) == (15 * PICO_PER_USD, 0)
    win_dispute(here)
    await here.advance(DAY)
    await _tick_twice(here)
    assert (credit(here, ada), credit(here, bob)) == (15 * PICO_PER_USD, 25 * PICO_PER_USD)
    await here.hear()
    assert (credit(here, ada), credit(here, bob)) == (15 * PICO_PER_USD, 25 * PICO_PER_USD)


async def _tick_twice(here: Town) -> None:
    for _ in range(2):
        await here.tick()


async def test_a_refund_under_an_open_call_brings_no_invoice_beyond_the_cap(anywhere: Town) -> None:
    ada = anywhere.person(cap_usd=2)
    await anywhere.buy_plan(ada)
    await anywhere.use(ada, 10 * PICO_PER_USD)
    await anywhere.buy_credit(ada, "25")
    call = await anywhere.hold(ada, 26 * PICO_PER_USD)
    refund(anywhere, ada, 2500)
    await anywhere.hear()
    await anywhere.settle(call)
    owed = credit(anywhere, ada)
    assert -25 * PICO_PER_USD <= owed < -24 * PICO_PER_USD + PICO_PER_CENT
    assert anywhere.balance(ada).overage_pico == 2 * PICO_PER_USD
    await anywhere.tick()
    await anywhere.to_the_end_of_the_period(ada)
    await anywhere.hear()
    await anywhere.advance(HOUR + 60)
    await anywhere.hear()
    assert anywhere.invoices(ada)[-1]["total"] == 2200
    # The month's credit has come, and covers a part of what is owed.
    assert credit(anywhere, ada) == owed + 10 * PICO_PER_USD
    assert anywhere.balance(ada).available_pico == 0
    await anywhere.buy_credit(ada, "25")
    assert credit(anywhere, ada) == owed + 35 * PICO_PER_USD
    assert await anywhere.differences() == []


async def test_a_call_that_outlives_its_plan_is_billed_by_an_invoice_of_its_own(here: Town) -> None:
    ada = here.person(cap_usd=2)
    await here.buy_plan(ada)
    await here.use(ada, 10 * PICO_PER_USD)
    call = await here.hold(ada, PICO_PER_USD)
    subscription = here.stripe.world.stripe.store.all("subscription")[0]["id"]
    here.stripe.client.v1.subscriptions.cancel(subscription)
    await here.hear()
    await here.settle(call)
    assert (credit(here, ada), here.balance(ada).available_pico) == (0, 0)
    for _ in range(3):
        await here.advance(HOUR)
        await here.hear()
        await here.tick()
    assert sum(one["total"] for one in here.invoices(ada)) == 2000 + 100
    assert await here.differences() == []
