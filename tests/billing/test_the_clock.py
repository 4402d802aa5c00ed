"""One process ticks, by a lease that moves when its holder is gone; a tick sweeps the dead and expires credit."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from relay import clock, ledger, sync
from relay.audit import recompute
from relay.database import Database
from relay.settings import Settings
from relay.tables import Lease, table
from sandbox.serve import Running
from tests.fixtures.ledger_desk import TTL, Desk, entries, holds, open_desk, usage
from tests.fixtures.product import Product, eventually, running_product

leases = table(Lease)
HOUR = timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    yield open_desk(database)
    assert database.read_now(recompute) == []


async def test_of_two_that_ask_at_once_one_has_the_lease(database: Database) -> None:
    other = Database(database.url)
    for _ in range(10):
        first = database.write(lambda c: sync.take_lease(c, "first"))
        second = other.write(lambda c: sync.take_lease(c, "second"))
        assert sorted(await asyncio.gather(first, second)) == [False, True]
        clock.move(HOUR)
    other.close()


def test_a_lease_is_kept_by_ticking_and_lost_by_silence(database: Database) -> None:
    def take(holder: str) -> bool:
        return database.write_now(lambda c: sync.take_lease(c, holder))

    assert take("first")
    for _ in range(5):
        clock.move(timedelta(seconds=sync.LEASE_SECONDS - 5))
        assert take("first")
        assert not take("second")
    clock.move(timedelta(seconds=sync.LEASE_SECONDS))
    assert take("second")
    assert not take("first")


def test_a_lease_from_before_the_clock_was_set_back_keeps_nobody_out(database: Database) -> None:
    assert database.write_now(lambda c: sync.take_lease(c, "first"))
    clock.move(-timedelta(minutes=1))
    assert not database.write_now(lambda c: sync.take_lease(c, "second"))
    clock.move(-HOUR)
    assert database.write_now(lambda c: sync.take_lease(c, "second"))
    assert not database.write_now(lambda c: sync.take_lease(c, "first"))


def test_a_lease_that_is_given_up_is_free_at_once(database: Database) -> None:
    assert database.write_now(lambda c: sync.take_lease(c, "first"))
    database.write_now(lambda c: sync.give_up_lease(c, "second"))
    assert not database.write_now(lambda c: sync.take_lease(c, "second"))
    database.write_now(lambda c: sync.give_up_lease(c, "first"))
    assert database.write_now(lambda c: sync.take_lease(c, "second"))


async def test_a_tick_settles_dead_calls_by_their_journals(desk: Desk) -> None:
    account = desk.account(100)
    silent, spoke = await desk.held(account, 10), await desk.held(account, 10)
    await desk.database.batch(ledger.post, desk.journal(spoke, 4))
    assert (await sync.tick(desk.database))["swept"] == 0
    clock.move(TTL + HOUR)
    assert (await sync.tick(desk.database))["swept"] == 2
    assert (await sync.tick(desk.database))["swept"] == 0
    rows = {row.request_id: row for row in desk.rows(usage, account)}
    assert {row.ended for row in rows.values()} == {"process_died"}
    assert (rows[silent.request_id].price_pico, rows[silent.request_id].estimated) == (0, True)
    assert (rows[spoke.request_id].output_tokens, rows[spoke.request_id].estimated) == (4, True)
    assert desk.rows(holds, account) == []


async def test_a_tick_leaves_calls_alone_that_spoke_or_are_known_to_live(desk: Desk) -> None:
    account = desk.account(100)
    journalled, renewed, living = [await desk.held(account, 10) for _ in range(3)]
    clock.move(TTL - timedelta(minutes=1))
    later = clock.now() + TTL
    renewal = ledger.Renew((renewed.request_id,), later)
    await desk.at_once(desk.journal(journalled, 4), renewal)
    clock.move(timedelta(minutes=2))
    assert (await sync.tick(desk.database, {living.request_id}))["swept"] == 0
    assert len(desk.rows(holds, account)) == 3


async def test_a_call_that_speaks_while_it_is_being_swept_is_not_swept(desk: Desk) -> None:
    account = desk.account(100)
    hold = await desk.held(account, 10)
    clock.move(TTL + HOUR)
    too_late = desk.settlement(hold, 0, swept=True)
    await desk.at_once(ledger.Renew((hold.request_id,), clock.now() + TTL))
    assert [outcome.first for outcome in await desk.at_once(too_late)] == [False]
    assert [outcome.first for outcome in await desk.at_once(desk.settlement(hold, 7))] == [True]
    assert [row.output_tokens for row in desk.rows(usage, account)] == [7]


async def test_a_hold_that_cannot_be_swept_does_not_stop_the_rest(desk: Desk) -> None:
    account = desk.account(100)
    broken, sound = await desk.held(account, 10), await desk.held(account, 10)
    mine = holds.c.request_id == broken.request_id
    desk.database.write_now(lambda c: c.execute(update(holds).where(mine).values(journal="not JSON")))
    clock.move(TTL + HOUR)
    assert (await sync.tick(desk.database))["swept"] == 1
    assert [row.request_id for row in desk.rows(holds, account)] == [broken.request_id]
    assert [row.request_id for row in desk.rows(usage, account)] == [sound.request_id]


async def test_a_tick_expires_the_credit_of_those_who_do_nothing(desk: Desk) -> None:
    account = desk.account(10)
    desk.grant(account, 5, "promo", clock.now() + HOUR)
    assert (await sync.tick(desk.database))["expired"] == 0
    clock.move(2 * HOUR)
    assert (await sync.tick(desk.database))["expired"] == 1
    assert desk.figures(account)["credit"] == 10
    assert [row.kind for row in desk.rows(entries, account)] == ["grant", "grant", "expire"]


async def test_closing_waits_for_what_was_submitted(desk: Desk) -> None:
    account, other = desk.account(100), Database(desk.database.url)
    asked = [desk.hold(account, 1) for _ in range(30)]
    for hold in asked:
        other.post(ledger.post, hold)
    other.close()
    assert {row.request_id for row in desk.rows(holds, account)} == {hold.request_id for hold in asked}


def test_the_lease_moves_when_its_server_is_killed_and_is_given_up_when_it_is_stopped(
    tmp_path: Path, postgres_url: str, world: Running
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with (
        running_product(folders[0], postgres_url, world) as first,
        running_product(folders[1], postgres_url, world) as second,
    ):
        holder = eventually(lambda: lease_of(first))
        first.kill()
        # Nobody waits half a minute here: the dead process's time is over a little sooner.
        end_lease(second)
        assert eventually(lambda: lease_of(second) != holder and lease_of(second))
        # An orderly end gives it up.
        second.kill(signal.SIGTERM)
        assert lease_of(second) is None


def lease_of(product: Product) -> str | None:
    return on(product, lambda c: c.execute(select(leases.c.holder)).scalar())


def end_lease(product: Product) -> None:
    on(product, lambda c: c.execute(update(leases).values(expires_at=clock.now())))


def on(product: Product, work: Callable[[Connection], Any]) -> Any:
    database = Database(Settings(DATABASE_URL=product.environment["DATABASE_URL"]).database_url)
    try:
        return database.write_now(work)
    finally:
        database.close()
