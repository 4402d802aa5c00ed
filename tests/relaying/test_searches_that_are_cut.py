"""Answers with web searches whose last word never came: what the searches made the model read is booked too."""

from typing import Any

import orjson
import pytest

from relay import clock, pricing
from relay.admission import admit
from relay.metering import Learnt, Meter
from relay.pricing import Tokens
from relay.settling import settlement
from tests.fixtures.calling import message

SEARCHED = {
    "input_tokens": 2_000,
    "cache_read_input_tokens": 600,
    "cache_creation_input_tokens": 100,
    "output_tokens": 1,
}


def searching(*found: int, usage: dict[str, Any] = SEARCHED) -> Meter:
    """A stream that is cut while its model goes on after searches that found so many bytes of sealed text each."""
    meter = Meter()
    blocks = [{"type": "server_tool_use", "name": "web_search"}]
    for size in found:
        result = {"type": "web_search_result", "encrypted_content": "x" * size}
        blocks += [{"type": "web_search_tool_result", "content": [result]}, {"type": "text", "text": ""}]
    for event in ({"type": "message_start", "message": {"usage": usage}}, *map(block_start, blocks)):
        meter.feed(b"data: " + orjson.dumps(event) + b"\n\n")
    meter.count_text()
    return meter


def block_start(block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "content_block": block}


def test_searches_are_booked_although_the_client_leaves_before_they_are_told() -> None:
    meter = Meter()
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}
    found = {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "title": "Kerning"}]}
    failed = {"type": "web_search_tool_result", "content": {"type": "web_search_tool_result_error"}}
    blocks = [{"type": "content_block_start", "content_block": block} for block in (found, failed, found)]
    for event in (start, *blocks):
        meter.feed(b"data: " + orjson.dumps(event) + b"\n\n")
    meter.finish()
    assert meter.learnt.tokens(100).web_searches == 2
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    usage = {"output_tokens": 5, "server_tool_use": {"web_search_requests": 1}}
    meter.feed(b"data: " + orjson.dumps(last | {"usage": usage}) + b"\n\n")
    assert meter.learnt.tokens(100).web_searches == 1


def test_a_search_that_is_cut_is_booked_with_the_prompt_and_the_results_that_were_read_again() -> None:
    """A pass reads everything so far: a token for four bytes of a page, whose seal makes three bytes four."""
    tokens = searching(16_000, 8_000).learnt.tokens(100)
    assert tokens == Tokens(3 * 2_000 + 3_000 + (3_000 + 1_500), 1, 600 + 2 * 700, 100, 0, 2)
    assert searching().learnt.tokens(100) == Tokens(2_000, 1, 600, 100, 0, 0)
    # Upstream's own total, when it comes at last, counts every pass.
    meter = searching(16_000)
    meter.feed(b'data: {"type":"message_delta","delta":{},"usage":{"input_tokens":7100,"output_tokens":40}}\n\n')
    assert meter.learnt.tokens(100).input == 7_100
    assert Learnt.from_journal(meter.learnt.journal()) == meter.learnt


def test_a_search_whose_next_pass_was_not_seen_and_one_that_failed_cost_no_results() -> None:
    meter = searching(16_000)
    result = {"type": "web_search_tool_result", "content": [{"encrypted_content": "x" * 16_000, "title": 7}, 7]}
    failed = {"type": "web_search_tool_result", "content": {"type": "web_search_tool_result_error"}}
    for block in (failed, {"type": "text"}, result, result):
        meter.feed(b"data: " + orjson.dumps(block_start(block)) + b"\n\n")
    meter.finish()
    assert (meter.learnt.passes, meter.learnt.searches_seen, meter.learnt.found_read_tokens) == (2, 3, 6_000)


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-opus-5-5"])
def test_however_much_searches_seem_to_find_they_cost_no_more_than_their_hold(model: str) -> None:
    """Pages that would fill the context many times over, and a prompt of which most is cached."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    body = message(tools=[search], model=model) | {"messages": [{"role": "user", "content": "x" * 5_000}]}
    admission, prices = (
        admit(orjson.dumps(body), {}),
        pricing.table_from_rows("now", clock.now(), 20, pricing.price_rows(20)),
    )
    learnt = searching(900_000, 900_000, 900_000, usage=SEARCHED).learnt
    settled = settlement(
        learnt, prices, request_id="req", account_id="acc", model=model, max_tokens=400, ended="client_gone", status=200
    )
    assert 0 < settled.price_pico <= admission.worst_case_pico(prices)


def test_a_journal_of_a_newer_version_is_read_for_what_is_known() -> None:
    assert Learnt.from_journal('{"input": 5, "started": true, "of_tomorrow": 1}') == Learnt(input=5, started=True)
