"""What HTTP and event streams allow, and what they do not: a good answer is booked to the token, a bad one is told as
an error of the envelope and booked as nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from starlette.types import ASGIApp

from relay.app import build
from relay.services import Services, open_services
from relay.settings import Settings
from relay.tables import Usage, table
from tests.fixtures.calling import MESSAGES, new_key
from tests.fixtures.product import NOBODY_AT_STRIPE

usage = table(Usage)
EVENTS = [
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 25, "output_tokens": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Ink \u2028 traps."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}},
    {"type": "message_stop"},
]
PLAIN = orjson.dumps(
    {"type": "message", "stop_reason": "end_turn", "usage": {"input_tokens": 25, "output_tokens": 10}, "content": []}
)
REFUSAL = orjson.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "Wait."}, "request_id": "x"})
BOOKED = ("complete", 25, 10, False)
FREE = ("upstream_error", 0, 0, False)
UNDELIVERED = ("upstream_error", 0, 0, True)


def stream(*, pretty: bool = False, data_first: bool = False, events: list[dict[str, Any]] = EVENTS) -> bytes:
    parts: list[bytes] = []
    for event in events:
        data = orjson.dumps(event, option=orjson.OPT_INDENT_2 if pretty else 0)
        lines = [b"data: " + line for line in data.split(b"\n")]
        lines.insert(len(lines) if data_first else 0, b"event: " + event["type"].encode())
        parts.append(b"\n".join([*lines, b"", b""]))
    return b"".join(parts)


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    return "\r\n".join([f"HTTP/{version} {status}", *lines, "", ""]).encode()


def chunks(*bodies: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies) + b"0\r\n" + trailers + b"\r\n"


SSE, JSON, CHUNKED = "content-type: text/event-stream", "content-type: application/json", "transfer-encoding: chunked"


def sized(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    return head(f"content-length: {len(body)}", *lines, status=status) + body


@dataclass
class Upstream:
    """Says the same bytes to everybody who asks, and hangs up."""

    said: bytes = b""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.said)
        await writer.drain()
        writer.close()


@dataclass
class House:
    relay: ASGIApp
    services: Services
    upstream: Upstream
    key: str

    async def ask(self, said: bytes, *, streamed: bool) -> tuple[int, dict[str, str], bytes, bool]:
        """Status, headers, body, and whether the body came to its end."""
        self.upstream.said = said
        body = {"model": "claude-haiku-4-5", "max_tokens": 50, "stream": streamed}
        body["messages"] = [{"role": "user", "content": "What is an ink trap?"}]
        asked = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]
        told: list[Any] = []

        async def receive() -> Any:
            return asked.pop() if asked else await asyncio.Event().wait()

        async def send(event: Any) -> None:
            told.append(event)

        headers = [(b"x-api-key", self.key.encode())]
        scope = {"type": "http", "method": "POST", "path": MESSAGES, "headers": headers, "query_string": b""}
        await self.relay(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in told[0]["headers"]}
        content = b"".join(event.get("body", b"") for event in told[1:])
        return told[0]["status"], found, content, not told[-1].get("more_body")

    def booked(self, request_id: str) -> tuple[str, int, int, bool]:
        of_call = select(usage).where(usage.c.request_id == request_id)
        row = self.services.database.read_now(lambda connection: connection.execute(of_call).one())
        return row.ended, row.input_tokens, row.output_tokens, row.estimated


@asynccontextmanager
async def open_house(database_url: str, folder: Path) -> AsyncIterator[House]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = {
        "DATABASE_URL": database_url,
        "UNBOOKED_DIR": str(folder / "unbooked"),
        "SECRET_KEY": "s" * 40,
        "ANTHROPIC_API_KEY": "sk-ant-of-the-tests",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
        "RESEND_API_KEY": "re_nobody",
        "RESEND_API_URL": "http://127.0.0.1:9",
    }
    async with server, open_services(Settings(**NOBODY_AT_STRIPE | told)) as services:
        yield House(build(services), services, upstream, new_key(services))


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_url, tmp_path) as found:
        yield found


ZEROS = [*EVENTS[:2], {**EVENTS[2], "usage": {"input_tokens": 0, "output_tokens": 10}}, EVENTS[3]]
GOOD_STREAMS = {
    "data on several lines": (head(SSE, CHUNKED) + chunks(stream(pretty=True)), stream(pretty=True)),
    "data before its event's name": (head(SSE, CHUNKED) + chunks(stream(data_first=True)), stream(data_first=True)),
    "a type written with escapes": (
        head(SSE, CHUNKED) + chunks(stream().replace(b'"message_', b'"message\\u005f')),
        stream().replace(b'"message_', b'"message\\u005f'),
    ),
    "the prompt told as nothing at the end": (head(SSE, CHUNKED) + chunks(stream(events=ZEROS)), stream(events=ZEROS)),
    "ended by hanging up": (head(SSE, version="1.0") + stream(), stream()),
    "a media type in capitals": (head("Content-Type: Text/Event-Stream", CHUNKED) + chunks(stream()), stream()),
    "no media type": (head(CHUNKED) + chunks(stream()), stream()),
    "trailers that look like headers": (
        head(SSE, CHUNKED) + chunks(stream(), trailers=b"content-encoding: gzip\r\ncontent-type: text/html\r\n"),
        stream(),
    ),
    "hints before the head": (
        head("content-encoding: gzip", status="103 Early Hints") + head(SSE, CHUNKED) + chunks(stream()),
        stream(),
    ),
    "a second answer behind the first": (head(SSE, CHUNKED) + chunks(stream()) + sized(PLAIN, JSON), stream()),
}


async def test_a_stream_of_any_legal_shape_passes_untouched_and_is_booked_to_the_token(house: House) -> None:
    for name, (said, passed) in GOOD_STREAMS.items():
        status, headers, body, whole = await house.ask(said, streamed=True)
        assert (status, body, whole) == (200, passed, True), name
        assert house.booked(headers["request-id"]) == BOOKED, name


async def test_a_stream_that_ends_by_hanging_up_before_its_last_event_stays_cut(house: House) -> None:
    status, headers, _, whole = await house.ask(head(SSE, version="1.0") + stream(events=EVENTS[:2]), streamed=True)
    assert (status, whole) == (200, False)
    ended, given, written, estimated = house.booked(headers["request-id"])
    assert (ended, given, estimated) == ("upstream_error", 25, True)
    assert written > 0


async def test_a_plain_answer_of_any_legal_shape_is_booked_to_the_token(house: House) -> None:
    shapes = [head(JSON) + PLAIN, sized(b"\xef\xbb\xbf" + PLAIN, JSON), sized(PLAIN, "content-type: text/plain")]
    for said in [*shapes, sized(PLAIN, JSON) + sized(b"{}", JSON)]:
        status, headers, body, whole = await house.ask(said, streamed=False)
        assert (status, body.removeprefix(b"\xef\xbb\xbf"), whole) == (200, PLAIN, True), said
        assert house.booked(headers["request-id"]) == BOOKED, said


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_no_answer_of_claudes_is_our_failure_and_costs_nothing(house: House, streamed: bool) -> None:
    page = b"<html>Sign in to this network</html>"
    for said, booked in [
        (sized(page, "content-type: text/html"), UNDELIVERED),
        (head(JSON) + PLAIN[:-30], UNDELIVERED),
        (sized(PLAIN, JSON, status="201 Created"), FREE),
        (head(status="204 No Content"), FREE),
        (sized(PLAIN, JSON, "location: http://elsewhere/", status="307 Temporary Redirect"), FREE),
    ]:
        status, headers, body, _ = await house.ask(said, streamed=streamed)
        assert (status, orjson.loads(body)["error"]["code"]) == (502, "upstream_failed"), said
        assert orjson.loads(body)["request_id"] == headers["request-id"]
        assert house.booked(headers["request-id"]) == booked, said


async def test_every_refusal_of_upstreams_is_in_the_envelope_under_our_id(house: House) -> None:
    for status_line, body, kind in [
        ("429 Too Many", REFUSAL, "rate_limit_error"),
        ("529 Overloaded", b"overloaded", "overloaded_error"),
        ("502 Bad Gateway", b"<html>502</html>", "api_error"),
        ("413 Too Large", b"[]", "request_too_large"),
        ("400 Bad", b'{"error":"a word"}', "invalid_request_error"),
        ("500 Oh", b"", "api_error"),
    ]:
        said = sized(body, "content-type: text/html", "retry-after: 7", "request-id: req_theirs", status=status_line)
        status, headers, answer, whole = await house.ask(said, streamed=True)
        found = orjson.loads(answer)
        assert (status, whole, found["type"], found["error"]["type"]) == (int(status_line[:3]), True, "error", kind)
        assert found["request_id"] == headers["request-id"]
        assert headers["upstream-request-id"] == "req_theirs"
        assert (headers["content-type"], headers["retry-after"]) == ("application/json", "7")
        assert house.booked(headers["request-id"]) == FREE
