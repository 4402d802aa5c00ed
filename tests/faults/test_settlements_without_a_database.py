"""What ended while the database was away is booked as upstream billed it, even if its process dies meanwhile."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.serve import Running, in_thread
from tests.fixtures.calling import new_customer
from tests.fixtures.crashing import Load, check_books, holds, rows_of, sweep
from tests.fixtures.databases import migrate
from tests.fixtures.product import eventually, running_product
from tests.fixtures.servers import PostgresCluster

DURABLE = {"max_connections": "50"}
HOLD_TTL_SECONDS = 2


@pytest.fixture
def claude() -> Iterator[Running]:
    """A sandbox of our own: its books hold our requests alone."""
    with in_thread(only=("claude", "mail")) as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """PostgreSQL of our own, to take away."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        found = PostgresCluster(Path(folder))
        found.start(DURABLE)
        yield found
        found.stop()


def test_a_process_that_dies_before_the_database_is_back_loses_nothing_that_it_was_told(
    tmp_path: Path, cluster: PostgresCluster, claude: Running
) -> None:
    url = cluster.url(cluster.create())
    migrate(url)
    with running_product(tmp_path, url, claude, HOLD_TTL_SECONDS=str(HOLD_TTL_SECONDS)) as product:
        with Load(product, [new_customer(product)], "pace=40 tokens=60", threads=6) as load:
            eventually(lambda: len(load.answered) >= 6)
            cluster.stop()
            eventually(lambda: len(load.whole) >= 6 and load.refused)
            product.kill()
        cluster.start(DURABLE)
        product.start()
        time.sleep(HOLD_TTL_SECONDS)
        sweep(product)
        eventually(lambda: not rows_of(product, holds))
        assert check_books(product, load) == {"complete": 6}
