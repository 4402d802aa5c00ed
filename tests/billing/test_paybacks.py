"""Refunds and disputes: what they take from credit, once, in any order; and what gives it back."""

import httpx

from relay import billing
from relay.money import PICO_PER_USD
from tests.fixtures.billing_desk import DAY, Identity, Town, shuffled


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
