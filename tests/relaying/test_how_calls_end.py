"""Whatever ends a call: one row, no hold left, upstream's own figure, and a receipt that explains it."""

import orjson
import pytest

from tests.fixtures.calling import ask, ask_directly, billed, booked, message, receipt, without_ids
from tests.fixtures.endings import Ending, check_books, check_bytes
from tests.fixtures.product import Product

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
    Ending("odd_usage kind=absurd", figure="estimate"),
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
    Ending("odd_usage kind=absurd", figure="estimate"),
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
def test_a_stream_is_booked_as_upstream_bills_it(impatient: Product, payer: str, ending: Ending) -> None:
    body = message(ending.marker, stream=True, max_tokens=300)
    got = ask(impatient, payer, body)
    assert (got.status, got.whole) == (ending.status, ending.whole)
    check_books(impatient, payer, got.request_id, ending, got.data, 300)
    check_bytes(impatient, body, got)


@pytest.mark.parametrize("ending", PLAIN, ids=lambda ending: ending.marker or "completed")
def test_a_plain_answer_is_booked_as_upstream_bills_it(impatient: Product, payer: str, ending: Ending) -> None:
    body = message(ending.marker, stream=False, max_tokens=300)
    got = ask(impatient, payer, body)
    assert (got.status, got.whole) == (ending.status, True)
    check_books(impatient, payer, got.request_id, ending, got.data, 300)
    check_bytes(impatient, body, got)


def test_a_compressed_bomb_is_cut_and_booked(impatient: Product, payer: str) -> None:
    got = ask(impatient, payer, message("bomb mb=70", max_tokens=300))
    assert (got.status, got.whole) == (200, False)
    assert len(got.data) <= 64 << 20
    check_books(impatient, payer, got.request_id, Ending("", "upstream_error", "estimate"), got.data, 300)


def test_a_plain_bomb_is_refused_and_leaves_a_row(impatient: Product, payer: str) -> None:
    got = ask(impatient, payer, message("bomb mb=70", stream=False))
    assert got.status == 502
    assert got.error["type"] == "api_error"
    ending = Ending("", "upstream_error", "nobody was sent anything")
    check_books(impatient, payer, got.request_id, ending, got.data, 300)


def test_who_asks_for_a_receipt_gets_it_after_the_last_event(impatient: Product, payer: str) -> None:
    got = ask(impatient, payer, message(), **{"x-receipt": "1"})
    stream, _, event = got.data.partition(b"event: receipt\ndata: ")
    assert without_ids(stream) == without_ids(ask_directly(impatient, message()).data)
    told, found = orjson.loads(event), receipt(impatient, payer, got.request_id)
    assert event.endswith(b"}\n\n")
    assert (told["request_id"], told["price_usd"]) == (got.request_id, found["price_usd"])
    assert told["usage"]["request_id"] == got.request_id
    assert told["usage"]["output_tokens"] == booked(found)["output"]
    assert told["available_usd"] == impatient.balance(payer)["available_usd"]


def test_cache_reads_and_writes_are_booked_by_kind(impatient: Product, payer: str) -> None:
    for ttl in ("5m", "1h"):
        block = {"type": "text", "text": f"A {ttl} system prompt. " * 50}
        system = [block | {"cache_control": {"type": "ephemeral", "ttl": ttl}}]
        for stream in (True, False, True):
            got = ask(impatient, payer, message(stream=stream, system=system))
            check_books(impatient, payer, got.request_id, Ending(""), got.data, 400)


def test_cache_writes_without_a_split_count_as_short_ones(impatient: Product, payer: str) -> None:
    system = [{"type": "text", "text": "Unsplit. " * 50, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    got = ask(impatient, payer, message("odd_usage kind=unsplit", system=system))
    found = receipt(impatient, payer, got.request_id)
    theirs = billed(impatient)
    assert theirs["cache_write_1h"] > 0
    assert booked(found)["cache_write_5m"] == theirs["cache_write_1h"]
    assert found["unsplit_cache_writes"] is True


def test_thinking_that_is_not_shown_is_booked_when_the_stream_breaks(impatient: Product, payer: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    got = ask(impatient, payer, message("error_event after=4", thinking=thinking, max_tokens=2000))
    found = receipt(impatient, payer, got.request_id)
    assert b"signature_delta" in got.data
    assert found["estimated"] is True
    assert booked(found)["output"] >= billed(impatient)["output"] / 2 > 5
