"""Settlements that wait on this machine's disk: booked once by whoever comes to them, and no fault is silent."""

import asyncio
import os
import resource
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from relay import clock, ledger
from relay.audit import recompute
from relay.database import Database
from relay.doctor import kept
from relay.errors import Misconfigured, Unavailable
from relay.ledger import Settle
from relay.settings import Settings
from relay.settling import sweep
from relay.settling.keeping import Drawer, refuse_unless_usable
from relay.settling.unbooked import Unbooked
from tests.fixtures.ledger_desk import Desk, usage
from tests.fixtures.product import eventually


@pytest.fixture
def machine(tmp_path: Path, database_url: str) -> Settings:
    return Settings(DATABASE_URL=database_url, UNBOOKED_DIR=str(tmp_path / "deep" / "unbooked"))


def process(machine: Settings, database: Database, name: str) -> tuple[Unbooked, Drawer]:
    """One more server on that machine."""
    drawer = Drawer(machine, name)
    return Unbooked(database, drawer, lambda _: None), drawer


def files(machine: Settings) -> list[str]:
    return sorted(path.name for path in machine.unbooked_folder.glob("*"))


async def kept_by_the_dead(desk: Desk, machine: Settings, account: str, *sizes: int) -> list[Settle]:
    """Calls of those sizes that ended when the database was away, and whose process died then."""
    settles = [desk.settlement(await desk.held(account, 9), size) for size in sizes]
    unbooked, drawer = process(machine, desk.database, "dead")
    for settle in settles:
        unbooked.keep([settle])
    drawer.close()
    return settles


async def test_the_next_process_books_what_a_dead_one_kept_and_only_once(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    settles = await kept_by_the_dead(desk, machine, account, 5, 3, 4)
    await desk.at_once(settles[0])
    readers = [process(machine, desk.database, f"next{n}")[0] for n in range(3)]
    await asyncio.gather(*(reader.book_left_behind() for reader in readers))
    assert desk.figures(account) == {"credit": 100 - 12, "held": 0, "overage": 0}
    assert [row.ended for row in desk.rows(usage, account)] == ["complete"] * 3
    assert files(machine) == []
    # Not even if a file should come back with a backup of the disk.
    unbooked, drawer = process(machine, desk.database, "restored")
    unbooked.keep(settles * 2)
    drawer.close()
    await readers[0].book_left_behind()
    assert desk.figures(account)["credit"] == 100 - 12
    assert desk.database.read_now(recompute) == []


async def test_what_another_machine_has_estimated_meanwhile_is_put_right_once(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    settles = await kept_by_the_dead(desk, machine, account, 5, 3)
    clock.move(timedelta(hours=1))
    assert await sweep(desk.database) == 2
    assert desk.figures(account)["credit"] == 100
    for _ in range(2):
        await process(machine, desk.database, "next")[0].book_left_behind()
        await desk.at_once(*settles)
    assert desk.figures(account) == {"credit": 100 - 8, "held": 0, "overage": 0}
    booked = sorted(f"{row.kind} {row.ended}" for row in desk.rows(usage, account))
    assert booked == ["correction complete"] * 2 + ["request process_died"] * 2
    assert desk.database.read_now(recompute) == []


async def test_a_living_process_books_its_own_and_nobody_else_does(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    unbooked, _ = process(machine, desk.database, "living")
    unbooked.keep([desk.settlement(await desk.held(account, 9), 5)])
    await process(machine, desk.database, "other")[0].book_left_behind()
    assert desk.figures(account)["held"] == 9
    assert len(unbooked.request_ids()) == len(files(machine)) == 1
    running = asyncio.create_task(unbooked.run())
    await asyncio.to_thread(eventually, lambda: not files(machine))
    running.cancel()
    assert desk.figures(account) == {"credit": 95, "held": 0, "overage": 0}
    assert len(unbooked) == 0


async def test_a_line_that_its_process_did_not_finish_is_nobodys_word(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    await kept_by_the_dead(desk, machine, account, 5, 3)
    (path,) = machine.unbooked_folder.glob("*")
    path.write_bytes(path.read_bytes()[:-9])
    await process(machine, desk.database, "next")[0].book_left_behind()
    assert desk.figures(account) == {"credit": 95, "held": 9, "overage": 0}
    assert files(machine) == []


async def test_what_cannot_be_read_or_booked_is_set_aside_and_told(desk: Desk, machine: Settings) -> None:
    account = desk.account(100)
    settles = await kept_by_the_dead(desk, machine, account, 5, 3)
    (path,) = machine.unbooked_folder.glob("*")
    first, second = path.read_bytes().splitlines()
    wrong = [b'{"request_id": 7}', b"\xff\x00", b"", second.replace(account.encode(), b"acc_nobody")]
    path.write_bytes(b"\n".join([*wrong, first, b""]))
    with structlog.testing.capture_logs() as told:
        await process(machine, desk.database, "next")[0].book_left_behind()
    assert desk.figures(account) == {"credit": 95, "held": 9, "overage": 0}
    events = [line["event"] for line in told if line["log_level"] == "error"]
    assert events == ["kept_settlement_unreadable"] * 3 + ["settle_given_up", "kept_settlements_set_aside"]
    assert [name.rpartition(".")[2] for name in files(machine)] == ["set-aside"]
    assert settles[1].request_id in path.with_suffix(".set-aside").read_text(errors="replace")


async def test_a_folder_that_cannot_be_used_is_told_and_holds_up_nothing(desk: Desk, machine: Settings) -> None:
    machine.unbooked_folder.parent.parent.mkdir(exist_ok=True)
    machine.unbooked_folder.parent.write_text("a file where a folder shall be")
    account = desk.account(100)
    unbooked, _ = process(machine, desk.database, "living")
    with structlog.testing.capture_logs() as told:
        unbooked.keep([desk.settlement(await desk.held(account, 9), 5)])
        await unbooked.book_left_behind()
    assert [line["event"] for line in told] == ["settlements_not_kept"]
    running = asyncio.create_task(unbooked.run())
    await asyncio.to_thread(eventually, lambda: not len(unbooked))
    running.cancel()
    assert desk.figures(account)["credit"] == 95


async def test_the_doctor_tells_a_folder_that_cannot_be_used_and_what_was_set_aside(tmp_path: Path) -> None:
    machine = Settings(UNBOOKED_DIR=str(tmp_path / "deep" / "unbooked"))
    assert [finding.state for finding in await kept.check(machine)] == ["ok", "ok"]
    await asyncio.to_thread(machine.unbooked_folder.mkdir, parents=True)
    await asyncio.to_thread((machine.unbooked_folder / "one.set-aside").touch)
    assert [finding.state for finding in await kept.check(machine)] == ["ok", "wrong"]
    await asyncio.to_thread((tmp_path / "file").touch)
    for folder in (tmp_path / "file" / "unbooked", Path("/proc/unbooked")):
        machine = Settings(UNBOOKED_DIR=str(folder))
        assert [finding.state for finding in await kept.check(machine)] == ["wrong", "ok"]
        with pytest.raises(Misconfigured, match=r"UNBOOKED_DIR: .* cannot be used"):
            refuse_unless_usable(machine)


async def test_the_doctor_tells_a_disk_without_room_though_anybody_may_write_there(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        folder, _ = await kept.check(Settings(UNBOOKED_DIR=str(tmp_path)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert (folder.state, "cannot be used: File too large" in folder.found) == ("wrong", True)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_files_of_another_database_are_left_alone(desk: Desk, machine: Settings) -> None:
    await kept_by_the_dead(desk, machine, desk.account(100), 5)
    elsewhere = machine.model_copy(update={"DATABASE_URL": "postgresql://localhost/another"})
    await process(elsewhere, desk.database, "next")[0].book_left_behind()
    assert len(files(machine)) == 1


async def test_whoever_stops_waiting_for_a_database_that_is_away_has_it_kept(tmp_path: Path) -> None:
    """Also what nobody waited for in the first place, and what comes when the writer has closed."""
    machine = Settings(DATABASE_URL="postgresql://postgres@127.0.0.1:9/away", UNBOOKED_DIR=str(tmp_path))
    database = Database(machine.database_url)
    unbooked, drawer = process(machine, database, "living")
    settles = [Settle(f"req_{n}", "acc", clock.now(), "complete") for n in range(4)]
    waiting = asyncio.ensure_future(database.batch(ledger.post, settles[0], unbooked.keep))
    await asyncio.sleep(0)
    waiting.cancel()
    database.post(ledger.post, settles[1], unbooked.keep)
    with pytest.raises(Unavailable):
        await database.batch(ledger.post, settles[1], lambda _: 1 // 0)
    with pytest.raises(Unavailable):
        await database.batch(ledger.post, settles[2], unbooked.keep)
    await asyncio.to_thread(database.close)
    with pytest.raises(Unavailable):
        database.post(ledger.post, settles[3], unbooked.keep)
    drawer.close()
    (name,) = files(machine)
    assert [f"req_{n}" in (tmp_path / name).read_text() for n in range(4)] == [True] * 4
    assert unbooked.request_ids() == {f"req_{n}" for n in range(4)}
