"""A request is admitted only if its price is known, and its worst case is never less than its price."""

import base64
import json
from collections.abc import Mapping
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

TABLE = pricing.table_from_rows("v", datetime(2026, 11, 24, tzinfo=UTC), 20, pricing.price_rows(20))
CONTEXT = 1_000_000
USER = {"role": "user", "content": "Hello"}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
CUSTOM = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
PNG = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"x" * 3000).decode()}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [USER]} | fields


def says(*blocks: dict[str, Any]) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def admitted(request: Mapping[str, Any], **headers: str) -> Admission:
    return admit(orjson.dumps(request), {name.replace("_", "-"): value for name, value in headers.items()})


def refusal(request: Any, **headers: str) -> str:
    with pytest.raises(BadInput) as caught:
        admitted(request, **headers)
    return caught.value.message


def test_a_plain_request_is_admitted_with_what_it_asks_for() -> None:
    admission = admitted(body(model="claude-sonnet-5-5-20260915", stream=True))
    assert (admission.model, admission.stream, admission.max_tokens) == ("claude-sonnet-5-5", True, 100)
    assert (admission.geo, admission.speed, admission.input_kind) == ("", "", "input")


def test_every_priced_field_is_admitted() -> None:
    admitted(
        body(
            system=[{"type": "text", "text": "Be brief."}],
            stream=False,
            temperature=0.5,
            top_p=0.9,
            top_k=5,
            stop_sequences=["x"],
            tools=[CUSTOM],
            tool_choice={"type": "tool", "name": "f"},
            thinking={"type": "enabled", "budget_tokens": 1024},
            metadata={"user_id": "u"},
            service_tier="standard_only",
            cache_control={"type": "ephemeral"},
            output_config={"effort": "low", "format": {"type": "json_schema", "schema": {}}},
            inference_geo="us",
            diagnostics={"previous_message_id": None},
            speed="standard",
        )
    )


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"null", b'"x"', b"\xff", b'{"a":NaN}', b'{"a":1e999}'])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput, match=r"The body"):
        admit(raw, {})


@pytest.mark.parametrize("depth", [300, 2_000, 1_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    raw = b'{"model":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(BadInput, match=r"nested|depth|brackets"):
        admit(raw, {})


@pytest.mark.parametrize(
    "twice",
    [
        b'"max_tokens":1,"max_tokens":100000',
        b'"max_tokens":1,"max\\u005ftokens":100000',
        b'"max_tokens":1,"max_tokens":9,"stop_sequences":["\\u0022","\\u0022","\\u0022"]',
        b'"max_tokens":1,"metadata":{"user_id":"a","user_id":"b"}',
    ],
)
def test_a_field_named_twice_is_refused(twice: bytes) -> None:
    raw = b'{"model":"claude-opus-5","messages":[{"role":"user","content":"x"}],' + twice + b"}"
    with pytest.raises(BadInput, match="twice"):
        admit(raw, {})


@given(st.text(st.characters(codec="utf-8", exclude_characters="\\")), st.booleans())
def test_any_text_in_any_writing_is_no_field_named_twice(text: str, ascii_only: bool) -> None:

    request = body(messages=[{"role": "user", "content": text}], system=f'"{text}": {{')
    raw = json.dumps(request, ensure_ascii=ascii_only, indent=2).replace('\\"', "\\u0022")
    assert admit(raw.encode(), {}).max_tokens == 100


@pytest.mark.parametrize(
    "name",
    [
        "container",
        "mcp_servers",
        "context_management",
        "fallbacks",
        "fallback_credit_token",
        "user_profile_id",
        "workspace_id",
        "billing_policy",
        "compaction",
        "thread",
        "betas",
        "prompt",
        "x" * 500,
    ],
)
def test_an_unpriced_field_is_refused_by_name(name: str) -> None:
    message = refusal(body(**{name: None}))
    assert message.startswith(name[:60])
    assert len(message) < 250


@pytest.mark.parametrize("value", [-1, 0, 1_000_001, 10**18, 10**30, True, "9", 1.5, 100.0, None, [], {}])
def test_an_absurd_max_tokens_is_refused_with_the_range(value: Any) -> None:
    raw = orjson.dumps(body(max_tokens=0)).replace(b'"max_tokens":0', b'"max_tokens":%s' % _json(value))
    with pytest.raises(BadInput, match="max_tokens: must be a whole number from 1 to 1,000,000"):
        admit(raw, {})


def _json(value: Any) -> bytes:
    return str(value).encode() if type(value) is int else orjson.dumps(value)


@pytest.mark.parametrize("model", ["gpt-5", "", None, 7, ["claude-opus-5"], "claude-opus-4-20250514", "x" * 10_000])
def test_an_unknown_model_is_refused_with_those_that_are_known(model: Any) -> None:
    message = refusal(body(model=model))
    assert message.startswith("model: ")
    assert "claude-sonnet-5-5" in message


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"stream": "true"}, "stream"),
        ({"stream": None}, "stream"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [7]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [USER | {"output_config": {}}]}, "messages.0.output_config"),
        ({"system": 7}, "system"),
        ({"system": [{"type": "image", "source": PNG}]}, "system.0.type"),
        ({"tools": {}}, "tools"),
        ({"tools": [CUSTOM] * 1001}, "tools"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"service_tier": 7}, "service_tier"),
        ({"cache_control": {"type": "ephemeral", "ttl": "24h"}}, "cache_control.ttl"),
        ({"cache_control": {"type": "ephemeral", "scope": "all"}}, "cache_control.scope"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"inference_geo": "us", "model": "claude-haiku-4-5"}, "inference_geo"),
        ({"speed": "fast"}, "speed"),
        ({"speed": "warp", "model": "claude-opus-5"}, "speed"),
        ({"output_config": {"task_budget": {}}}, "output_config.task_budget"),
        ({"thinking": {"type": "enabled", "free": 1}}, "thinking.free"),
        ({"metadata": {"user_id": "a", "bill_to": "b"}}, "metadata.bill_to"),
        ({"tool_choice": "auto"}, "tool_choice"),
    ],
)
def test_a_wrong_place_is_named(fields: dict[str, Any], place: str) -> None:
    assert refusal(body(**fields)).startswith(f"{place}: ")


@pytest.mark.parametrize(
    "kind",
    [
        "web_fetch_20250910",
        "code_execution_20250825",
        "advisor_20260301",
        "mcp_toolset",
        "tool_search_tool_bm25_20251119",
        "browser_toolset_20260801",
        "web_search_20300101",
        "bash_20300101",
    ],
)
def test_a_server_tool_or_an_unknown_one_is_refused_by_name(kind: str) -> None:
    message = refusal(body(tools=[{"type": kind, "name": "x"}]))
    assert message.startswith("tools.0.type: ")
    assert kind in message


@pytest.mark.parametrize(
    "tool",
    [
        CUSTOM | {"type": "custom", "cache_control": {"type": "ephemeral"}, "strict": True},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 9},
        {"type": "memory_20250818", "name": "memory"},
        {"type": "computer_20251124", "name": "computer", "display_width_px": 1, "display_height_px": 1},
        SEARCH | {"allowed_domains": ["example.com"]},
        SEARCH | {"type": "web_search_20260209", "allowed_callers": ["direct"]},
    ],
)
def test_tools_whose_cost_is_known_are_admitted(tool: dict[str, Any]) -> None:
    admitted(body(tools=[tool]))


@pytest.mark.parametrize(
    ("tool", "place"),
    [
        ({"type": "web_search_20250305", "name": "web_search"}, "tools.0.max_uses"),
        (SEARCH | {"max_uses": 0}, "tools.0.max_uses"),
        (SEARCH | {"max_uses": True}, "tools.0.max_uses"),
        (SEARCH | {"max_uses": 10**9}, "tools.0.max_uses"),
        (SEARCH | {"type": "web_search_20260209"}, "tools.0.allowed_callers"),
        (CUSTOM | {"allowed_callers": ["code_execution_20260120"]}, "tools.0.allowed_callers"),
        (CUSTOM | {"defer_loading": True}, "tools.0.defer_loading"),
        (CUSTOM | {"price": 0}, "tools.0.price"),
    ],
)
def test_a_tool_that_could_run_up_a_bill_is_refused(tool: dict[str, Any], place: str) -> None:
    assert refusal(body(tools=[tool])).startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"type": "container_upload", "file_id": "f"}, "type"),
        ({"type": "mcp_tool_use"}, "type"),
        ({"type": "compaction"}, "type"),
        ({"type": ["text"]}, "type"),
        ({"type": "text"}, "text"),
        ({"type": "text", "text": "x", "ttl": 1}, "ttl"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "image", "source": PNG | {"data": 7}}, "source.data"),
        ({"type": "image", "source": None}, "source"),
        (
            {"type": "tool_use", "id": "i", "name": "n", "input": {}, "caller": {"type": "server"}},
            "caller.type",
        ),
        ({"type": "server_tool_use", "id": "i", "name": "web_fetch", "input": {}}, "name"),
        ({"type": "tool_result", "tool_use_id": "i", "content": [{"type": "tool_result"}]}, "content.0.type"),
    ],
)
def test_a_block_that_is_not_priced_is_refused_by_place(block: dict[str, Any], place: str) -> None:
    assert refusal(says(block)).startswith(f"messages.0.content.0.{place}: ")


def test_betas_that_leave_the_bill_alone_are_admitted() -> None:
    admitted(body(), anthropic_beta="prompt-caching-2024-07-31, interleaved-thinking-2025-05-14,")


@pytest.mark.parametrize("beta", ["code-execution-2025-05-22", "compact-2026-01-12", "mcp-client-2025-11-20", "new"])
def test_another_beta_is_refused_by_name(beta: str) -> None:
    assert beta in refusal(body(), anthropic_beta=f"pdfs-2024-09-25,{beta}")


def test_a_hundred_betas_are_refused() -> None:
    assert "the most is 50" in refusal(body(), anthropic_beta=",".join(["pdfs-2024-09-25"] * 100))


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
