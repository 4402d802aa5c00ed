"""Credit is refunded, a cap lowered, a plan ended while a call is open: the call settles whole, no overage passes the
cap, and what neither covers is owed. Nobody owes for having lowered a cap.
"""

import asyncio
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from relay import clock, ledger
from relay.database import Database, migrations
from relay.errors import CapReached, InsufficientCredit, ProductError
from relay.ids import new_id
from relay.ledger import Hold
from relay.settings import Settings
from tests.fixtures.ledger_desk import Desk, balances, entries, grants, usage

pytestmark = pytest.mark.usefixtures("nothing_differs_afterwards")
PAID = "a payment"
BEFORE = "5d0c8f13ab96"
"""The revision before holds kept their cap."""


def on_a_plan(desk: Desk, cap: int, credit: int = 0) -> str:
    account = desk.account(has_plan=True, spend_cap=cap)
    if credit:
        desk.grant(account, credit, key=PAID)
    return account


def refund(desk: Desk, account: str, size: int) -> None:
    key = new_id("refund")
    desk.database.write_now(lambda c: ledger.claw_back(c, account, PAID, key, size * desk.unit))


def set_cap(desk: Desk, account: str, cap: int) -> None:
    desk.database.write_now(lambda c: ledger.set_cap(c, account, cap * desk.unit))


async def settle(desk: Desk, hold: Hold, size: int) -> None:
    await desk.database.batch(ledger.post, desk.settlement(hold, size))


async def test_what_a_refund_took_from_under_a_call_is_owed_and_passes_no_cap(desk: Desk) -> None:
    account = on_a_plan(desk, cap=5, credit=10)
    call = await desk.held(account, 15)
    refund(desk, account, 10)
    await settle(desk, call, 15)
    assert desk.figures(account) == {"credit": -10, "held": 0, "overage": 5}
    with pytest.raises(InsufficientCredit, match=r"The account owes \$\S+, which new credit covers first"):
        await desk.held(account, 1)
    desk.grant(account, 12)
    assert desk.figures(account) == {"credit": 2, "held": 0, "overage": 5}
    await desk.call(account, 2)


async def test_what_the_cap_still_allows_is_overage_as_ever(desk: Desk) -> None:
    account = on_a_plan(desk, cap=50, credit=10)
    call = await desk.held(account, 10)
    refund(desk, account, 10)
    await settle(desk, call, 8)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 8}
    await desk.call(account, 42)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_of_several_calls_it_makes_no_difference_which_ends_first(desk: Desk, order: tuple[int, ...]) -> None:
    account = on_a_plan(desk, cap=6, credit=10)
    calls = [await desk.held(account, 5) for _ in range(3)]
    refund(desk, account, 7)
    for n in order:
        await settle(desk, calls[n], 5)
    assert desk.figures(account) == {"credit": -6, "held": 0, "overage": 6}


async def test_lowering_a_cap_under_a_call_leaves_nobody_in_debt(desk: Desk) -> None:
    account = on_a_plan(desk, cap=20, credit=10)
    call = await desk.held(account, 15)
    set_cap(desk, account, 0)
    with pytest.raises(InsufficientCredit):
        await desk.held(account, 1)
    await settle(desk, call, 15)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 5}
    desk.grant(account, 1)
    await desk.call(account, 1)


async def test_a_call_that_was_held_for_after_the_cap_was_lowered_stays_below_it(desk: Desk) -> None:
    account = on_a_plan(desk, cap=20, credit=10)
    early = await desk.held(account, 1)
    set_cap(desk, account, 2)
    late = await desk.held(account, 11)
    refund(desk, account, 10)
    await settle(desk, late, 11)
    assert desk.figures(account) == {"credit": -9, "held": 1, "overage": 2}
    await settle(desk, early, 1)
    # It may go as far as the cap that it was held under.
    assert desk.figures(account) == {"credit": -9, "held": 0, "overage": 3}


async def test_a_cap_that_was_raised_counts_at_once(desk: Desk) -> None:
    account = on_a_plan(desk, cap=0, credit=10)
    call = await desk.held(account, 10)
    refund(desk, account, 10)
    set_cap(desk, account, 10)
    await settle(desk, call, 10)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 10}


async def test_pay_per_use_that_ends_under_a_call_pays_for_it_as_agreed(desk: Desk) -> None:
    account = on_a_plan(desk, cap=5, credit=10)
    call, other = await desk.held(account, 12), await desk.held(account, 3)
    desk.database.write_now(lambda c: ledger.allow_overage(c, account, False))
    await settle(desk, call, 12)
    refund(desk, account, 10)
    await settle(desk, other, 3)
    assert desk.figures(account) == {"credit": -10, "held": 0, "overage": 5}


async def test_a_call_over_a_months_end_counts_in_the_month_in_which_it_ends(desk: Desk) -> None:
    account = on_a_plan(desk, cap=5, credit=10)
    first, second = await desk.held(account, 5), await desk.held(account, 10)
    refund(desk, account, 10)
    await settle(desk, first, 5)
    now = clock.now()
    until = now + timedelta(days=30)
    desk.database.write_now(lambda c: ledger.begin_period(c, account, now, until, 5 * desk.unit))
    await settle(desk, second, 10)
    assert desk.figures(account) == {"credit": -5, "held": 0, "overage": 10}


async def test_a_call_without_a_plan_owes_what_was_refunded_under_it(desk: Desk) -> None:
    account = desk.account()
    desk.grant(account, 10, key=PAID)
    call = await desk.held(account, 6)
    refund(desk, account, 4)
    await settle(desk, call, 6)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 0}
    refund(desk, account, 6)
    assert desk.figures(account)["credit"] == -6


async def test_a_call_that_needed_less_owes_less_and_one_that_was_released_owes_nothing(desk: Desk) -> None:
    account = on_a_plan(desk, cap=0, credit=10)
    call, other = await desk.held(account, 5), await desk.held(account, 5)
    refund(desk, account, 10)
    await settle(desk, other, 0)
    assert desk.figures(account) == {"credit": 0, "held": 5, "overage": 0}
    await settle(desk, call, 2)
    assert desk.figures(account) == {"credit": -2, "held": 0, "overage": 0}


async def test_a_bound_that_failed_or_a_correction_passes_no_cap_either(desk: Desk) -> None:
    account = on_a_plan(desk, cap=5)
    call = await desk.held(account, 5)
    await settle(desk, call, 7)
    # No grant was ever given: an empty one carries the debt.
    assert desk.figures(account) == {"credit": -2, "held": 0, "overage": 5}
    more = {"tokens": {"output": 10}}
    desk.database.write_now(lambda c: ledger.correct(c, call.request_id, reason="a test", **more))
    assert desk.figures(account) == {"credit": -5, "held": 0, "overage": 5}
    assert [row.remaining_pico for row in desk.rows(grants, account)] == [-5 * desk.unit]
    desk.grant(account, 6)
    assert desk.figures(account) == {"credit": 1, "held": 0, "overage": 5}


async def test_a_dispute_that_is_won_repays_first_what_other_grants_owe(desk: Desk) -> None:
    account = on_a_plan(desk, cap=0, credit=10)
    call = await desk.held(account, 10)
    desk.database.write_now(lambda c: ledger.claw_back(c, account, PAID, "a dispute", 10 * desk.unit))
    last = desk.grant(account, 1)
    await settle(desk, call, 10)
    assert (desk.figures(account)["credit"], desk.remaining(last)) == (-9, -9)
    desk.database.write_now(lambda c: ledger.give_back(c, "a dispute"))
    assert (desk.figures(account)["credit"], desk.remaining(last)) == (1, 0)


async def test_a_cap_that_is_full_is_a_cap_that_is_reached(desk: Desk) -> None:
    account = on_a_plan(desk, cap=3)
    await desk.call(account, 3)
    with pytest.raises(CapReached):
        await desk.held(account, 1)


async def test_a_call_that_an_older_version_held_for_settles_under_the_cap_of_now(
    desk: Desk, database_url: str
) -> None:
    account = on_a_plan(desk, cap=5, credit=10)
    call = await desk.held(account, 15)
    for words in (
        "ALTER TABLE holds DROP COLUMN spend_cap_pico",
        f"UPDATE alembic_version SET version_num = '{BEFORE}'",
    ):
        desk.database.write_now(lambda c, words=words: c.execute(text(words)))
    migrations.upgrade(Settings(DATABASE_URL=database_url))
    refund(desk, account, 10)
    await settle(desk, call, 15)
    assert desk.figures(account) == {"credit": -10, "held": 0, "overage": 5}


async def test_whatever_comes_together_no_overage_passes_the_cap_and_all_use_is_paid_or_owed(desk: Desk) -> None:
    """Two processes, calls that overlap, refunds and their failures, caps that go up and down below the highest."""
    account, other = on_a_plan(desk, cap=20, credit=30), Database(desk.database.url)
    dice = Random(5)

    async def call(database: Database) -> None:
        hold = desk.hold(account, dice.randint(1, 12))
        try:
            await database.batch(ledger.post, hold)
        except ProductError:
            return
        await asyncio.sleep(dice.random() / 100)
        await database.batch(ledger.post, desk.settlement(hold, dice.randint(0, hold.amount_pico // desk.unit)))

    async def money(database: Database, turn: int) -> None:
        key, size = f"payment {turn}", dice.randint(1, 20) * desk.unit
        given: dict[str, Any] = {"kind": "topup", "amount_pico": size, "key": key, "reason": "a test"}
        await database.write(partial(ledger.grant, account_id=account, **given))
        await asyncio.sleep(dice.random() / 100)
        taken = {"grant_key": key, "key": f"refund {turn}", "amount_pico": dice.randint(1, 20) * desk.unit}
        await database.write(partial(ledger.claw_back, account_id=account, **taken))
        await database.write(partial(ledger.set_cap, account_id=account, cap_pico=dice.randint(10, 20) * desk.unit))
        if turn % 5 == 0:
            await database.write(partial(ledger.give_back, key=f"refund {turn}"))

    both = (desk.database, other)
    for turn in range(15):
        await asyncio.gather(*(call(database) for database in both * 4), money(both[turn % 2], turn))
    other.close()
    (row,) = desk.rows(balances, account)
    assert (row.held_pico, row.overage_pico <= 20 * desk.unit) == (0, True)
    given = sum(e.amount_pico for e in desk.rows(entries, account) if e.kind in ("grant", "clawback"))
    used = sum(u.price_pico for u in desk.rows(usage, account))
    assert used == given - row.credit_pico + row.overage_pico
