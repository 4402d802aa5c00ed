"""Told to stop with streams open: nothing new is begun, what is open may end for a while, and all of it is booked."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from sandbox.serve import Running, in_thread
from tests.fixtures.calling import MESSAGES, message, new_customer
from tests.fixtures.crashing import holds, rows_of, tokens_billed, tokens_of, usage
from tests.fixtures.endings import sent_tokens
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import RedisServer

DRAIN_SECONDS = 3
EXIT_SECONDS_MAX = 30
"""How long a loaded machine may take beyond the drain; the test of a stop that never ends."""
SHORT, LONG = "pace=60 tokens=60", "pace=20 tokens=380"
STREAMS = 52


@pytest.fixture
def claude() -> Iterator[Running]:
    with in_thread(only=("claude", "mail")) as running:
        yield running


@pytest.fixture(params=["one worker", "two workers"])
def stopping(request: pytest.FixtureRequest, tmp_path: Path, claude: Running) -> Iterator[Product]:
    url, arguments, settings = request.getfixturevalue("sqlite_url"), (), {"DRAIN_SECONDS": str(DRAIN_SECONDS)}
    if request.param == "two workers":
        redis: RedisServer = request.getfixturevalue("redis_server")
        url, arguments = request.getfixturevalue("postgres_url"), ("--workers", "2")
        settings |= {"REDIS_URL": redis.url}
    with running_product(tmp_path, url, claude, arguments=arguments, **settings) as found:
        yield found


@dataclass
class Streams:
    """Many streams at once, each on a thread; what they brought, by request id."""

    product: Product
    key: str
    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    whole: set[str] = field(default_factory=set[str])
    threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def begin(self, markers: list[str]) -> None:
        self.threads = [threading.Thread(target=self._read, args=(marker,)) for marker in markers]
        for thread in self.threads:
            thread.start()
        eventually(lambda: len([body for body in self.bodies.values() if b"content_block" in body]) == len(markers))

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    def _read(self, marker: str) -> None:
        body = message(marker, max_tokens=400)
        headers = {"x-api-key": self.key}
        with httpx.Client(timeout=60) as http:
            answer = http.stream("POST", self.product.url + MESSAGES, json=body, headers=headers)
            with answer as found:
                request_id = found.headers["request-id"]
                try:
                    for part in found.iter_raw():
                        self.bodies[request_id] = self.bodies.get(request_id, b"") + part
                    self.whole.add(request_id)
                except httpx.HTTPError:
                    return


def test_open_streams_are_drained_then_settled_and_new_requests_are_refused(stopping: Product) -> None:
    process = stopping.process
    assert process is not None
    streams = Streams(stopping, new_customer(stopping))
    markers = [SHORT, LONG] * (STREAMS // 2)
    random.shuffle(markers)
    streams.begin(markers)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    eventually(lambda: refuses(stopping))
    process.wait(DRAIN_SECONDS + EXIT_SECONDS_MAX)
    assert time.monotonic() - began >= DRAIN_SECONDS - 1
    stopping.process = None
    streams.join()
    check_what_was_booked(stopping, streams)


def refuses(product: Product) -> bool:
    try:
        return httpx.get(f"{product.url}/livez").status_code == 503
    except httpx.HTTPError:
        return True


def check_what_was_booked(product: Product, streams: Streams) -> None:
    """Without any sweep: the process did it all before it went."""
    assert rows_of(product, holds) == []
    rows = {row.request_id: row for row in rows_of(product, usage)}
    assert set(rows) == set(streams.bodies)
    billed = {entry.request_id: entry.row() for entry in product.world.claude.books.entries}
    for request_id, row in rows.items():
        sent = sent_tokens(streams.bodies[request_id])
        if request_id in streams.whole:
            assert (row.ended, row.estimated) == ("complete", False)
            assert tokens_of(row) == tokens_billed(billed[row.upstream_request_id])
        else:
            assert (row.ended, row.estimated) == ("process_died", True)
            assert sent / 2 <= row.output_tokens <= 400
            assert row.input_tokens == tokens_billed(billed[row.upstream_request_id])[0]
    assert STREAMS // 4 <= len(streams.whole) <= STREAMS // 2
    assert product.run("audit").returncode == 0
