"""The Caddyfile as it is deployed, run for real: tokens as they come, and a version replaced unnoticed."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.settings import ROOT
from sandbox.serve import Running, in_thread
from tests.fixtures.calling import MESSAGES, message, new_customer
from tests.fixtures.crashing import holds, rows_of, tokens_billed, tokens_of, usage
from tests.fixtures.product import BIN, Product, eventually, running_product
from tests.fixtures.servers import RedisServer, free_port

STREAMS = 24
SLOW = "pace=40 tokens=80"


@pytest.fixture
def claude() -> Iterator[Running]:
    with in_thread(only=("claude", "mail")) as running:
        yield running


@contextmanager
def caddy(folder: Path, *products: int) -> Iterator[Callable[[], httpx.Client]]:
    """Caddy in front of the servers at these ports; what it gives makes clients that speak to it over TLS."""
    port = free_port()
    upstreams = " ".join(f"127.0.0.1:{product}" for product in products)
    environment = {"UPSTREAM": upstreams, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    config = folder / "caddy.json"
    config.write_text(json.dumps(on_port(adapted(environment), port)))
    command = [BIN / "caddyserver", "run", "--config", config]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(port))
        yield lambda: client_of(port)
    finally:
        process.terminate()
        process.wait(60)


def adapted(environment: dict[str, str]) -> dict[str, Any]:
    command = [BIN / "caddyserver", "adapt", "--adapter", "caddyfile", "--config", ROOT / "deploy/Caddyfile"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)


def on_port(config: dict[str, Any], port: int) -> dict[str, Any]:
    """The same, at a port that is free here, with a certificate that is put into no trust store."""
    http = config["apps"]["http"]
    (server,) = http["servers"].values()
    server["listen"] = [f"127.0.0.1:{port}"]
    http |= {"https_port": port, "http_port": free_port()}
    server["automatic_https"] = {"disable_redirects": True}
    config["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return config | {"admin": {"disabled": True}}


def client_of(port: int) -> httpx.Client:
    def to_the_api(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = "api.localhost"

    hooks = {"request": [to_the_api]}
    address = f"https://127.0.0.1:{port}"
    return httpx.Client(
        base_url=address, headers={"host": "api.localhost"}, verify=False, timeout=60, event_hooks=hooks
    )


def answers(port: int) -> bool:
    try:
        with client_of(port) as http:
            return http.get("/livez").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_version_is_replaced_under_streams_and_nobody_is_refused_or_cut(
    tmp_path: Path, postgres_url: str, redis_server: RedisServer, claude: Running
) -> None:
    """Two workers are the old version: their parent must let nobody in either."""
    settings = {"REDIS_URL": redis_server.url, "DRAIN_SECONDS": "20"}
    ports = free_port(), free_port()
    with ExitStack() as stack:
        workers = ("--workers", "2")
        old = stack.enter_context(
            running_product(tmp_path, postgres_url, claude, arguments=workers, port=ports[0], **settings)
        )
        stack.enter_context(running_product(tmp_path, postgres_url, claude, port=ports[1], **settings))
        client = stack.enter_context(caddy(tmp_path, *ports))
        key = new_customer(old)
        with ThreadPoolExecutor(STREAMS + 1) as pool, client() as http:
            begun = threading.Semaphore(0)
            streams = [pool.submit(read_stream, http, key, begun) for _ in range(STREAMS)]
            for _ in range(STREAMS):
                assert begun.acquire(timeout=60)
            asking = threading.Event()
            asked = pool.submit(ask_until, http, key, asking)
            stop(old)
            asking.set()
            bodies = [stream.result() for stream in streams]
            statuses = asked.result()
            with http.stream("GET", "/metrics", headers={"x-forwarded-for": "127.0.0.1"}) as hidden:
                assert hidden.status_code == 404
    assert all(body.rstrip().endswith(b'{"type":"message_stop"}') for body in bodies)
    assert set(statuses) == {200}
    check_what_was_booked(old, STREAMS + len(statuses))


def read_stream(http: httpx.Client, key: str, begun: threading.Semaphore) -> bytes:
    """The whole answer; `begun` is told at its first chunk, which must come long before the last."""
    parts: list[bytes] = []
    body = message(SLOW, max_tokens=400)
    with http.stream("POST", MESSAGES, json=body, headers={"x-api-key": key}) as answer:
        assert answer.status_code == 200
        for part in answer.iter_raw():
            parts.append(part)
            if len(parts) == 1:
                begun.release()
    assert len(parts) > 10
    return b"".join(parts)


def ask_until(http: httpx.Client, key: str, enough: threading.Event) -> list[int]:
    """New calls, one after the other, while the versions change."""
    found: list[int] = []
    while not enough.is_set():
        body = message(max_tokens=20) | {"stream": False}
        found.append(http.post(MESSAGES, json=body, headers={"x-api-key": key}).status_code)
        time.sleep(0.02)
    return found


def stop(product: Product) -> None:
    process = product.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    product.process = None


def check_what_was_booked(product: Product, calls: int) -> None:
    assert rows_of(product, holds) == []
    rows = rows_of(product, usage)
    assert len(rows) == calls
    billed = {entry.request_id: entry.row() for entry in product.world.claude.books.entries}
    for row in rows:
        assert (row.ended, row.estimated) == ("complete", False)
        assert tokens_of(row) == tokens_billed(billed[row.upstream_request_id])
    assert product.run("audit").returncode == 0
