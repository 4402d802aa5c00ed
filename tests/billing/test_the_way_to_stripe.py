"""Windows reach Stripe once: whatever is lost, refused, repeated or interrupted on the way."""

import asyncio
import random
from datetime import timedelta
from functools import partial

import pytest

from relay import billing, clock
from relay.billing import outbox as pushing
from relay.gateways.payments import PaymentsFailed
from relay.money import PICO_PER_CENT, PICO_PER_USD
from tests.fixtures.billing_desk import BAD_CARD, DAY, Identity, Town, shuffled

HOUR = 3600
METER = "POST /v1/billing/meter_events"


async def on_a_plan(here: Town, name: str = "ada") -> Identity:
    """Somebody whose included credit is used up."""
    who = here.person(name)
    await here.buy_plan(who)
    await here.use(who, 10 * PICO_PER_USD)
    return who


async def test_a_lost_answer_is_settled_by_the_identifier(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    here.stripe.ask(behaviour="lost", path=METER)
    await here.tick()
    assert [row.state for row in here.outbox(ada)] == ["pending"]
    assert here.metered(ada) == 100
    await here.advance(60)
    await here.tick()
    assert [row.state for row in here.outbox(ada)] == ["sent"]
    assert here.metered(ada) == 100
    assert await here.differences() == []


async def test_a_day_later_the_meter_is_read_before_anything_is_sent_again(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    here.stripe.ask(behaviour="lost", path=METER)
    await here.tick()
    await here.advance(3 * DAY)
    await here.use(ada, PICO_PER_USD)
    await here.tick()
    assert here.metered(ada) == 200
    assert [row.stripe_id == "metered" for row in here.outbox(ada)] == [True, False]
    assert await here.differences() == []


async def test_a_day_later_what_never_arrived_is_sent(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    here.stripe.ask(behaviour="refused", path=METER)
    await here.tick()
    await here.advance(3 * DAY)
    await here.tick()
    assert here.metered(ada) == 100
    assert await here.differences() == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_tried_again_in_the_order_of_the_windows(here: Town, status: int) -> None:
    ada = await on_a_plan(here)
    here.stripe.ask(status=status, path=METER)
    for _ in range(2):
        await here.use(ada, PICO_PER_USD)
        await here.tick()
    assert here.metered(ada) == 0
    await here.advance(60)
    await here.tick()
    assert [(row.state, row.attempts) for row in here.outbox(ada)] == [("sent", 2), ("sent", 1)]
    assert await here.differences() == []


async def test_many_pushes_at_once_deliver_each_window_once(anywhere: Town) -> None:
    people = [await on_a_plan(anywhere, f"p{number}") for number in range(3)]
    for who in people:
        for _ in range(3):
            await anywhere.use(who, PICO_PER_USD)
            await anywhere.database.write(partial(billing.seal, account_id=who.account_id))
    done = await asyncio.gather(*(billing.push(anywhere.office) for _ in range(5)))
    assert sum(done) == 9
    assert [anywhere.metered(who) for who in people] == [300, 300, 300]
    assert await anywhere.differences() == []


async def test_a_process_that_died_after_telling_the_meter_leaves_no_double(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    await here.database.write(partial(billing.seal, account_id=ada.account_id))
    row = await here.database.write(partial(pushing.claim, account_id=ada.account_id))
    await here.office.payments.tell_meter(here.customer(ada), row.cents, row.used_at, row.identifier)
    await here.tick()
    assert [r.state for r in here.outbox(ada)] == ["pending"]
    await here.advance(pushing.CLAIM_SECONDS + 1)
    await here.tick()
    assert here.metered(ada) == 100
    assert [r.state for r in here.outbox(ada)] == ["sent"]
    assert await here.differences() == []


async def test_a_sync_that_is_stopped_anywhere_reaches_the_same_total(anywhere: Town) -> None:
    people = [await on_a_plan(anywhere, f"p{number}") for number in range(3)]
    dice = random.Random(7)
    for _ in range(12):
        for who in people:
            await anywhere.use(who, dice.randrange(PICO_PER_CENT // 3, 3 * PICO_PER_CENT))
        stopped = asyncio.create_task(anywhere.tick())
        await asyncio.sleep(dice.random() / 50)
        stopped.cancel()
        await asyncio.wait([stopped])
        await anywhere.advance(pushing.CLAIM_SECONDS * dice.choice([0, 2]))
    for _ in range(3):
        await anywhere.advance(pushing.CLAIM_SECONDS + 1)
        await anywhere.tick()
    overage = [anywhere.balance(who).overage_pico // PICO_PER_CENT for who in people]
    assert [anywhere.metered(who) for who in people] == overage
    assert await anywhere.differences() == []


async def test_what_stripe_refuses_for_good_waits_for_a_person_and_is_named(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    here.stripe.ask(status=400, path=METER)
    await here.tick()
    assert [row.state for row in here.outbox(ada)] == ["stuck"]
    assert any("not sent" in difference.what for difference in await here.differences())
    await here.database.write(billing.try_stuck_again)
    await here.tick()
    assert await here.differences() == []


async def test_the_same_moment_sealed_twice_makes_one_window(anywhere: Town) -> None:
    ada = await on_a_plan(anywhere)
    await anywhere.use(ada, PICO_PER_USD)
    seal = partial(billing.seal, account_id=ada.account_id)
    made = await asyncio.gather(*(anywhere.database.write(seal) for _ in range(5)))
    assert sum(made) == 1


async def test_a_clock_set_back_bills_nothing_twice(here: Town) -> None:
    ada = await on_a_plan(here)
    await here.use(ada, PICO_PER_USD)
    await here.tick()
    clock.move(timedelta(hours=-2))
    await here.use(ada, PICO_PER_USD)
    await here.tick()
    clock.move(timedelta(hours=3))
    await here.tick()
    assert sum(row.cents for row in here.outbox(ada)) == 200


async def test_without_stripe_nothing_is_bought_and_the_answer_says_so(here: Town) -> None:
    here.stripe.ask(status=500, times=9, path="/v1/customers")
    with pytest.raises(PaymentsFailed, match="APIError"):
        await billing.check_out(here.office, here.person(), "topup", "5")


async def test_a_month_of_ten_people_agrees_to_the_cent_under_faults(anywhere: Town) -> None:
    dice = random.Random(4)
    people = [anywhere.person(f"p{number}", cap_usd=dice.choice([1, 5, 50])) for number in range(10)]
    for number, who in enumerate(people):
        if number % 4 != 3:
            await anywhere.buy_plan(who)
        if number % 3 == 0:
            await anywhere.buy_credit(who, str(5 + number))
        if number == 5:
            await anywhere.buy_credit(who, "50", BAD_CARD)
    for day in range(33):
        for who in people:
            if dice.random() < 0.5:
                await anywhere.use(who, dice.randrange(PICO_PER_CENT // 3, 3 * PICO_PER_USD))
        if dice.random() < 0.4:
            anywhere.stripe.ask(behaviour=dice.choice(["lost", "refused"]), path=METER, times=2)
        if dice.random() < 0.3:
            anywhere.stripe.ask(status=dice.choice([429, 500]), times=2)
        await anywhere.advance(DAY)
        if dice.random() < 0.8:
            await anywhere.hear(shuffled(day))
        try:
            await anywhere.tick()
        except PaymentsFailed:
            continue
    anywhere.stripe.world.stripe.mischief.requests.clear()
    for _ in range(4):
        await anywhere.advance(7 * HOUR)
        await anywhere.hear()
        await anywhere.tick()
    assert await anywhere.differences() == []
    sold = {
        who.email: sum(one["amount_paid"] for one in anywhere.invoices(who)) for who in people if anywhere.customer(who)
    }
    assert len(sold) >= 8
