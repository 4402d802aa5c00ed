"""No account spends what it does not have, at any concurrency; every hold returns what it did not need."""

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from relay import clock, ledger, sync
from relay.database import Database
from relay.errors import BadInput, CapReached, InsufficientCredit, NotFound
from relay.ledger import Held, Settled
from tests.fixtures.ledger_desk import Desk, at_once, entries, grants, holds, split, usage

pytestmark = pytest.mark.usefixtures("nothing_differs_afterwards")
HOUR = timedelta(hours=1)


async def test_of_a_hundred_with_money_for_one_one_is_held(desk: Desk) -> None:
    account = desk.account(10)
    held, refused = split(await desk.at_once(*(desk.hold(account, 10) for _ in range(100))))
    assert (len(held), len(refused)) == (1, 99)
    assert desk.figures(account) == {"credit": 10, "held": 10, "overage": 0}


async def test_of_a_hundred_in_two_processes_as_many_are_held_as_there_is_money_for(desk: Desk) -> None:
    account, other = desk.account(35), Database(desk.database.url)
    asked = [(database, desk.hold(account, 10)) for _ in range(50) for database in (desk.database, other)]
    held, _ = split(await at_once(asked))
    other.close()
    assert len(held) == 3
    assert desk.figures(account)["held"] == 30


async def test_a_refusal_in_a_batch_refuses_no_neighbour(desk: Desk) -> None:
    poor, rich = desk.account(1), desk.account(100)
    nobody = desk.hold("acct_nobody", 1)
    commands = [desk.hold(poor, 2), desk.hold(rich, 2), nobody, desk.hold(poor, 1), desk.hold(rich, 2)]
    outcomes = desk.database.write_now(lambda c: ledger.post(c, commands))
    kinds = [InsufficientCredit, Held, NotFound, Held, Held]
    assert [type(outcome) for outcome in outcomes] == kinds


async def test_a_command_that_the_database_refuses_refuses_no_neighbour(desk: Desk) -> None:
    account = desk.account(100)
    before = await desk.held(account, 1)
    # A figure that no column can take: the whole transaction fails on it, and is done again without it.
    broken = desk.settlement(before, 1, first_token_ms=1 << 70)
    outcomes = await desk.at_once(*(desk.hold(account, 1) for _ in range(5)), broken, desk.hold(account, 1))
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Held)] == [Held] * 6
    assert desk.figures(account)["held"] == 7


async def test_a_refusal_says_what_is_there_and_what_was_needed(desk: Desk) -> None:
    account = desk.account(3)
    with pytest.raises(InsufficientCredit) as refused:
        await desk.held(account, 4)
    assert refused.value.details == {"available_pico": 3 * desk.unit, "needed_pico": 4 * desk.unit}
    assert desk.rows(holds, account) == []


async def test_what_a_hold_did_not_need_serves_the_next_at_once(desk: Desk) -> None:
    account = desk.account(10)
    for _ in range(8):
        hold = await desk.held(account, 3)
        await desk.database.batch(ledger.post, desk.settlement(hold, 1))
    assert desk.figures(account) == {"credit": 2, "held": 0, "overage": 0}


async def test_what_returns_can_be_held_in_the_same_batch(desk: Desk) -> None:
    account = desk.account(10)
    big = await desk.held(account, 10)
    commands = [desk.hold(account, 9), desk.settlement(big, 1)]
    outcomes = desk.database.write_now(lambda c: ledger.post(c, commands))
    assert outcomes == [Held(0), Settled(9 * desk.unit)]


async def test_the_answer_comes_after_the_hold_is_on_disk(desk: Desk) -> None:
    account, other = desk.account(10), Database(desk.database.url)
    hold = await desk.held(account, 4)
    seen = other.read_now(lambda c: c.execute(select(holds.c.request_id)).scalars().all())
    other.close()
    assert seen == [hold.request_id]


async def test_asking_twice_for_one_request_holds_once(desk: Desk) -> None:
    account = desk.account(10)
    hold = desk.hold(account, 4)
    outcomes = [*await desk.at_once(hold, hold), *await desk.at_once(hold)]
    assert outcomes == [Held(6 * desk.unit)] * 3
    assert desk.figures(account)["held"] == 4


async def test_a_settlement_repeated_anywhere_books_once(desk: Desk) -> None:
    account, other = desk.account(10), Database(desk.database.url)
    hold = await desk.held(account, 4)
    command = desk.settlement(hold, 3)
    outcomes = await at_once((database, command) for _ in range(20) for database in (desk.database, other))
    other.close()
    assert sorted(outcome.first for outcome in outcomes) == [False] * 39 + [True]
    assert desk.figures(account) == {"credit": 7, "held": 0, "overage": 0}
    assert [row.request_id for row in desk.rows(usage, account)] == [hold.request_id]


async def test_a_release_returns_all_and_leaves_a_row_without_a_price(desk: Desk) -> None:
    account = desk.account(10)
    hold = await desk.held(account, 10)
    await desk.database.batch(ledger.post, desk.settlement(hold, 0, status=529))
    assert desk.figures(account) == {"credit": 10, "held": 0, "overage": 0}
    assert [(row.price_pico, row.status) for row in desk.rows(usage, account)] == [(0, 529)]


async def test_a_key_spends_no_more_than_its_cap(desk: Desk) -> None:
    account = desk.account(100)
    capped = desk.capped_key(account, 10)
    outcomes = await desk.at_once(*(desk.hold(account, 4, capped) for _ in range(20)))
    held, refused = split(outcomes)
    assert (len(held), {type(error) for error in refused}) == (2, {CapReached})
    for row in desk.rows(holds, account):
        command = replace(desk.settlement(desk.hold(account, 4), 3), request_id=row.request_id)
        await desk.database.batch(ledger.post, command)
    assert isinstance((await desk.at_once(desk.hold(account, 5, capped)))[0], CapReached)
    await desk.held(account, 4, capped)
    await desk.held(account, 90)


async def test_a_call_may_burn_what_was_live_when_it_was_held(desk: Desk) -> None:
    account = desk.account()
    ending = desk.grant(account, 10, "promo", clock.now() + HOUR)
    hold = await desk.held(account, 6)
    clock.move(2 * HOUR)
    desk.database.write_now(ledger.expire_due)
    assert desk.figures(account) == {"credit": 6, "held": 6, "overage": 0}
    assert isinstance((await desk.at_once(desk.hold(account, 1)))[0], InsufficientCredit)
    settled = await desk.database.batch(ledger.post, desk.settlement(hold, 5))
    # The token that the call left over has expired with the rest: nothing of it is told as available.
    assert settled == Settled(0)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 0}
    assert desk.remaining(ending) == 0


async def test_expired_credit_holds_nothing_even_before_the_clock_ticks(desk: Desk) -> None:
    account = desk.account()
    desk.grant(account, 10, "promo", clock.now() + HOUR)
    clock.move(2 * HOUR)
    assert isinstance((await desk.at_once(desk.hold(account, 1)))[0], InsufficientCredit)
    desk.database.write_now(ledger.expire_due)
    assert [entry.kind for entry in desk.rows(entries, account)] == ["grant", "expire"]


async def test_the_soonest_to_expire_burns_first_then_promo_then_paid(desk: Desk) -> None:
    account = desk.account()
    paid = desk.grant(account, 10, "topup")
    promo = desk.grant(account, 10, "promo")
    later = desk.grant(account, 10, "monthly", clock.now() + 2 * HOUR)
    sooner = desk.grant(account, 10, "topup", clock.now() + HOUR)
    for grant in (sooner, later, promo, paid):
        await desk.call(account, 9)
        assert desk.remaining(grant) == 1, grant
        await desk.call(account, 1)


async def test_a_bound_that_failed_leaves_a_debt_that_the_next_grant_repays(desk: Desk) -> None:
    account = desk.account(10)
    hold = await desk.held(account, 10)
    with structlog.testing.capture_logs() as told:
        await desk.database.batch(ledger.post, desk.settlement(hold, 14))
    assert [(line["event"], line["request_id"]) for line in told] == [("beyond_its_hold", hold.request_id)]
    assert desk.figures(account) == {"credit": -4, "held": 0, "overage": 0}
    assert isinstance((await desk.at_once(desk.hold(account, 1)))[0], InsufficientCredit)
    repaying = desk.grant(account, 3, "promo")
    assert (desk.remaining(repaying), desk.figures(account)["credit"]) == (0, -1)
    last = desk.grant(account, 6)
    assert (desk.remaining(last), desk.figures(account)["credit"]) == (5, 5)
    await desk.call(account, 5)


async def test_beyond_credit_a_plan_goes_on_up_to_its_cap(desk: Desk) -> None:
    account = desk.account(10, has_plan=True, spend_cap=20)
    held, refused = split(await desk.at_once(*(desk.hold(account, 6) for _ in range(10))))
    assert (len(held), {type(error) for error in refused}) == (5, {CapReached})
    for row in desk.rows(holds, account):
        command = replace(desk.settlement(desk.hold(account, 6), 6), request_id=row.request_id)
        await desk.database.batch(ledger.post, command)
    assert desk.figures(account) == {"credit": 0, "held": 0, "overage": 20}
    assert isinstance((await desk.at_once(desk.hold(account, 1)))[0], CapReached)


async def test_a_key_gives_once_however_often_and_wherever_it_is_used(desk: Desk) -> None:
    account = desk.account()
    assert desk.grant(account, 5, key="a campaign")
    assert desk.grant(account, 5, key="a campaign") == 0
    assert desk.figures(account)["credit"] == 5
    for size, ends in ((0, None), (-1, None), (1, clock.now() - HOUR)):
        with pytest.raises(BadInput):
            desk.grant(account, size, ends=ends)
    with pytest.raises(NotFound):
        desk.grant("acct_nobody", 1)


async def test_what_is_booked_can_be_neither_changed_nor_deleted(desk: Desk) -> None:
    account = desk.account(10)
    await desk.call(account, 4)
    for rows in (usage, entries):
        one = select(rows).where(rows.c.account_id == account).limit(1)
        row = desk.database.read_now(lambda c, one=one: dict(c.execute(one).one()._mapping))
        attempts = [update(rows).values(account_id="acct_other"), delete(rows)]
        if desk.database.is_sqlite:
            other = row | {"account_id": "acct_other"}
            attempts += [insert(rows).prefix_with("OR REPLACE").values(other)]
            unnumbered = {name: value for name, value in other.items() if name != "id"}
            attempts += [insert(usage).prefix_with("OR REPLACE").values(unnumbered)] if rows is usage else []
        else:
            attempts += [text(f"TRUNCATE {rows.name}")]
        for attempt in attempts:
            with pytest.raises(DBAPIError, match="never changed or deleted"):
                desk.database.write_now(lambda c, attempt=attempt: c.execute(attempt))
    assert len(desk.rows(usage, account)) == 1


async def test_one_tick_expires_what_is_due_and_leaves_the_rest(desk: Desk) -> None:
    ending, lasting = desk.account(1), desk.account(1)
    for _ in range(3):
        desk.grant(ending, 1, "promo", clock.now() + HOUR)
    clock.move(2 * HOUR)
    assert (await sync.tick(desk.database))["expired"] == 1
    assert desk.figures(ending)["credit"] == desk.figures(lasting)["credit"] == 1
    assert sum(row.remaining_pico for row in desk.rows(grants, ending)) == desk.unit
