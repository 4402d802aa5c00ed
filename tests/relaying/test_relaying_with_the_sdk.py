"""The official SDK with nothing changed but its address and its key."""

import base64
import struct
import zlib
from collections.abc import Iterator

import anthropic
import pytest

from tests.fixtures.calling import MODEL, billed, booked, new_customer, receipt
from tests.fixtures.product import QUESTION, Product

TOOL = {
    "name": "set_width",
    "description": "Sets the advance width of a glyph",
    "input_schema": {
        "type": "object",
        "properties": {"glyph": {"type": "string"}, "width": {"type": "integer"}},
        "required": ["glyph", "width"],
    },
}


@pytest.fixture(scope="module")
def key(shared_product: Product) -> str:
    return new_customer(shared_product)


@pytest.fixture
def claude(shared_product: Product, key: str) -> Iterator[anthropic.Anthropic]:
    with shared_product.claude(key) as client:
        yield client


def asked(text: str) -> list[anthropic.types.MessageParam]:
    return [{"role": "user", "content": text}]


def check_receipt(product: Product, key: str, request_id: str | None) -> None:
    """The request that the SDK names is booked, complete, with upstream's own figures."""
    assert request_id is not None
    found = receipt(product, key, request_id)
    assert (found["ended"], found["estimated"]) == ("complete", False)
    assert booked(found) == billed(product)
    assert product.balance(key)["held_usd"] == "0"


def test_a_plain_answer(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
    assert answer.content[0].type == "text"
    assert answer.stop_reason == "end_turn"
    check_receipt(shared_product, key, answer._request_id)


def test_a_stream(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(model=MODEL, max_tokens=300, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].type == "text"
    assert final.content[0].text == text
    assert final.usage.output_tokens > 100
    check_receipt(shared_product, key, stream.response.headers["request-id"])


def test_a_stream_of_raw_events(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    stream = claude.messages.create(model=MODEL, max_tokens=300, messages=QUESTION, stream=True)
    kinds = [event.type for event in stream]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    check_receipt(shared_product, key, stream.response.headers["request-id"])


def test_the_sdk_passes_over_the_receipt_event(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    headers = {"x-receipt": "1"}
    with claude.messages.stream(model=MODEL, max_tokens=300, messages=QUESTION, extra_headers=headers) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"
    check_receipt(shared_product, key, stream.response.headers["request-id"])


@pytest.mark.parametrize("streamed", [True, False])
def test_a_tool_is_called_and_its_result_answered(
    shared_product: Product, key: str, claude: anthropic.Anthropic, streamed: bool
) -> None:
    messages = asked("Set the width of glyph A to 600")
    fields = {"model": MODEL, "max_tokens": 500, "tools": [TOOL], "tool_choice": {"type": "any"}}
    if streamed:
        with claude.messages.stream(messages=messages, **fields) as stream:
            answer = stream.get_final_message()
    else:
        answer = claude.messages.create(messages=messages, **fields)
    assert answer.stop_reason == "tool_use"
    call = answer.content[-1]
    assert call.type == "tool_use"
    assert set(call.input) == {"glyph", "width"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Done: 600"}
    history = [*messages, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    last = claude.messages.create(model=MODEL, max_tokens=500, tools=[TOOL], messages=history)
    assert "Done: 600" in last.content[0].text
    check_receipt(shared_product, key, last._request_id)


def png(width: int, height: int) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def test_a_picture(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": png(900, 600)}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "Is this even?"}]
    answer = claude.messages.create(model=MODEL, max_tokens=300, messages=[{"role": "user", "content": content}])
    assert answer.usage.input_tokens > 900 * 600 // 750
    check_receipt(shared_product, key, answer._request_id)


def test_a_document_that_must_be_counted_first(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    pdf = base64.b64encode(b"%PDF-1.4 /Type /Page /Type /Page").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": pdf}
    content = [{"type": "document", "source": source}, {"type": "text", "text": "What is in it?"}]
    answer = claude.messages.create(model=MODEL, max_tokens=300, messages=[{"role": "user", "content": content}])
    assert answer.usage.input_tokens > 4000
    check_receipt(shared_product, key, answer._request_id)


@pytest.mark.parametrize("streamed", [True, False])
def test_thinking(shared_product: Product, key: str, claude: anthropic.Anthropic, streamed: bool) -> None:
    fields = {"model": MODEL, "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if streamed:
        with claude.messages.stream(messages=QUESTION, **fields) as stream:
            answer = stream.get_final_message()
        request_id = stream.response.headers["request-id"]
    else:
        answer = claude.messages.create(messages=QUESTION, **fields)
        request_id = answer._request_id
    assert [block.type for block in answer.content] == ["thinking", "text"]
    check_receipt(shared_product, key, request_id)


def test_counting_is_free(shared_product: Product, key: str, claude: anthropic.Anthropic) -> None:
    before = shared_product.balance(key)["available_usd"], len(shared_product.requests(key))
    counted = claude.messages.count_tokens(model=MODEL, messages=QUESTION)
    assert counted.input_tokens > 3
    assert (shared_product.balance(key)["available_usd"], len(shared_product.requests(key))) == before


def test_the_models_are_listed_and_shown(claude: anthropic.Anthropic) -> None:
    models = {model.id for model in claude.models.list()}
    assert MODEL in models
    assert claude.models.retrieve(MODEL).display_name == "Claude Opus 5.5"
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("claude-nobody")


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ("overloaded", anthropic.InternalServerError),
        ("rate_limited", anthropic.RateLimitError),
        ("error500", anthropic.InternalServerError),
        ("invalid", anthropic.BadRequestError),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_upstreams_refusals_are_the_sdks_own_errors(
    claude: anthropic.Anthropic, marker: str, error: type[anthropic.APIStatusError], streamed: bool
) -> None:
    with pytest.raises(error) as raised:
        claude.messages.create(
            model=MODEL, max_tokens=300, messages=asked(f"Hello [[sandbox: {marker}]]"), stream=streamed
        )
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req_")


def test_an_error_in_the_stream_is_the_sdks_own_error(claude: anthropic.Anthropic) -> None:
    stream = claude.messages.create(
        model=MODEL, max_tokens=300, messages=asked("Hello [[sandbox: error_event after=6]]"), stream=True
    )
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)


def test_our_own_refusals_are_the_sdks_own_errors(shared_product: Product, claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="not a model that is offered"):
        claude.messages.create(model="claude-2", max_tokens=300, messages=QUESTION)
    with shared_product.claude("ak_nobody") as nobody, pytest.raises(anthropic.AuthenticationError):
        nobody.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
    poor_key = new_customer(shared_product, "0")
    with shared_product.claude(poor_key) as poor, pytest.raises(anthropic.APIStatusError) as refused:
        poor.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
    assert refused.value.status_code == 402
    assert refused.value.body["error"]["code"] == "insufficient_credit"


def test_the_sdk_retries_what_upstream_says_to_retry(shared_product: Product, key: str) -> None:
    shared_product.world.claude.queue.clear()
    with shared_product.claude(key) as client:
        patient = client.with_options(max_retries=2)
        with shared_product.http() as http:
            address = f"{shared_product.world.urls['claude']}/sandbox/next"
            http.post(address, json={"behaviour": "overloaded"}).raise_for_status()
        answer = patient.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
    check_receipt(shared_product, key, answer._request_id)
    assert [row["status"] for row in shared_product.requests(key)[:2]] == [200, 529]


def test_the_short_door_answers_the_same(shared_product: Product, key: str) -> None:
    body = {"model": MODEL, "max_tokens": 300, "messages": QUESTION}
    with shared_product.http(key) as http:
        for path in ("/api/claude", "/api/claude/v1/messages"):
            answer = http.post(path, json=body)
            assert answer.status_code == 200
            assert answer.json()["content"][0]["text"].startswith("Kern last.")
            check_receipt(shared_product, key, answer.headers["request-id"])


def test_a_bearer_key_opens_the_same_door(shared_product: Product, key: str) -> None:
    address = f"{shared_product.url}/api/claude"
    with anthropic.Anthropic(auth_token=key, api_key=None, base_url=address, max_retries=0) as client:
        answer = client.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
    check_receipt(shared_product, key, answer._request_id)


async def test_the_asynchronous_sdk_streams_too(shared_product: Product, key: str) -> None:
    address = f"{shared_product.url}/api/claude"
    async with (
        anthropic.AsyncAnthropic(api_key=key, base_url=address, max_retries=0) as client,
        client.messages.stream(model=MODEL, max_tokens=300, messages=QUESTION) as stream,
    ):
        final = await stream.get_final_message()
    assert final.stop_reason == "end_turn"
    check_receipt(shared_product, key, stream.response.headers["request-id"])
