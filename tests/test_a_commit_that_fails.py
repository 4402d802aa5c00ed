"""Nobody is told that something is durable which is not, and one caller's fault is not another's."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ledger_desk import Desk, holds, open_desk
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from relay import clock, ledger
from relay.database import Database
from relay.errors import Unavailable
from relay.ledger import Held
from relay.tables import Lease, table

leases = table(Lease)


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


async def in_one_commit(desk: Desk, *asked: Callable[[], Any]) -> list[Any]:
    """Whatever is asked for waits behind a slow write, and is then taken together."""
    started, go = threading.Event(), threading.Event()
    slow = asyncio.ensure_future(desk.database.write(lambda _: started.set() or go.wait(10)))
    await asyncio.to_thread(started.wait, 10)
    waiting = [asyncio.ensure_future(ask()) for ask in asked]
    await asyncio.sleep(0)
    go.set()
    await slow
    return await asyncio.gather(*waiting, return_exceptions=True)


def lease(c: Connection, prefix: str = "") -> Any:
    row = {"name": "one", "holder": "", "expires_at": clock.now()}
    return c.execute(insert(leases).prefix_with(prefix) if prefix else insert(leases), row)


async def test_a_write_that_fails_undoes_itself_alone(desk: Desk) -> None:
    account = desk.account(10)
    desk.database.write_now(lease)
    hold = desk.hold(account, 4)
    held, failed, read = await in_one_commit(
        desk,
        lambda: desk.database.batch(ledger.post, hold),
        lambda: desk.database.write(lease),
        lambda: desk.database.write(lambda c: c.execute(text("SELECT 7")).scalar()),
    )
    assert isinstance(held, Held)
    assert isinstance(failed, IntegrityError)
    assert read == 7
    assert [row.request_id for row in desk.rows(holds, account)] == [hold.request_id]


async def test_a_hold_that_was_undone_with_the_whole_transaction_is_not_told_as_held(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    desk = open_desk(database)
    account = desk.account(10)
    desk.database.write_now(lease)
    # SQLite does by itself on a full disk what this statement asks for: it ends the whole transaction.
    outcomes = await in_one_commit(
        desk,
        lambda: desk.database.batch(ledger.post, desk.hold(account, 4)),
        lambda: desk.database.write(lambda c: lease(c, "OR ROLLBACK")),
        lambda: desk.database.write(lambda c: ledger.expire_due(c)),
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert desk.rows(holds, account) == []
    assert isinstance((await desk.at_once(desk.hold(account, 4)))[0], Held)
    database.close()
