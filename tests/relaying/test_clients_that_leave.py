"""A client may leave at any moment: its call is booked once, and nothing stays held."""

import socket
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from tests.fixtures.calling import billed, booked, hang_up, message, receipt
from tests.fixtures.endings import Ending, all_rows, check_books
from tests.fixtures.product import Product, eventually


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
    Leaving("before the first byte, for which upstream takes its time", "slow_head ms=800", "exact"),
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
def test_a_client_that_leaves_is_booked_once(impatient: Product, payer: str, leaving: Leaving) -> None:
    body = message(leaving.marker, stream=leaving.stream, max_tokens=400)
    row, data = leave(impatient, payer, body, leaving)
    check_books(impatient, payer, row, Ending("", leaving.ended, leaving.figure), data, 400, drained=True)


def leave(product: Product, key: str, body: dict[str, Any], leaving: Leaving) -> tuple[str, bytes]:
    before = {row["request_id"] for row in all_rows(product, key)}
    data = hang_up(product, key, body, after=leaving.after, length=leaving.length)
    new = eventually(lambda: {row["request_id"] for row in all_rows(product, key)} - before)
    assert len(new) == 1
    return new.pop(), data


@pytest.mark.parametrize("length", [1, 200, 450, 700, 701, 900, 1300, 2500, 4000])
def test_a_client_may_leave_at_any_byte(impatient: Product, payer: str, length: int) -> None:
    body = message("each=1 tokens=60", max_tokens=400)
    row, _ = leave(impatient, payer, body, Leaving("", "", "", length=length))
    found = receipt(impatient, payer, row)
    assert found["ended"] in ("complete", "client_gone")
    assert booked(found) == billed(impatient)
    assert found["estimated"] is False
    assert impatient.balance(payer)["held_usd"] == "0"


def test_a_stream_that_nobody_reads_is_ended_and_booked(impatient: Product, payer: str) -> None:
    body = message("giant mb=20 after=9", max_tokens=400)
    before = len(all_rows(impatient, payer))
    content = orjson.dumps(body)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", impatient.port))
        head = f"POST /api/claude/v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {payer}\r\n"
        sock.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        rows = eventually(lambda: len(all_rows(impatient, payer)) > before and all_rows(impatient, payer))
    assert rows[0]["ended"] in ("client_gone", "upstream_error")
    assert rows[0]["estimated"] is True
    assert impatient.balance(payer)["held_usd"] == "0"
