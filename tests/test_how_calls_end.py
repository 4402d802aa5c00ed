"""Whatever ends a call: one row, no hold left, upstream's own figure, and a receipt that explains it."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from calling import (
    Got,
    ask,
    ask_directly,
    billed,
    booked,
    hang_up,
    message,
    new_customer,
    receipt,
    without_ids,
)
from product import Product, eventually, running_product

from sandbox.claude import tokens
from sandbox.claude.events import PING
from sandbox.serve import Running

CREDIT = "100"
IMPATIENT = {
    "UPSTREAM_FIRST_SECONDS": "1",
    "UPSTREAM_SILENCE_SECONDS": "0.6",
    "UPSTREAM_PLAIN_SECONDS": "2",
}
NOTHING = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), 0)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: Running) -> Iterator[Product]:
    """A server that does not wait long for upstream."""
    folder = tmp_path_factory.mktemp("impatient")
    path = folder / "account.db"
    path.write_bytes(sqlite_template.read_bytes())
    with running_product(folder, f"sqlite:///{path}", world, **IMPATIENT) as found:
        yield found
        audit = found.run("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.fixture(scope="module")
def key(impatient: Product) -> Iterator[str]:
    """One customer for all endings; at the end the rows are the whole of what is gone from the credit."""
    key = new_customer(impatient, CREDIT)
    yield key
    spent = sum(Decimal(row["price_usd"]) for row in all_rows(impatient, key))
    assert Decimal(impatient.balance(key)["available_usd"]) == Decimal(CREDIT) - spent


def all_rows(product: Product, key: str) -> list[dict[str, Any]]:
    with product.http(key) as http:
        return http.get("/api/requests?limit=200").raise_for_status().json()["requests"]


@dataclass(frozen=True)
class Ending:
    """What the sandbox does, and what must come of it.

    `figure`: `exact` is upstream's own books, `none` is nothing billed, `estimate` is input exact and output
    between half of what was sent and what upstream wrote.
    """

    marker: str
    ended: str = "complete"
    figure: str = "exact"
    status: int = 200
    whole: bool = True


FAILED = {"ended": "upstream_error", "whole": False}
STREAMED = [
    Ending(""),
    Ending("tokens=1"),
    Ending("one_byte tokens=20"),
    Ending("crlf"),
    Ending("crlf one_byte tokens=20"),
    Ending("u2028"),
    Ending("slow ms=5 tokens=20"),
    Ending("compressed"),
    Ending("compressed one_byte tokens=20"),
    Ending("garbage"),
    Ending("giant mb=3"),
    Ending("giant mb=20"),
    Ending("odd_usage kind=missing", figure="estimate"),
    Ending("odd_usage kind=negative", figure="estimate"),
    Ending("odd_usage kind=missing_start"),
    Ending("odd_usage kind=shrinking"),
    Ending("odd_usage kind=twice"),
    Ending("odd_usage kind=unsplit"),
    Ending("invalid", "upstream_error", "none", 400),
    Ending("rate_limited", "upstream_error", "none", 429),
    Ending("error500", "upstream_error", "none", 500),
    Ending("overloaded retry=3", "upstream_error", "none", 529),
    Ending("cut_before_head", "upstream_error", "none", 502),
    Ending("stall_before_head", "upstream_error", "none", 504),
    Ending("error_event after=0", "upstream_error", "none"),
    Ending("error_event after=1", "upstream_error", "none"),
    Ending("error_event after=3", "upstream_error", "none"),
    Ending("error_event after=7", "upstream_error", "estimate"),
    Ending("error_event after=13 tokens=20", "upstream_error"),
    Ending("cut after=0", figure="input unknown", **FAILED),
    Ending("cut after=1", figure="estimate", **FAILED),
    Ending("cut after=9", figure="estimate", **FAILED),
    Ending("cut after=9 each=1 reset=1 slow ms=5", figure="estimate", **FAILED),
    Ending("cut_mid_event after=0", figure="input unknown", **FAILED),
    Ending("cut_mid_event after=9", figure="estimate", **FAILED),
    Ending("cut_mid_event after=12 tokens=20", figure="estimate", **FAILED),
    Ending("cut after=13 tokens=20", **FAILED),
    Ending("stall after=1", figure="estimate", **FAILED),
    Ending("stall after=9", figure="estimate", **FAILED),
    Ending("pings_forever after=9 ms=50", figure="estimate", **FAILED),
    Ending("pings_forever after=0 ms=50", figure="input unknown", **FAILED),
]
PLAIN = [
    Ending(""),
    Ending("one_byte tokens=20"),
    Ending("u2028"),
    Ending("compressed"),
    Ending("giant mb=3"),
    Ending("giant mb=20"),
    Ending("slow_head ms=300"),
    Ending("garbage", figure="estimate"),
    Ending("odd_usage kind=missing", figure="estimate"),
    Ending("odd_usage kind=negative", figure="estimate"),
    Ending("odd_usage kind=unsplit"),
    Ending("invalid", "upstream_error", "none", 400),
    Ending("rate_limited", "upstream_error", "none", 429),
    Ending("error500", "upstream_error", "none", 500),
    Ending("overloaded", "upstream_error", "none", 529),
    Ending("cut_before_head", "upstream_error", "none", 502),
    Ending("stall_before_head", "upstream_error", "none", 504),
    Ending("cut", "upstream_error", "nobody was sent anything", 502),
    Ending("stall", "upstream_error", "nobody was sent anything", 504),
]


@pytest.mark.parametrize("ending", STREAMED, ids=lambda ending: ending.marker or "completed")
def test_a_stream_is_booked_as_upstream_bills_it(impatient: Product, key: str, ending: Ending) -> None:
    body = message(ending.marker, stream=True, max_tokens=300)
    got = ask(impatient, key, body)
    assert (got.status, got.whole) == (ending.status, ending.whole)
    check_books(impatient, key, got.request_id, ending, got.data, 300)
    check_bytes(impatient, body, got)


@pytest.mark.parametrize("ending", PLAIN, ids=lambda ending: ending.marker or "completed")
def test_a_plain_answer_is_booked_as_upstream_bills_it(impatient: Product, key: str, ending: Ending) -> None:
    body = message(ending.marker, stream=False, max_tokens=300)
    got = ask(impatient, key, body)
    assert (got.status, got.whole) == (ending.status, True)
    check_books(impatient, key, got.request_id, ending, got.data, 300)
    check_bytes(impatient, body, got)


def check_books(
    product: Product, key: str, request_id: str, ending: Ending, data: bytes, max_tokens: int,
    *, drained: bool = False,
) -> None:  # fmt: skip
    found = receipt(product, key, request_id)
    assert [row["request_id"] for row in all_rows(product, key)].count(request_id) == 1
    assert product.balance(key)["held_usd"] == "0"
    assert found["ended"] == ending.ended
    ours, theirs = booked(found), billed(product)
    if ending.figure == "exact":
        assert (ours, found["estimated"]) == (theirs, False)
    elif ending.figure == "none":
        assert (ours, theirs, found["estimated"]) == (NOTHING, NOTHING, False)
    elif ending.figure == "nobody was sent anything":
        assert (ours, found["estimated"]) == (NOTHING, True)
    elif ending.figure == "input unknown":
        assert ours == NOTHING
    else:
        assert found["estimated"] is True
        assert ours | {"output": 0} == theirs | {"output": 0}
        written = max_tokens if drained else max(1, len(data))
        assert sent_tokens(data) / 2 <= ours["output"] <= min(max_tokens, written)


def sent_tokens(data: bytes) -> int:
    """The tokens of the text that a stream or a plain answer brought its reader."""
    events = [line[6:] for line in data.splitlines() if line.startswith(b"data: ")]
    found = 0
    for event in events or [data]:
        try:
            read = orjson.loads(event)
        except orjson.JSONDecodeError:
            continue
        delta = read.get("delta", {})
        text = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
        text += "".join(block.get("text", "") for block in read.get("content", []))
        found += tokens.count(text)
    return found


def check_bytes(product: Product, body: dict[str, Any], got: Got) -> None:
    """What was relayed is what upstream sends to anybody who asks the same."""
    asked = orjson.loads(orjson.dumps(body).replace(b"pings_forever", b"stall"))
    try:
        direct = ask_directly(product, asked)
    except httpx.HTTPError:
        return
    if direct.status != 200:
        assert (got.status, without_ids(got.data)) == (direct.status, without_ids(direct.data))
        assert got.headers.get("retry-after") == direct.headers.get("retry-after")
    elif got.status == 200:
        ours, theirs = without_ids(got.data), without_ids(direct.data)
        if "pings_forever" in str(body):
            # Its prompt has another length than the one that it is compared with, and its own pings.
            ours, theirs = (part.replace(PING, b"").partition(b"content_block")[2] for part in (ours, theirs))
        if "reset=1" in str(body):
            # A reset may throw away what was on its way, differently each time.
            assert ours.startswith(theirs) or theirs.startswith(ours)
        else:
            assert ours == theirs


def test_a_compressed_bomb_is_cut_and_booked(impatient: Product, key: str) -> None:
    got = ask(impatient, key, message("bomb mb=70", max_tokens=300))
    assert (got.status, got.whole) == (200, False)
    assert len(got.data) <= 64 << 20
    check_books(impatient, key, got.request_id, Ending("", "upstream_error", "estimate"), got.data, 300)


def test_a_plain_bomb_is_refused_and_leaves_a_row(impatient: Product, key: str) -> None:
    got = ask(impatient, key, message("bomb mb=70", stream=False))
    assert got.status == 502
    assert got.error["type"] == "api_error"
    ending = Ending("", "upstream_error", "nobody was sent anything")
    check_books(impatient, key, got.request_id, ending, got.data, 300)


def test_who_asks_for_a_receipt_gets_it_after_the_last_event(impatient: Product, key: str) -> None:
    got = ask(impatient, key, message(), **{"x-receipt": "1"})
    stream, _, event = got.data.partition(b"event: receipt\ndata: ")
    assert without_ids(stream) == without_ids(ask_directly(impatient, message()).data)
    told, found = orjson.loads(event), receipt(impatient, key, got.request_id)
    assert event.endswith(b"}\n\n")
    assert (told["request_id"], told["price_usd"]) == (got.request_id, found["price_usd"])
    assert told["usage"]["request_id"] == got.request_id
    assert told["usage"]["output_tokens"] == booked(found)["output"]
    assert told["available_usd"] == impatient.balance(key)["available_usd"]


def test_cache_reads_and_writes_are_booked_by_kind(impatient: Product, key: str) -> None:
    for ttl in ("5m", "1h"):
        block = {"type": "text", "text": f"A {ttl} system prompt. " * 50}
        system = [block | {"cache_control": {"type": "ephemeral", "ttl": ttl}}]
        for stream in (True, False, True):
            got = ask(impatient, key, message(stream=stream, system=system))
            check_books(impatient, key, got.request_id, Ending(""), got.data, 400)


def test_cache_writes_without_a_split_count_as_short_ones(impatient: Product, key: str) -> None:
    system = [{"type": "text", "text": "Unsplit. " * 50, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    got = ask(impatient, key, message("odd_usage kind=unsplit", system=system))
    found = receipt(impatient, key, got.request_id)
    theirs = billed(impatient)
    assert theirs["cache_write_1h"] > 0
    assert booked(found)["cache_write_5m"] == theirs["cache_write_1h"]
    assert found["unsplit_cache_writes"] is True


def test_thinking_that_is_not_shown_is_booked_when_the_stream_breaks(impatient: Product, key: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    got = ask(impatient, key, message("error_event after=4", thinking=thinking, max_tokens=2000))
    found = receipt(impatient, key, got.request_id)
    assert b"signature_delta" in got.data
    assert found["estimated"] is True
    assert booked(found)["output"] > 10


@dataclass(frozen=True)
class Leaving:
    """When a client goes: once it saw `after`, or `length` bytes, or at once."""

    name: str
    marker: str
    figure: str
    stream: bool = True
    after: bytes = b""
    length: int = 0
    ended: str = "client_gone"


LEAVINGS = [
    Leaving("before the first byte", "slow_head ms=200", "exact"),
    Leaving("before upstream answers", "stall_before_head", "none"),
    Leaving("with the head", "pace=100 tokens=200", "estimate", after=b"\r\n\r\n"),
    Leaving("in the middle", "pace=50 tokens=200", "estimate", after=b"text_delta"),
    Leaving("later in the middle", "pace=200 tokens=300", "estimate", after=b" in classes"),
    Leaving("just before the end", "pace=200 tokens=25", "exact", after=b"text_delta"),
    Leaving("while upstream is silent", "stall after=9", "estimate", after=b"text_delta"),
    Leaving("while upstream pings", "pings_forever after=9 ms=20", "estimate", after=b"text_delta"),
    Leaving("after the last byte", "", "exact", after=b'message_stop"}\n\n', ended="complete"),
    Leaving("a plain answer, at once", "pace=100 tokens=40", "exact", stream=False),
    Leaving("a plain answer, before upstream answers", "stall_before_head", "none", stream=False),
    Leaving("a plain answer, half of it there", "stall", "estimate", stream=False),
    Leaving("a plain answer, whole", "", "exact", stream=False, after=b"}}", ended="complete"),
]


@pytest.mark.parametrize("leaving", LEAVINGS, ids=lambda leaving: leaving.name)
def test_a_client_that_leaves_is_booked_once(impatient: Product, key: str, leaving: Leaving) -> None:
    body = message(leaving.marker, stream=leaving.stream, max_tokens=400)
    row, data = leave(impatient, key, body, leaving)
    check_books(impatient, key, row, Ending("", leaving.ended, leaving.figure), data, 400, drained=True)


def leave(product: Product, key: str, body: dict[str, Any], leaving: Leaving) -> tuple[str, bytes]:
    before = {row["request_id"] for row in all_rows(product, key)}
    data = hang_up(product, key, body, after=leaving.after, length=leaving.length)
    new = eventually(lambda: {row["request_id"] for row in all_rows(product, key)} - before)
    assert len(new) == 1
    return new.pop(), data


@pytest.mark.parametrize("length", [1, 200, 450, 700, 701, 900, 1300, 2500, 4000])
def test_a_client_may_leave_at_any_byte(impatient: Product, key: str, length: int) -> None:
    body = message("each=1 tokens=60", max_tokens=400)
    row, _ = leave(impatient, key, body, Leaving("", "", "", length=length))
    found = receipt(impatient, key, row)
    assert found["ended"] in ("complete", "client_gone")
    assert booked(found) == billed(impatient)
    assert found["estimated"] is False
    assert impatient.balance(key)["held_usd"] == "0"


def test_a_stream_that_nobody_reads_is_ended_and_booked(impatient: Product, key: str) -> None:
    body = message("giant mb=20 after=9", max_tokens=400)
    before = len(all_rows(impatient, key))
    content = orjson.dumps(body)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", impatient.port))
        head = f"POST /api/claude/v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n"
        sock.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        rows = eventually(lambda: len(all_rows(impatient, key)) > before and all_rows(impatient, key))
    assert rows[0]["ended"] in ("client_gone", "upstream_error")
    assert rows[0]["estimated"] is True
    assert impatient.balance(key)["held_usd"] == "0"
