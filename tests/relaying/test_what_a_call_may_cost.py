"""What a call may cost is held before it is made: never less than its price, and nothing that it cannot cost."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import pricing
from relay.admission import Admission, admit
from relay.errors import BadInput
from relay.pricing import MODELS, Tokens
from tests.relaying.asking import CONTEXT, CUSTOM, PDF, PNG, SEARCH, TABLE, admitted, body, says


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_bounded_by_its_bytes(text: str) -> None:
    bound = admitted(says({"type": "text", "text": text})).input_bound_tokens
    assert bound is not None
    assert len(text.encode()) + 256 <= bound


def test_spaces_between_fields_cost_nothing() -> None:
    plain = orjson.dumps(body())
    spaced = plain.replace(b",", b"," + b" " * 5000)
    assert admit(spaced, {}).input_bound_tokens == admit(plain, {}).input_bound_tokens


def test_an_image_is_bounded_by_the_most_that_one_can_cost() -> None:
    without = admitted(says({"type": "text", "text": "x"})).input_bound_tokens or 0
    with_image = admitted(says({"type": "text", "text": "x"}, {"type": "image", "source": PNG})).input_bound_tokens or 0
    assert 4784 < with_image - without < 5200


def test_a_number_that_upstream_writes_longer_than_we_were_sent_is_bounded() -> None:
    tool = CUSTOM | {"input_schema": {"enum": [1e15] * 1000}}
    assert (admitted(body(tools=[tool])).input_bound_tokens or 0) > 18 * 1000


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": PDF},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "document", "source": PDF}]},
        {"type": "search_result", "source": "s", "title": "t", "content": [], "citations": {"enabled": True}},
    ],
)
def test_what_no_byte_bounds_must_be_counted(block: dict[str, Any]) -> None:
    admission = admitted(says(block))
    assert admission.input_bound_tokens is None
    assert admission.worst_case_pico(TABLE) == CONTEXT * 2_400_000 + 100 * 12_000_000
    assert admission.worst_case_pico(TABLE, 1000) == (1000 + 20 + 64) * 2_400_000 + 100 * 12_000_000


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "words"},
        {"type": "content", "content": [{"type": "text", "text": "words"}, {"type": "image", "source": PNG}]},
    ],
)
def test_a_document_of_plain_text_is_bounded(source: dict[str, Any]) -> None:
    assert admitted(says({"type": "document", "source": source})).input_bound_tokens


def test_no_prompt_is_larger_than_the_context() -> None:
    admission = admitted(body(model="claude-haiku-4-5", messages=[{"role": "user", "content": "x" * 300_000}]))
    assert admission.input_bound_tokens == 200_000


@pytest.mark.parametrize(
    ("request_body", "kind"),
    [
        (body(), "input"),
        (body(cache_control={"type": "ephemeral"}), "cache_write_5m"),
        (body(cache_control={"type": "ephemeral", "ttl": "1h"}), "cache_write_1h"),
        (body(tools=[CUSTOM | {"cache_control": {"type": "ephemeral"}}]), "cache_write_5m"),
        (
            body(system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]),
            "cache_write_1h",
        ),
        (
            says(
                {
                    "type": "tool_result",
                    "tool_use_id": "i",
                    "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
                }
            ),
            "cache_write_5m",
        ),
        (body(tools=[CUSTOM | {"input_schema": {"cache_control": {"ttl": "1h"}}}]), "input"),
    ],
)
def test_the_prompt_is_held_at_the_dearest_price_that_it_can_meet(request_body: dict[str, Any], kind: str) -> None:
    admission = admitted(request_body)
    assert admission.input_kind == kind
    bound = admission.input_bound_tokens or 0
    expected = bound * TABLE.unit(admission.model, kind).price_pico + 100 * 12_000_000
    assert admission.worst_case_pico(TABLE) == expected


def test_a_prompt_that_may_be_long_is_held_at_the_long_price() -> None:
    request = body(model="claude-haiku-5-5", messages=[{"role": "user", "content": "x" * 99_000}])
    short, long = admitted(request), admitted(request | {"system": "y" * 1000})
    assert short.worst_case_pico(TABLE) * 4 < long.worst_case_pico(TABLE)
    assert long.worst_case_pico(TABLE, 30_000) < short.worst_case_pico(TABLE)


def test_region_and_speed_are_held_at_their_price() -> None:
    plain = body(model="claude-opus-5-5")
    us, fast = admitted(plain | {"inference_geo": "us"}), admitted(plain | {"speed": "fast"})
    both = admitted(plain | {"inference_geo": "us", "speed": "fast"})
    output = [a.worst_case_pico(TABLE, 0) - margin_pico(a) for a in (us, fast, both)]
    assert output == [100 * 26_400_000, 100 * 48_000_000, 100 * 52_800_000]


def margin_pico(admission: Admission) -> int:
    tier = pricing.tier_name(fast=admission.speed == "fast", us=admission.geo == "us")
    return 64 * TABLE.unit(admission.model, "input", tier).price_pico


def test_each_web_search_is_held_with_the_context_that_it_may_fill() -> None:
    admission = admitted(body(tools=[SEARCH]))
    bound = admission.input_bound_tokens or 0
    expected = (bound + 2 * CONTEXT) * 2_400_000 + 2 * 12 * 10**9 + 100 * 12_000_000
    assert admission.worst_case_pico(TABLE) == expected


def test_a_price_list_without_the_tier_refuses_the_request() -> None:
    rows = [row for row in pricing.price_rows(20) if row.tier == "base"]
    table = pricing.table_from_rows("v", datetime(2026, 1, 1, tzinfo=UTC), 20, rows)
    with pytest.raises(BadInput, match="no published price"):
        admitted(body(inference_geo="us")).worst_case_pico(table)


requests = st.builds(
    lambda model, text, images, ttl, tools, geo, max_tokens: body(
        model=model.name,
        max_tokens=max_tokens,
        messages=[
            {
                "role": "user",
                "content": [{"type": "text", "text": text}, *([{"type": "image", "source": PNG}] * images)],
            }
        ],
        cache_control=ttl and {"type": "ephemeral", "ttl": ttl},
        tools=tools,
        inference_geo="us" if geo and model.us else None,
    ),
    st.sampled_from(MODELS),
    st.text(st.characters(codec="utf-8")) | st.integers(1, 200_000).map("x".__mul__),
    st.integers(0, 3),
    st.sampled_from([None, "5m", "1h"]),
    st.sampled_from([[], [CUSTOM], [SEARCH], [{"type": "bash_20250124", "name": "bash"}]]),
    st.booleans(),
    st.integers(1, 1_000_000),
)


@given(requests, st.data())
def test_no_usage_within_the_bound_costs_more_than_the_worst_case(request_body: dict[str, Any], data: Any) -> None:
    admission = admitted(request_body)
    assert admission.input_bound_tokens is not None
    context = next(model.context_tokens for model in MODELS if model.name == admission.model)
    left = admission.input_bound_tokens + admission.max_searches * context
    parts: dict[str, int] = {"output": data.draw(st.integers(0, admission.max_tokens))}
    writes = {
        "input": [],
        "cache_write_5m": ["cache_write_5m"],
        "cache_write_1h": ["cache_write_5m", "cache_write_1h"],
    }
    for kind in ["cache_read", *writes[admission.input_kind]]:
        parts[kind] = data.draw(st.integers(0, left))
        left -= parts[kind]
    searches = data.draw(st.integers(0, admission.max_searches))
    tokens = Tokens(input=left, web_searches=searches, **parts)
    tier = TABLE.tier(admission.model, tokens, geo=admission.geo, speed=admission.speed)
    assert TABLE.charge(admission.model, tier, tokens).price_pico <= admission.worst_case_pico(TABLE)


@given(requests, st.integers(0, 10**13), st.none() | st.integers(0, 1_000_000))
def test_what_is_affordable_fits_and_one_token_more_does_not(
    request_body: dict[str, Any], available: int, counted: int | None
) -> None:
    affordable = admitted(request_body).affordable_max_tokens(TABLE, available, counted)
    assert 0 <= affordable <= 1_000_000

    def held(max_tokens: int) -> int:
        return admitted(request_body | {"max_tokens": max_tokens}).worst_case_pico(TABLE, counted)

    if affordable:
        assert held(affordable) <= available
    if affordable < 1_000_000:
        assert held(affordable + 1) > available


def test_nothing_is_affordable_when_the_prompt_alone_does_not_fit() -> None:
    admission = admitted(body())
    assert admission.affordable_max_tokens(TABLE, 0) == 0
    assert admission.affordable_max_tokens(TABLE, -(10**12)) == 0


def test_the_body_for_counting_has_what_counting_takes() -> None:
    request = body(system="s", tools=[CUSTOM], temperature=1, stream=True, thinking={"type": "disabled"})
    counted = orjson.loads(admitted(request).count_tokens_body())
    assert counted == {name: request[name] for name in ("model", "messages", "system", "tools", "thinking")}
