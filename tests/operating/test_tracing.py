"""Traces reach a collector when one is set, and tell nothing about anybody; without one no exporter is loaded."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from relay.endpoints.tracing import route_of
from sandbox.serve import Running
from tests.fixtures.calling import ask, message, new_customer
from tests.fixtures.product import running_product

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


def test_a_request_is_a_span_of_the_callers_trace_and_below_it_is_what_it_waited_for(
    tmp_path: Path, sqlite_url: str, world: Running, collector: tuple[str, list[bytes]]
) -> None:
    address, kept = collector
    with running_product(tmp_path, sqlite_url, world, OTEL_EXPORTER_OTLP_ENDPOINT=address) as product:
        key = new_customer(product)
        got = ask(product, key, message(), traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
        with product.http(key) as http:
            http.get(f"/api/requests/{got.request_id}?secret=word")
            http.post("/api/billing/checkout", json={"kind": "topup", "amount_usd": "10"}).raise_for_status()
    told = b"".join(kept)
    for private in (key.encode(), b"secret", b"kerning", b"example.com"):
        assert private not in told
    spans = [span for body in kept for span in spans_of(body)]
    (call,) = [span for span in spans if span.name == "POST /api/claude/v1/messages"]
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, "b7ad6b7169203331")
    assert got.request_id in {attribute.value.string_value for attribute in call.attributes}
    below = sorted(
        (span for span in spans if span.parent_span_id == call.span_id), key=lambda span: span.start_time_unix_nano
    )
    assert [span.name for span in below] == ["database look-up", "ledger hold", "claude wait", "ledger settle"]
    for before, after in pairwise(below):
        assert call.start_time_unix_nano <= before.start_time_unix_nano <= before.end_time_unix_nano
        assert (
            before.end_time_unix_nano
            <= after.start_time_unix_nano
            <= after.end_time_unix_nano
            <= call.end_time_unix_nano
        )
    names = {span.name for span in spans}
    assert {"GET /api/requests/…", "database read"} <= names
    assert any(name.startswith("stripe ") for name in names)
    roots = {span.name for span in spans if not span.parent_span_id}
    assert not [name for name in roots if not name.startswith(("GET /", "POST /", "stripe "))]


def spans_of(posted: bytes) -> list[Any]:
    """The spans of one export, as OTLP has them."""
    path, _, body = posted.partition(b"\n")
    assert path == b"/v1/traces"
    told = ExportTraceServiceRequest.FromString(body)
    return [span for resource in told.resource_spans for scope in resource.scope_spans for span in scope.spans]


def test_no_path_that_names_something_is_told() -> None:
    assert route_of("/api/assets/my-font.woff2") == "/api/assets/…"
    assert route_of("/ada@example.com") == "/…"
    assert route_of("/api/balance") == "/api/balance"


def test_without_a_collector_no_exporter_is_loaded() -> None:
    look = "import sys, relay.app; sys.exit(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0
