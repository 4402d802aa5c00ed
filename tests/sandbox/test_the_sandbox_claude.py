"""The sandbox's Claude, seen through Anthropic's own SDK and its types."""

import base64
import json
import struct
import zlib

import anthropic
import httpx
import pytest
from anthropic._models import BaseModel
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from sandbox.claude.models import MODELS
from sandbox.claude.tokens import count, pieces
from sandbox.serve import Running
from tests.sandbox.claude_desk import QUESTION, ask

KERNING_TOOL = {
    "name": "set_kerning",
    "description": "Sets the kerning of a pair of glyphs.",
    "input_schema": {
        "type": "object",
        "properties": {
            "left": {"type": "string"},
            "right": {"type": "string"},
            "value": {"type": "integer", "minimum": -200, "maximum": 200},
            "scope": {"enum": ["glyph", "class"]},
        },
        "required": ["left", "right", "value", "scope"],
    },
}


def events(response: httpx.Response) -> list[dict[str, object]]:
    blocks = [block for block in response.text.split("\n\n") if block]
    return [json.loads(block.split("\ndata: ", 1)[1]) for block in blocks]


def surprises(value: object) -> list[str]:
    """Fields, at any depth, that the SDK's types do not know."""
    if isinstance(value, list):
        return [name for one in value for name in surprises(one)]
    if not isinstance(value, BaseModel):
        return []
    inner = [name for field in type(value).model_fields for name in surprises(getattr(value, field))]
    return [*(value.model_extra or {}), *inner]


def test_a_streamed_answer_arrives_as_words_and_adds_up(client: anthropic.Anthropic, claude_alone: Running) -> None:
    with client.messages.stream(model="claude-opus-5-5", max_tokens=400, messages=QUESTION) as stream:
        words = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(words) > 50
    assert "".join(words) == final.content[0].text
    assert "Kern last" in final.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == count(final.content[0].text)
    row = claude_alone.claude.books.rows()[-1]
    assert row["ended"] == "complete"
    assert row["usage"]["output_tokens"] == final.usage.output_tokens
    assert row["usage"]["input_tokens"] == final.usage.input_tokens


@pytest.mark.parametrize(
    "extra", [{}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"tools": [KERNING_TOOL]}]
)
def test_every_event_has_the_shape_of_the_sdks_types(claude_alone: Running, extra: dict[str, object]) -> None:
    question = [{"role": "user", "content": "Set the kerning of 'A' and 'V' to -60"}]
    response = ask(claude_alone, stream=True, max_tokens=2000, messages=question, **extra)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["request-id"].startswith("req_")
    adapter = TypeAdapter(RawMessageStreamEvent)
    found = [event for event in events(response) if event["type"] != "ping"]
    assert [surprises(adapter.validate_python(event)) for event in found] == [[]] * len(found)
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


def test_the_event_line_names_the_type_of_its_data(claude_alone: Running) -> None:
    response = ask(claude_alone, stream=True)
    for block in filter(None, response.text.split("\n\n")):
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"


def test_a_plain_answer_is_the_streamed_one(claude_alone: Running, client: anthropic.Anthropic) -> None:
    raw = ask(claude_alone)
    plain = TypeAdapter(Message).validate_python(raw.json())
    assert surprises(plain) == []
    with client.messages.stream(model="claude-opus-5-5", max_tokens=300, messages=QUESTION) as stream:
        streamed = stream.get_final_message()
    assert streamed.content[0].text == plain.content[0].text
    assert streamed.usage == plain.usage


def test_counting_gives_what_is_billed(client: anthropic.Anthropic) -> None:
    prompt = {
        "model": "claude-haiku-4-5",
        "messages": QUESTION,
        "system": "You help type designers.",
        "tools": [KERNING_TOOL],
    }
    counted = client.messages.count_tokens(**prompt)
    answered = client.messages.create(max_tokens=20, **prompt)
    assert counted.input_tokens == answered.usage.input_tokens


@pytest.mark.parametrize("text", ["", "Hamburgefonstiv", "  ä  日本語 \u2028 12345 !?!?", "\n\n\n\tx" * 40])
def test_tokens_join_up_to_the_text_and_never_outnumber_its_bytes(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert count(text) <= len(text.encode())


def test_max_tokens_ends_the_answer(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model="claude-haiku-5-5", max_tokens=7, messages=QUESTION)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 7


def test_a_stop_sequence_ends_the_answer(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(
        model="claude-haiku-5-5", max_tokens=300, messages=QUESTION, stop_sequences=["many pairs"]
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "many pairs")
    assert "many pairs" not in answer.content[0].text
    assert answer.usage.output_tokens == count(answer.content[0].text) + 1


def test_a_tool_is_used_and_its_result_is_answered(client: anthropic.Anthropic) -> None:
    turns: list[dict[str, object]] = [
        {"role": "user", "content": "Set the kerning of 'A' and 'V' to -60 for the class"}
    ]
    with client.messages.stream(model="claude-opus-5", max_tokens=500, messages=turns, tools=[KERNING_TOOL]) as stream:
        first = stream.get_final_message()
    use = next(block for block in first.content if block.type == "tool_use")
    assert first.stop_reason == "tool_use"
    assert use.input == {"left": "A", "right": "V", "value": -60, "scope": "class"}
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "Kerning set to -60."}
    turns += [
        {"role": "assistant", "content": first.to_param()["content"]},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(model="claude-opus-5", max_tokens=500, messages=turns, tools=[KERNING_TOOL])
    assert second.stop_reason == "end_turn"
    assert "Kerning set to -60." in second.content[0].text


def test_thinking_is_streamed_signed_and_billed(client: anthropic.Anthropic) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with client.messages.stream(
        model="claude-opus-4-5", max_tokens=2000, messages=QUESTION, thinking=thinking
    ) as stream:
        answer = stream.get_final_message()
    thought, said = answer.content
    assert thought.type == "thinking"
    assert thought.signature
    assert answer.usage.output_tokens == count(thought.thinking) + count(said.text)
    assert answer.usage.output_tokens_details.thinking_tokens == count(thought.thinking)


def test_thinking_that_is_not_shown_is_billed_all_the_same(client: anthropic.Anthropic) -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    answer = client.messages.create(model="claude-opus-5-5", max_tokens=2000, messages=QUESTION, thinking=thinking)
    assert answer.content[0].thinking == ""
    assert answer.usage.output_tokens > count(answer.content[1].text)


def _png(width: int, height: int) -> str:
    def piece(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    data = b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", header) + piece(b"IDAT", rows) + piece(b"IEND", b"")
    return base64.b64encode(data).decode()


def test_an_image_costs_its_pixels(client: anthropic.Anthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": _png(300, 250)}
    turn = {
        "role": "user",
        "content": [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}],
    }
    plain = {"role": "user", "content": "What is this?"}
    with_image = client.messages.count_tokens(model="claude-opus-5-5", messages=[turn]).input_tokens
    without = client.messages.count_tokens(model="claude-opus-5-5", messages=[plain]).input_tokens
    assert with_image - without == 100


def test_a_marked_prompt_is_written_to_the_cache_and_then_read(client: anthropic.Anthropic) -> None:
    system = [
        {"type": "text", "text": "Long rules. " * 50, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "Short rules. " * 20, "cache_control": {"type": "ephemeral"}},
    ]
    first = client.messages.create(model="claude-opus-5-5", max_tokens=5, system=system, messages=QUESTION).usage
    again = client.messages.create(model="claude-opus-5-5", max_tokens=5, system=system, messages=QUESTION).usage
    assert first.cache_creation.ephemeral_1h_input_tokens == count("Long rules. " * 50)
    assert first.cache_creation.ephemeral_5m_input_tokens == count("Short rules. " * 20)
    assert first.cache_read_input_tokens == 0
    assert again.cache_read_input_tokens == first.cache_creation_input_tokens
    assert again.cache_creation_input_tokens == 0
    assert again.input_tokens == first.input_tokens


def test_the_cache_forgets_when_its_time_is_over() -> None:
    from sandbox.claude.counting import PromptCache, Segment

    now = [0.0]
    cache, prompt = PromptCache(lambda: now[0]), [Segment(100, None, "5m"), Segment(3, None, None)]
    assert cache.bill("key model", prompt).write_5m == 100
    now[0] = 299.0
    assert cache.bill("key model", prompt).read == 100
    now[0] = 299.0 + 299.0
    assert cache.bill("key model", prompt).read == 100
    now[0] += 301.0
    assert cache.bill("key model", prompt).write_5m == 100
    assert cache.bill("another model", prompt).write_5m == 100


def test_all_models_are_listed_and_answer(client: anthropic.Anthropic) -> None:
    listed = list(client.models.list())
    assert {model.id for model in listed} == set(MODELS)
    assert [surprises(model) for model in listed] == [[]] * len(listed)
    for model in listed:
        assert client.models.retrieve(model.id).id == model.id
        assert client.messages.create(model=model.id, max_tokens=1, messages=QUESTION).model == model.id


def test_the_same_question_gets_the_same_answer(client: anthropic.Anthropic) -> None:
    questions = [
        "kerning",
        "variable fonts",
        "hello",
        "write a haiku",
        "OpenType feature code",
        "What about whales?",
    ]
    for question in questions:
        turns = [{"role": "user", "content": question}]
        said = {
            client.messages.create(model="claude-opus-5", max_tokens=600, messages=turns).content[0].text
            for _ in range(2)
        }
        assert len(said) == 1


def test_a_json_schema_is_answered_with_json(client: anthropic.Anthropic) -> None:
    schema = {
        "type": "object",
        "properties": {
            "pairs": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "done": {"type": "boolean"},
        },
        "required": ["pairs", "done"],
    }
    answer = client.messages.create(
        model="claude-opus-5-5",
        max_tokens=300,
        messages=QUESTION,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    told = json.loads(answer.content[0].text)
    assert len(told["pairs"]) == 2
    assert told["done"] is True
