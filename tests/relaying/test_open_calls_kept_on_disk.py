"""A process that dies in the middle of a stream while the database is away: booked by what it had relayed by then."""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from relay import clock, ledger
from relay.audit import recompute
from relay.database import Database
from relay.ledger import Hold, Journal
from relay.metering import Learnt
from relay.settings import Settings
from relay.settling import sweep as sweep_dead
from relay.settling.keeping import Drawer, OpenCall, Slate
from relay.settling.open_calls import OpenCalls
from relay.settling.unbooked import Unbooked
from sandbox.serve import Running
from tests.fixtures.calling import new_customer, start_stream
from tests.fixtures.crashing import holds, rows_of
from tests.fixtures.endings import sent_tokens
from tests.fixtures.ledger_desk import MODEL, TTL, Desk, open_desk, usage
from tests.fixtures.product import eventually, running_product

AWAY_SECONDS = 2
TOKENS_A_SECOND = 60


@contextmanager
def away(database_url: str) -> Generator[None]:
    """Somebody has locked it: it takes nothing, and says nothing."""
    engine = create_engine(Settings(DATABASE_URL=database_url).database_url, isolation_level="AUTOCOMMIT")
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        for words in ["BEGIN IMMEDIATE"] if is_sqlite else ["BEGIN", "LOCK TABLE holds IN ACCESS EXCLUSIVE MODE"]:
            connection.execute(text(words))
        yield
        connection.execute(text("ROLLBACK"))
    engine.dispose()


def test_a_process_killed_while_the_database_is_away_books_what_it_had_relayed(
    tmp_path: Path, database_url: str, database: Database, world: Running
) -> None:
    with running_product(tmp_path, database_url, world) as product:
        key = new_customer(product)
        thread, got = start_stream(product, key, f"pace={TOKENS_A_SECOND} tokens=300")
        with away(database_url):
            time.sleep(AWAY_SECONDS)
            product.kill()
            thread.join()
    assert not got[0].whole
    # It is dead for certain, so nobody waits until its hold's time is over.
    machine = Settings(DATABASE_URL=database_url, UNBOOKED_DIR=product.environment["UNBOOKED_DIR"])
    asyncio.run(Unbooked(database, Drawer(machine, "next"), lambda _: None).book_left_behind())
    (row,) = rows_of(product, usage)
    assert (row.ended, row.estimated, rows_of(product, holds)) == ("process_died", True, [])
    sent = sent_tokens(got[0].data)
    assert sent > TOKENS_A_SECOND
    assert sent - 1.5 * TOKENS_A_SECOND <= row.output_tokens <= sent + TOKENS_A_SECOND
    assert database.read_now(recompute) == []


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.fixture
def machine(tmp_path: Path, database_url: str) -> Settings:
    return Settings(DATABASE_URL=database_url, UNBOOKED_DIR=str(tmp_path / "unbooked"))


def journal(output: int, journals: int) -> str:
    return replace(Learnt(started=True, input=1, output=output), journals=journals - 1).journal()


def known(desk: Desk, hold: Hold, output: int, journals: int) -> OpenCall:
    version = desk.prices.version
    return OpenCall(hold.request_id, hold.account_id, MODEL, hold.max_tokens, version, journal(output, journals))


async def left_by_the_dead(machine: Settings, *calls: OpenCall) -> None:
    slate = Slate(machine, "dead")
    slate.write(calls)
    slate.close()


def next_process(desk: Desk, machine: Settings) -> Unbooked:
    return Unbooked(desk.database, Drawer(machine, "next"), lambda _: None)


def files(machine: Settings) -> list[str]:
    return sorted(path.name for path in machine.unbooked_folder.glob("*"))


async def test_the_newer_of_two_journals_counts_once(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    first, second = await desk.held(account, 30), await desk.held(account, 30)
    until = clock.now() + TTL
    await desk.at_once(*(Journal(hold.request_id, journal(7, 3), until) for hold in (first, second)))
    left = known(desk, first, 9, 4), known(desk, second, 5, 2)
    for _ in range(2):
        # The second time as if the file had come back with a backup of the disk.
        await left_by_the_dead(machine, *left)
        await asyncio.gather(*(next_process(desk, machine).book_left_behind() for _ in range(3)))
        booked = {row.request_id: row.output_tokens for row in desk.rows(usage, account)}
        assert booked == {first.request_id: 9, second.request_id: 7}
        assert files(machine) == []
    assert desk.figures(account)["held"] == 0
    assert desk.database.read_now(recompute) == []


async def test_a_sweep_that_knew_less_is_put_right_and_one_that_knew_more_stands(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    knew = [await desk.held(account, 30) for _ in range(2)]
    await desk.at_once(*(Journal(hold.request_id, journal(7, 3), clock.now()) for hold in knew))
    clock.move(timedelta(hours=1))
    assert await sweep_dead(desk.database) == 2
    for _ in range(2):
        await left_by_the_dead(machine, known(desk, knew[0], 9, 4), known(desk, knew[1], 5, 2))
        await next_process(desk, machine).book_left_behind()
    rows = desk.rows(usage, account)
    assert sorted((row.kind, row.output_tokens) for row in rows) == [("correction", 2), ("request", 7), ("request", 7)]
    assert desk.database.read_now(recompute) == []


async def test_what_its_process_booked_itself_is_the_last_word(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    hold = await desk.held(account, 30)
    await left_by_the_dead(machine, known(desk, hold, 9, 4))
    drawer = Drawer(machine, "dead")
    drawer.keep([replace(desk.settlement(hold, 4), ended="process_died")])
    drawer.close()
    await next_process(desk, machine).book_left_behind()
    assert [row.output_tokens for row in desk.rows(usage, account)] == [4]
    assert files(machine) == []


async def test_a_living_process_tells_the_database_as_soon_as_it_answers(
    desk: Desk, machine: Settings, database_url: str
) -> None:
    account = desk.account(100)
    goes_on, ends = await desk.held(account, 30), await desk.held(account, 30)
    learnt = Learnt(started=True, input=1)
    open_calls = OpenCalls(desk.database, Slate(machine, "living"), 900)
    for hold in (goes_on, ends):
        open_calls.add(hold.request_id, lambda hold=hold: replace(known(desk, hold, 0, 1), journal=learnt.journal()))
    running = asyncio.create_task(open_calls.run())
    with away(database_url):
        desk.database.post(ledger.post, Journal(goes_on.request_id, journal(3, 1), clock.now() + TTL))
        await asyncio.to_thread(eventually, lambda: list(machine.unbooked_folder.glob("*.open")))
        open_calls.remove(ends.request_id)
        learnt.output = 11
        (path,) = machine.unbooked_folder.glob("*.open")
        await asyncio.to_thread(eventually, lambda: path.read_text().count('output\\":11,') == 1)
        assert ends.request_id in path.read_text()
        # Whoever comes by meanwhile leaves it alone: its process lives.
        assert path in Drawer(machine, "next").left_behind()
    await asyncio.to_thread(eventually, lambda: not files(machine))
    running.cancel()
    noted = {row.request_id: Learnt.from_journal(row.journal) for row in desk.rows(holds, account)}
    assert noted[goes_on.request_id].output == 11
