"""What the meter learns from a stream does not depend on how the bytes arrive."""

import zlib
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.errors import UpstreamFailed
from relay.gateways.claude.inflating import INFLATED_MAX_BYTES, STEP_BYTES, Inflater
from relay.metering import TAIL_MAX_BYTES, Learnt, Meter, read_plain
from relay.pricing import Tokens

MAX_TOKENS = 500


def sse(kind: str, newline: bytes = b"\n", **fields: Any) -> bytes:
    data = orjson.dumps({"type": kind, **fields})
    return newline.join([b"event: " + kind.encode(), b"data: " + data, b"", b""])


def start(**usage: Any) -> bytes:
    return sse("message_start", message={"id": "msg_1", "usage": {"input_tokens": 11, "output_tokens": 1} | usage})


def text(words: str, kind: str = "text_delta", name: str = "text") -> bytes:
    return sse("content_block_delta", index=0, delta={"type": kind, name: words})


def delta(usage: Any, stop_reason: str | None = "end_turn") -> bytes:
    fields = {} if usage is None else {"usage": usage}
    return sse("message_delta", delta={"stop_reason": stop_reason}, **fields)


STOP = sse("message_stop")
PING = sse("ping")
CACHED = {
    "cache_read_input_tokens": 70,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
}
SPLIT_TEXT = text('message_delta \u2028 \u2029 \u0085 \n\n data: {} "error" é 漢字')
WHOLE = [start(**CACHED), PING, text("Hello"), SPLIT_TEXT, delta({"output_tokens": 42}), STOP]
BROKEN = [start(**CACHED), PING, text("Hello, how are you"), SPLIT_TEXT, text("{}", "input_json_delta", "partial_json")]
FAILED = [*BROKEN, sse("error", error={"type": "overloaded_error", "message": "Overloaded"})]
STREAMS = {
    "whole": b"".join(WHOLE),
    "crlf": b"".join(WHOLE).replace(b"\n", b"\r\n"),
    "cr": b"".join(WHOLE).replace(b"\n", b"\r"),
    "no last line end": b"".join(WHOLE).rstrip(b"\n"),
    "broken": b"".join(BROKEN),
    "broken in an event": b"".join(BROKEN) + delta({"output_tokens": 42})[:40],
    "failed": b"".join(FAILED),
    "garbage": b"".join(WHOLE[:3]) + b'data: {"type":"message_delta",\n\ndata: [1]\n\n\xff\xfe\n' + b"".join(WHOLE[3:]),
}


def learn(parts: list[bytes]) -> Learnt:
    meter = Meter()
    for part in parts:
        meter.feed(part)
    meter.finish()
    return meter.learnt


def in_parts(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(places)]


@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 10_000), max_size=40))
def test_any_split_of_a_stream_gives_the_same_usage(name: str, cuts: list[int]) -> None:
    stream = STREAMS[name]
    assert learn(in_parts(stream, cuts)) == learn([stream])


@pytest.mark.parametrize("name", STREAMS)
def test_single_bytes_give_the_same_usage(name: str) -> None:
    stream = STREAMS[name]
    assert learn([stream[at : at + 1] for at in range(len(stream))]) == learn([stream])


@pytest.mark.parametrize("name", ["whole", "crlf", "cr", "no last line end", "garbage"])
def test_a_whole_stream_is_booked_as_told(name: str) -> None:
    learnt = learn([STREAMS[name]])
    assert learnt.tokens(MAX_TOKENS) == Tokens(11, 42, 70, 10, 20)
    assert (learnt.estimated, learnt.final, learnt.stop_reason, learnt.unsplit) == (False, True, "end_turn", False)


@pytest.mark.parametrize("name", ["broken", "broken in an event", "failed"])
def test_a_broken_stream_is_estimated_from_its_text(name: str) -> None:
    learnt = learn([STREAMS[name]])
    assert learnt.estimated
    assert 3 <= learnt.tokens(MAX_TOKENS).output <= len(STREAMS[name])
    assert learnt.tokens(2).output == 2
    assert learnt.tokens(MAX_TOKENS).cache_write_1h == 20


@pytest.mark.parametrize(
    ("told", "output", "estimated"),
    [
        ([{"output_tokens": 50}, {"output_tokens": 40}], 40, False),
        ([{"output_tokens": 20}, {"output_tokens": 40}], 40, False),
        ([{"output_tokens": 40}, {"output_tokens": -5}], 40, True),
        ([None], 3, True),
        ([{}], 3, True),
        ([{"output_tokens": -7}], 3, True),
        ([{"output_tokens": True}], 3, True),
        ([{"output_tokens": "9"}], 3, True),
        ([{"output_tokens": 10**15}], 3, True),
        ([{"output_tokens": 4.5}], 3, True),
        (["usage"], 3, True),
        ([{"output_tokens": 40, "something_new": {"tokens": 9}}], 40, False),
        ([{"output_tokens": 0}], 0, False),
    ],
)
def test_odd_usage_is_read_by_its_last_possible_word(told: list[Any], output: int, estimated: bool) -> None:
    learnt = learn([start(), text("nine bytes"), *(delta(usage) for usage in told), STOP])
    assert (learnt.tokens(MAX_TOKENS).output, learnt.estimated) == (output, estimated)
    assert learnt.tokens(MAX_TOKENS).input == 11


def test_what_no_usage_takes_back_stays_known() -> None:
    odd = {"input_tokens": -1, "cache_read_input_tokens": None, "output_tokens": 9}
    assert learn([start(**CACHED), delta(odd), STOP]).tokens(MAX_TOKENS) == Tokens(11, 9, 70, 10, 20)


def test_cache_writes_without_a_split_are_short_ones() -> None:
    learnt = learn([start(cache_creation_input_tokens=30), delta({"output_tokens": 9}), STOP])
    assert learnt.tokens(MAX_TOKENS) == Tokens(11, 9, 0, 30, 0)
    assert learnt.unsplit


def test_an_error_before_the_first_token_is_free() -> None:
    error = sse("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert learn([start(), PING, error]).failed_free
    assert not learn([start(), text("x"), error]).failed_free
    assert not learn([start()]).failed_free


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("step", [1 << 20, 65_536, 999_983])
def test_a_giant_event_is_passed_over_and_what_follows_is_read(step: int, newline: bytes) -> None:
    giant = text("x" * (3 * TAIL_MAX_BYTES))
    stream = b"".join([*WHOLE[:3], giant, *WHOLE[3:]]).replace(b"\n", newline)
    learnt = learn([stream[at : at + step] for at in range(0, len(stream), step)])
    assert learnt.tokens(MAX_TOKENS) == Tokens(11, 42, 70, 10, 20)


@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_an_event_that_begins_in_a_giants_last_read_is_not_lost(shift: int) -> None:
    giant = text("x" * (2 * TAIL_MAX_BYTES))
    stream = b"".join([start(), giant, delta({"output_tokens": 42}), STOP])
    first = len(start()) + len(giant) - 200
    learnt = learn([stream[:first], stream[first : first + 200 + shift], stream[first + 200 + shift :]])
    assert learnt.tokens(MAX_TOKENS).output == 42


def test_a_giant_event_that_never_ends_keeps_nothing_in_memory() -> None:
    meter = Meter()
    meter.feed(start())
    for _ in range(64):
        meter.feed(b"x" * (1 << 18))
    assert len(meter._tail) <= TAIL_MAX_BYTES
    meter.finish()
    assert meter.learnt.tokens(MAX_TOKENS).output == MAX_TOKENS


@pytest.mark.parametrize(
    ("shown", "sealed_bytes", "hidden_tokens"),
    [("", 8_000, 2_000), ("In short: kerning.", 8_018, 2_000), ("thought " * 1_000, 8_000, 0), ("thought ", 0, 0)],
)
def test_thinking_is_counted_by_what_is_sealed_when_less_of_it_is_shown(
    shown: str, sealed_bytes: int, hidden_tokens: int
) -> None:
    """Upstream bills the whole of it, shows a summary or nothing, and seals the whole in the signature."""
    seal = "A" * (sealed_bytes * 4 // 3)
    thought = [sse("content_block_start", content_block={"type": "thinking", "thinking": "", "signature": ""})]
    thought += [text(shown, "thinking_delta", "thinking"), text(seal, "signature_delta", "signature")]
    seen = learn([start(), text(shown)]).tokens(10**6).output
    assert learn([start(), *thought]).tokens(10**6).output == pytest.approx(seen + hidden_tokens, abs=2)
    redacted = sse("content_block_start", content_block={"type": "redacted_thinking", "data": seal})
    assert learn([start(), redacted]).tokens(10**6).output == pytest.approx(sealed_bytes // 4, abs=2)
    assert learn([start(), *thought, delta({"output_tokens": 7}), STOP]).tokens(10**6).output == 7


def test_the_journal_brings_everything_back() -> None:
    learnt = learn([STREAMS["broken"]])
    assert Learnt.from_journal(learnt.journal()) == learnt


@pytest.mark.parametrize(
    ("body", "output", "estimated"),
    [
        ({"type": "message", "usage": {"input_tokens": 5, "output_tokens": 6}}, 6, False),
        ({"type": "message", "usage": None, "content": [{"type": "text", "text": "abc"}]}, 12, True),
        ({"type": "message", "usage": {"output_tokens": -6}, "content": []}, 1, True),
        ({"type": "error"}, 4, True),
    ],
)
def test_a_plain_answer_is_read_whole(body: Any, output: int, estimated: bool) -> None:
    learnt = read_plain(orjson.dumps(body))
    assert learnt.estimated is estimated
    assert learnt.tokens(MAX_TOKENS).output == pytest.approx(output, abs=3)


def test_a_plain_answer_that_is_no_json_is_not_free() -> None:
    assert read_plain(b'{"type":"message","content":[{"te').estimated_output(MAX_TOKENS) > 5
    assert read_plain(b"").started is False


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.sampled_from([(b"gzip", 31), (b"deflate", 15), (b" GZIP", 31)]),
    st.binary(max_size=2000),
    st.integers(1, 200),
    st.lists(st.integers(0, 100_000), max_size=30),
)
def test_compression_comes_off_however_it_is_split(
    coding: tuple[bytes, int], data: bytes, times: int, cuts: list[int]
) -> None:
    packer = zlib.compressobj(wbits=coding[1])
    packed = packer.compress(data * times) + packer.flush()
    assert inflate(Inflater(coding[0]), in_parts(packed, cuts)) == data * times


def inflate(inflater: Inflater, parts: list[bytes]) -> bytes:
    found: list[bytes] = []
    for part in parts:
        inflater.feed(part)
        while step := inflater.take():
            assert len(step) <= STEP_BYTES
            found.append(step)
    assert inflater.is_whole
    return b"".join(found)


def test_gzip_files_in_a_row_are_one_body() -> None:
    packed = b"".join(zlib.compress(word, wbits=31) for word in (b"one ", b"two"))
    assert inflate(Inflater(b"gzip"), [packed]) == b"one two"


def test_a_bomb_is_refused_at_the_bound() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
    inflater = Inflater(b"gzip")
    inflater.feed(bomb)
    for _ in range(INFLATED_MAX_BYTES // STEP_BYTES):
        assert len(inflater.take()) == STEP_BYTES
    with pytest.raises(UpstreamFailed):
        inflater.take()


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip", b"", b"x" * 99])
def test_an_encoding_that_nobody_asked_for_is_refused(coding: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        Inflater(coding)


def test_what_is_no_gzip_is_refused() -> None:
    inflater = Inflater(b"gzip")
    inflater.feed(b"not gzip at all")
    with pytest.raises(UpstreamFailed):
        inflater.take()


def test_half_a_gzip_file_is_not_whole() -> None:
    inflater = Inflater(b"gzip")
    inflater.feed(zlib.compress(b"some words" * 50, wbits=31)[:-9])
    while inflater.take():
        pass
    assert not inflater.is_whole


@pytest.mark.parametrize("count", [10**8 + 1, 10**11, 10**30, 1e9, "7", True, -1, None])
def test_a_count_that_cannot_be_is_not_believed(count: Any) -> None:
    learnt = Learnt(started=True, input=5, output=7)
    learnt.take_usage(
        {"input_tokens": count, "output_tokens": count, "server_tool_use": {"web_search_requests": count}}
    )
    assert (learnt.input, learnt.output, learnt.web_searches) == (5, 7, 0)


def test_words_of_upstreams_that_no_text_column_takes_still_settle() -> None:
    meter = Meter()
    meter.feed(b'data: {"type":"message_delta","delta":{"stop_reason":"\\u0000end"},"usage":{"output_tokens":3}}\n\n')
    assert (meter.learnt.output, meter.learnt.final) == (3, True)
    assert Learnt.from_journal(meter.learnt.journal()) == meter.learnt
