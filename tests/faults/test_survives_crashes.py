"""Whatever dies, and whenever: nothing is lost, nothing is doubled, and no hold is left."""

import random
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.serve import Running, in_thread
from tests.fixtures.calling import ask, message, new_customer
from tests.fixtures.crashing import Load, check_books, holds, rows_of, sweep, usage
from tests.fixtures.databases import migrate
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import PostgresCluster

RESTARTS = 3
PACED = "pace=150 tokens=100"
HOLD_TTL_SECONDS = 1
DURABLE = {"max_connections": "50"}


@pytest.fixture
def claude() -> Iterator[Running]:
    """A sandbox of our own: its books hold our requests alone."""
    with in_thread(only=("claude", "mail")) as running:
        yield running


@pytest.fixture
def crashing(tmp_path: Path, database_url: str, claude: Running) -> Iterator[Product]:
    with running_product(tmp_path, database_url, claude, HOLD_TTL_SECONDS=str(HOLD_TTL_SECONDS)) as found:
        yield found


@pytest.fixture
def on_a_disk(tmp_path: Path, sqlite_url: str, claude: Running) -> Iterator[Product]:
    with running_product(tmp_path, sqlite_url, claude) as found:
        yield found
        fill_disk(found, full=False)


def settle_the_rest(product: Product) -> None:
    time.sleep(HOLD_TTL_SECONDS + 0.5)
    sweep(product)


def test_a_live_stream_is_not_swept_however_short_the_holds_live(crashing: Product) -> None:
    key = new_customer(crashing)
    with Load(crashing, [key], "slow ms=1300 tokens=3", threads=3) as load:
        for _ in range(3):
            time.sleep(HOLD_TTL_SECONDS)
            sweep(crashing)
    settle_the_rest(crashing)
    assert set(check_books(crashing, load)) == {"complete"}
    assert load.whole


def test_a_full_disk_refuses_before_upstream_hears_of_it(on_a_disk: Product) -> None:
    key = new_customer(on_a_disk)
    assert ask(on_a_disk, key, message("fast")).status == 200
    calls = len(on_a_disk.world.claude.books.entries)
    fill_disk(on_a_disk, full=True)
    refused = [ask(on_a_disk, key, message("fast")) for _ in range(5)]
    assert {got.status for got in refused} == {503}
    assert {got.error["type"] for got in refused} == {"api_error"}
    assert len(on_a_disk.world.claude.books.entries) == calls
    fill_disk(on_a_disk, full=False)
    assert ask(on_a_disk, key, message("fast")).status == 200
    assert len(rows_of(on_a_disk, usage)) == 2
    assert on_a_disk.run("audit").returncode == 0


def test_what_ended_while_the_disk_was_full_is_booked_when_it_is_not(on_a_disk: Product) -> None:
    key = new_customer(on_a_disk)
    with Load(on_a_disk, [key], "pace=100 tokens=60", threads=8) as load:
        eventually(lambda: len(load.answered) >= 8)
        fill_disk(on_a_disk, full=True)
        eventually(lambda: len(load.whole) >= 8 and load.refused)
        assert set(load.refused) == {503}
    fill_disk(on_a_disk, full=False)
    eventually(lambda: len(rows_of(on_a_disk, usage)) == len(load.answered))
    assert check_books(on_a_disk, load) == {"complete": len(load.whole)}


def fill_disk(product: Product, *, full: bool) -> None:
    """As full as a disk can be: no file of the server's takes another byte, its log included."""
    if product.process is not None:
        _, hard = resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))


def test_postgresql_that_crashes_under_load_doubles_nothing(tmp_path: Path, claude: Running) -> None:
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        cluster = PostgresCluster(Path(folder))
        cluster.start(DURABLE)
        url = cluster.url(cluster.create())
        migrate(url)
        try:
            with running_product(tmp_path, url, claude, HOLD_TTL_SECONDS="3") as product:
                load = restart_under_load(product, cluster)
                eventually(lambda: not rows_of(product, holds))
                assert set(load.refused) <= {503}
                # The server lived on and knew the truth of every call: none is taken for dead.
                assert "process_died" not in check_books(product, load)
        finally:
            cluster.stop()


def restart_under_load(product: Product, cluster: PostgresCluster) -> Load:
    keys = [new_customer(product) for _ in range(3)]
    with Load(product, keys, PACED) as load:
        for number in range(RESTARTS):
            time.sleep(random.uniform(0.5, 1.0))
            cluster.stop(signal.SIGQUIT if number % 2 == 0 else signal.SIGINT)
            cluster.start(DURABLE)
        time.sleep(1)
    return load
