"""A disk that fails: who is told 200 is on it, who cannot be is refused before upstream hears of him."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from relay.database import Database
from sandbox.serve import Running, in_thread
from tests.fixtures.calling import ask, message, new_customer
from tests.fixtures.crashing import Load, check_books, rows_of, usage
from tests.fixtures.ledger_desk import Desk, holds, open_desk, split
from tests.fixtures.product import Product, eventually, running_product

STRACE = shutil.which("strace")


def may_trace() -> bool:
    return (
        STRACE is not None and subprocess.run([STRACE, "-o", "/dev/null", "true"], capture_output=True).returncode == 0
    )


needs_strace = pytest.mark.skipif(
    not may_trace(), reason="strace cannot be had or may not trace here: install it (apt install strace), allow ptrace"
)
FAULTS = ("fdatasync,fsync:error=EIO", "pwrite64:error=EIO", "pwrite64:error=ENOSPC")
"""No flush comes through; no page can be written; the disk is full."""


@pytest.fixture
def claude() -> Iterator[Running]:
    with in_thread(only=("claude", "mail")) as running:
        yield running


@pytest.fixture
def product(tmp_path: Path, sqlite_url: str, claude: Running) -> Iterator[Product]:
    with running_product(tmp_path, sqlite_url, claude) as found:
        yield found


@contextmanager
def injected(product: Product, fault: str) -> Iterator[None]:
    """The system calls of all of the server's threads fail as `fault` says, until the block is left."""
    assert STRACE is not None
    assert product.process is not None
    names = fault.partition(":")[0]
    command = [STRACE, "-f", "-p", str(product.process.pid), "-e", f"trace={names}", "-e", f"inject={fault}"]
    with (product.log.parent / "strace.log").open("wb") as out:
        tracing = subprocess.Popen(command, stdout=out, stderr=out)
    log = Path(out.name)
    try:
        eventually(lambda: b"attached" in log.read_bytes() or tracing.poll() is not None)
        assert tracing.poll() is None, log.read_text()
        yield
    finally:
        tracing.terminate()
        tracing.wait(20)


@needs_strace
def test_a_disk_that_takes_nothing_refuses_before_upstream_hears_of_it(product: Product) -> None:
    key = new_customer(product)
    for served, fault in enumerate(FAULTS, start=1):
        assert ask(product, key, message("fast")).status == 200
        calls = len(product.world.claude.books.entries)
        with injected(product, fault):
            refused = [ask(product, key, message("fast", stream=stream)) for stream in (True, False)]
        assert {(got.status, got.error["type"]) for got in refused} == {(503, "api_error")}, fault
        assert len(product.world.claude.books.entries) == calls
        assert len(rows_of(product, usage)) == served
    assert ask(product, key, message("fast")).status == 200
    assert product.run("audit").returncode == 0


@needs_strace
def test_flushes_that_fail_now_and_then_lose_nothing_that_was_acknowledged(product: Product) -> None:
    keys = [new_customer(product) for _ in range(3)]
    with Load(product, keys, "pace=200 tokens=60", threads=12) as load:
        eventually(lambda: len(load.answered) >= 12)
        with injected(product, "fdatasync:error=EIO:when=2+3"):
            eventually(lambda: len(load.refused) >= 5)
        eventually(lambda: len(load.whole) >= 12)
    eventually(lambda: not rows_of(product, holds))
    assert set(load.refused) == {503}
    assert set(check_books(product, load)) == {"complete"}


async def test_a_database_that_may_not_grow_refuses_and_keeps_what_it_has(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    desk = open_desk(database)
    account = desk.account(10_000)
    await may_grow_by(desk, 2)
    held, refused = split([outcome for _ in range(600) for outcome in await desk.at_once(desk.hold(account, 1))])
    assert refused
    assert {refusal.status for refusal in refused} == {503}
    await may_grow_by(desk, 10_000)
    assert len(desk.rows(holds, account)) == len(held)
    assert desk.figures(account)["held"] == len(held)
    more, _ = split(await desk.at_once(desk.hold(account, 1)))
    assert more
    database.close()


async def may_grow_by(desk: Desk, pages: int) -> None:
    """The limit belongs to the writing connection alone."""
    so_far = await desk.database.write(lambda c: c.execute(text("PRAGMA page_count")).scalar())
    await desk.database.write(lambda c: c.execute(text(f"PRAGMA max_page_count = {so_far + pages}")).scalar())
