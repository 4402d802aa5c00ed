"""Nobody is told that something is durable which is not, and one caller's fault is not another's."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from relay import clock, ledger
from relay.database import Database
from relay.errors import Unavailable
from relay.ledger import Held
from relay.settings import Settings
from relay.tables import Lease, table
from tests.fixtures.ledger_desk import Desk, holds, open_desk, usage

leases = table(Lease)


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


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Desk]:
    database = Database(Settings(DATABASE_URL=postgres_url).database_url)
    yield open_desk(database)
    database.close()


async def test_a_server_that_only_reads_is_left_for_one_that_writes(postgres: Desk) -> None:
    """After a failover the connection is as good as ever, and its server takes nothing any more."""
    account, name = postgres.account(10), make_url(postgres.database.url).database
    await postgres.database.write(lambda c: c.execute(text("SET default_transaction_read_only = on")))
    settled = await postgres.call(account, 3)
    assert [row.request_id for row in postgres.rows(usage, account)] == [settled.request_id]
    only_reads = text(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    postgres.database.write_now(lambda c: c.execute(only_reads))
    nowhere = Database(postgres.database.url)
    for asked in (nowhere.batch(ledger.post, postgres.hold(account, 3)), nowhere.write(lease)):
        with pytest.raises(Unavailable):
            await asked
    nowhere.close()


async def test_tables_that_change_under_prepared_statements_fail_nobody(postgres: Desk) -> None:
    account = postgres.account(10)
    await postgres.call(account, 3)
    for kind in ("varchar(99)", "text"):
        postgres.database.write_now(lambda c, kind=kind: c.execute(text(f"ALTER TABLE holds ALTER model TYPE {kind}")))
        await postgres.call(account, 1)
    assert postgres.figures(account) == {"credit": 5, "held": 0, "overage": 0}


async def test_workers_that_lock_each_other_out_again_and_again_come_through(postgres: Desk) -> None:
    account, tried = postgres.account(10), list[int]()
    deadlock = text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")

    def unlucky(connection: Connection) -> int:
        tried.append(1)
        if len(tried) < 4:
            connection.execute(deadlock)
        return len(tried)

    asked = postgres.database.write(unlucky), postgres.database.batch(ledger.post, postgres.hold(account, 4))
    assert (await asyncio.gather(*asked))[0] == 4
    assert postgres.figures(account)["held"] == 4


async def test_what_an_operator_has_forbidden_is_asked_for_again_later(postgres: Desk) -> None:
    """Not taken for a fault of the call's own: its settlement would be set aside."""
    account = postgres.account(10)
    hold = await postgres.held(account, 3)
    role = f"role_{make_url(postgres.database.url).database}"
    postgres.database.write_now(
        lambda c: c.execute(text(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    )
    await postgres.database.write(lambda c: c.execute(text(f"SET ROLE {role}")))
    with pytest.raises(Unavailable):
        await postgres.database.batch(ledger.post, postgres.settlement(hold, 2))
