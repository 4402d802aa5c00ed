"""Traces reach a collector when one is set, and tell nothing about anybody; without one no exporter is loaded."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from calling import ask, message, new_customer
from product import running_product

from relay.endpoints.tracing import route_of
from sandbox.serve import Running

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An OTLP collector that keeps what it is sent."""
    kept: list[bytes] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(self.path.encode() + b"\n" + self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Keeper)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kept
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_request_is_one_span_of_the_callers_trace(
    tmp_path: Path, sqlite_url: str, world: Running, collector: tuple[str, list[bytes]]
) -> None:
    address, kept = collector
    with running_product(tmp_path, sqlite_url, world, OTEL_EXPORTER_OTLP_ENDPOINT=address) as product:
        key = new_customer(product)
        got = ask(product, key, message(), traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
        with product.http(key) as http:
            http.get(f"/api/requests/{got.request_id}?secret=word")
    told = b"".join(kept)
    assert told.startswith(b"/v1/traces\n")
    assert b"POST /api/claude/v1/messages" in told
    assert bytes.fromhex(TRACE) in told
    assert got.request_id.encode() in told
    assert "GET /api/requests/…".encode() in told
    for private in (key.encode(), b"secret", b"kerning", b"example.com"):
        assert private not in told


def test_no_path_that_names_something_is_told() -> None:
    assert route_of("/api/assets/my-font.woff2") == "/api/assets/…"
    assert route_of("/ada@example.com") == "/…"
    assert route_of("/api/balance") == "/api/balance"


def test_without_a_collector_no_exporter_is_loaded() -> None:
    look = "import sys, relay.app; sys.exit(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0
