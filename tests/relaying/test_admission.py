"""A request is admitted only if its price is known; anything else in it is refused by its name."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.admission import admit
from relay.errors import BadInput
from tests.relaying.asking import CUSTOM, PNG, SEARCH, USER, admitted, body, says


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
