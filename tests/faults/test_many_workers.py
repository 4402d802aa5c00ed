"""Several workers are one server: figures add up, the dead are replaced, new prices reach all, the end is orderly."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.serve import Running
from tests.fixtures.calling import ask, message, new_customer, receipt, start_stream
from tests.fixtures.product import Product, eventually, running_product

WORKERS = 2
SLOW = "pace=30 tokens=200"


@pytest.fixture
def crowd(tmp_path: Path, postgres_url: str, redis_url: str, world: Running) -> Iterator[Product]:
    arguments = ("--workers", str(WORKERS))
    with running_product(tmp_path, postgres_url, world, arguments=arguments, REDIS_URL=redis_url) as found:
        yield found


def figure(product: Product, name: str) -> float:
    with product.http() as http:
        text = http.get("/metrics", headers={"connection": "close"}).raise_for_status().text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))


def children(product: Product) -> list[int]:
    """The workers' processes: those that came from a spawn, not the tracker of what they share."""
    assert product.process
    pid = product.process.pid
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_workers_count_together_are_replaced_and_take_new_prices(crowd: Product) -> None:
    key = new_customer(crowd)
    old = receipt(crowd, key, ask(crowd, key, message()).request_id)
    for _ in range(7):
        ask(crowd, key, message())
    assert {figure(crowd, "relay_requests_total") for _ in range(8)} == {8}

    stream, got = start_stream(crowd, key, SLOW)
    eventually(lambda: figure(crowd, "ledger_holds") == figure(crowd, "relay_streams_open") == 1)
    crowd.environment["MARKUP_PERCENT"] = "50"
    assert "Published price version" in crowd.run("migrate").stdout

    def new_version() -> set[str]:
        rows = [receipt(crowd, key, ask(crowd, key, message()).request_id) for _ in range(4)]
        return {row["price_version"] for row in rows} - {old["price_version"]}

    eventually(new_version)
    stream.join()
    assert got[0].whole
    assert receipt(crowd, key, got[0].request_id)["price_version"] == old["price_version"]

    victim = children(crowd)[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in children(crowd) and len(children(crowd)) == WORKERS)
    before = figure(crowd, "relay_requests_total")
    assert ask(crowd, key, message()).status == 200
    assert before > 8
    assert eventually(lambda: figure(crowd, "relay_requests_total") == before + 1)

    assert crowd.process
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        crowd.process.send_signal(number)
    assert crowd.process.wait(60) == 0
    assert crowd.run("audit").returncode == 0
