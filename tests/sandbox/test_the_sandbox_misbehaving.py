"""The sandbox's Claude failing on request, down to the bytes on the socket."""

import gzip
import json
import socket

import anthropic
import httpx
import pytest

from sandbox.claude.behaviours import BEHAVIOURS, OPTIONS
from sandbox.serve import Running
from tests.sandbox.claude_desk import HEADERS


def body(marker: str, *, stream: bool = True, **extra: object) -> dict[str, object]:
    turn = {"role": "user", "content": f"Tell me about spacing. [[sandbox: {marker}]]"}
    return {"model": "claude-opus-5-5", "max_tokens": 400, "stream": stream, "messages": [turn], **extra}


def post(claude_alone: Running, marker: str, *, stream: bool = True, **extra: object) -> httpx.Response:
    return httpx.post(
        f"{claude_alone.urls['claude']}/v1/messages",
        headers=HEADERS,
        json=body(marker, stream=stream, **extra),
        timeout=30,
    )


def open_socket(claude_alone: Running, marker: str, *, stream: bool = True) -> socket.socket:
    port = int(claude_alone.urls["claude"].rsplit(":", 1)[1])
    sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    sent = json.dumps(body(marker, stream=stream)).encode()
    lines = [f"{name}: {value}" for name, value in {**HEADERS, "content-type": "application/json"}.items()]
    head = "\r\n".join(["POST /v1/messages HTTP/1.1", "host: x", *lines, f"content-length: {len(sent)}", "", ""])
    sock.sendall(head.encode() + sent)
    return sock


def read_all(sock: socket.socket) -> bytes:
    found = b""
    while data := sock.recv(65536):
        found += data
    return found


def last_row(claude_alone: Running) -> dict[str, object]:
    return httpx.get(f"{claude_alone.urls['claude']}/sandbox/books").json()[-1]


def settled_row(claude_alone: Running) -> dict[str, object]:
    """The last row, once the server has noticed that its client is gone."""
    for _ in range(2000):
        if (row := last_row(claude_alone))["ended"] != "open":
            return row
    raise AssertionError("the request stayed open")


def names(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]


@pytest.mark.parametrize(
    ("marker", "error", "status"),
    [
        ("overloaded", anthropic.APIStatusError, 529),
        ("rate_limited", anthropic.RateLimitError, 429),
        ("error500", anthropic.InternalServerError, 500),
        ("invalid", anthropic.BadRequestError, 400),
    ],
)
def test_an_error_before_the_stream_is_the_sdks_own(
    claude_alone: Running, marker: str, error: type[anthropic.APIStatusError], status: int
) -> None:
    with (
        anthropic.Anthropic(api_key="sandbox-t", base_url=claude_alone.urls["claude"], max_retries=0) as client,
        pytest.raises(error) as raised,
    ):
        client.messages.create(**{**body(marker), "stream": False})
    assert raised.value.status_code == status
    assert last_row(claude_alone)["billed"] is False
    assert last_row(claude_alone)["status"] == status


def test_a_rate_limit_says_when_to_come_back(claude_alone: Running) -> None:
    assert post(claude_alone, "rate_limited").headers["retry-after"] == "7"
    assert post(claude_alone, "overloaded retry=3").headers["retry-after"] == "3"


def test_a_cut_stream_is_billed_for_what_was_generated(claude_alone: Running) -> None:
    with open_socket(claude_alone, "cut after=6") as sock:
        received = read_all(sock)
    assert received.count(b"event: ") == 6
    assert not received.endswith(b"0\r\n\r\n")
    row = settled_row(claude_alone)
    assert row["ended"] == "cut"
    assert row["usage"]["output_tokens"] == 2 + 3 + 1


def test_a_cut_in_the_middle_of_an_event_leaves_half_of_it(claude_alone: Running) -> None:
    with open_socket(claude_alone, "cut_mid_event after=6") as sock:
        received = read_all(sock)
    assert received.count(b"event: ") == 7
    assert b"}\n\n" not in received.rsplit(b"event: ", 1)[1]


def test_a_cut_can_be_a_reset(claude_alone: Running) -> None:
    with open_socket(claude_alone, "cut after=6 reset=1 ms=1 slow") as sock, pytest.raises(ConnectionResetError):
        read_all(sock)


def test_a_plain_answer_is_cut_short_of_its_length(claude_alone: Running) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        post(claude_alone, "cut", stream=False)
    assert settled_row(claude_alone)["ended"] == "cut"
    assert last_row(claude_alone)["billed"] is True


@pytest.mark.parametrize(("marker", "billed"), [("error_event after=0", False), ("error_event after=9", True)])
def test_an_error_event_is_billed_only_after_the_first_token(claude_alone: Running, marker: str, billed: bool) -> None:
    response = post(claude_alone, marker)
    assert response.status_code == 200
    assert names(response.text)[-1] == "error"
    assert '"overloaded_error"' in response.text
    assert (last_row(claude_alone)["ended"], last_row(claude_alone)["billed"]) == ("error", billed)


@pytest.mark.parametrize("marker", ["stall after=4", "stall_before_head", "pings_forever after=4 ms=5"])
def test_a_client_that_gives_up_is_booked_as_gone(claude_alone: Running, marker: str) -> None:
    with open_socket(claude_alone, marker) as sock:
        if marker != "stall_before_head":
            assert b"message_start" in sock.recv(65536)
        assert last_row(claude_alone)["ended"] == "open"
    assert settled_row(claude_alone)["ended"] == "client_gone"


def test_a_client_that_leaves_a_slow_stream_pays_for_what_was_generated(claude_alone: Running) -> None:
    with open_socket(claude_alone, "slow ms=20 tokens=300") as sock:
        received = b""
        while received.count(b"event: content_block_delta") < 3:
            received += sock.recv(65536)
    row = settled_row(claude_alone)
    assert row["ended"] == "client_gone"
    assert 2 + 3 + 1 <= row["usage"]["output_tokens"] < 300


def test_pings_go_on_and_on(claude_alone: Running) -> None:
    with open_socket(claude_alone, "pings_forever after=4 ms=2") as sock:
        received = b""
        while received.count(b"event: ping") < 8:
            received += sock.recv(65536)
    assert received.count(b"content_block_delta\n") == 1


def test_garbage_is_one_bad_line_in_a_good_stream(claude_alone: Running) -> None:
    lines = [
        line.removeprefix("data: ")
        for line in post(claude_alone, "garbage").text.split("\n")
        if line.startswith("data: ")
    ]
    bad = [line for line in lines if not line.endswith("}")]
    assert len(bad) == 1
    assert lines[-1] == '{"type":"message_stop"}'


def test_a_giant_event_is_as_large_as_asked(claude_alone: Running) -> None:
    text = post(claude_alone, "giant mb=3").text
    assert max(len(block) for block in text.split("\n\n")) > 3 * 1024 * 1024
    assert names(text)[-1] == "message_stop"


def test_one_byte_at_a_time_is_the_same_answer(claude_alone: Running) -> None:
    plain, split = post(claude_alone, "tokens=20"), post(claude_alone, "tokens=20 one_byte")
    assert names(split.text) == names(plain.text)
    assert split.text.split("event: content_block_start")[1].count("text_delta") > 5


def test_line_ends_can_be_cr_lf(claude_alone: Running) -> None:
    content = post(claude_alone, "crlf").content
    assert content.count(b"\r\n") == content.count(b"\n")


def test_text_can_hold_the_separators_that_are_no_line_ends(claude_alone: Running) -> None:
    response = post(claude_alone, "u2028")
    assert all(character in response.content.decode() for character in "\u2028\u2029\u0085")


@pytest.mark.parametrize("stream", [True, False])
def test_a_body_can_come_compressed_unasked(claude_alone: Running, stream: bool) -> None:
    with httpx.stream(
        "POST",
        f"{claude_alone.urls['claude']}/v1/messages",
        headers={**HEADERS, "accept-encoding": "identity"},
        json=body("compressed", stream=stream),
    ) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert b"end_turn" in gzip.decompress(raw)


def test_a_bomb_is_small_until_it_is_opened(claude_alone: Running) -> None:
    with httpx.stream(
        "POST", f"{claude_alone.urls['claude']}/v1/messages", headers=HEADERS, json=body("bomb mb=20")
    ) as response:
        raw = b"".join(response.iter_raw())
    assert len(raw) < 200_000
    assert len(gzip.decompress(raw)) > 20 * 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "reported"),
    [("negative", -1), ("shrinking", 1), ("twice", 1), ("missing", None), ("unsplit", 1)],
)
def test_odd_usage_is_odd_and_the_books_are_right(claude_alone: Running, kind: str, reported: int | None) -> None:
    text = post(claude_alone, f"odd_usage kind={kind} tokens=40").text
    deltas = [json.loads(line[6:]) for line in text.split("\n") if line.startswith('data: {"type":"message_delta"')]
    assert last_row(claude_alone)["usage"]["output_tokens"] == 40
    if reported is None:
        assert "usage" not in deltas[-1]
    else:
        assert deltas[-1]["usage"]["output_tokens"] == 40 * reported
    assert len(deltas) == (2 if kind in ("shrinking", "twice") else 1)
    assert ('"cache_creation":null' in text) == (kind == "unsplit")


def test_the_length_of_an_answer_can_be_set(claude_alone: Running) -> None:
    for length in (1, 50, 5000):
        usage = post(claude_alone, f"tokens={length}", stream=False, max_tokens=6000).json()["usage"]
        assert usage["output_tokens"] == length


def test_a_behaviour_can_be_queued_for_the_next_request(claude_alone: Running) -> None:
    base = claude_alone.urls["claude"]
    httpx.post(f"{base}/sandbox/next", json={"behaviour": "overloaded", "times": 2}).raise_for_status()
    httpx.post(f"{base}/sandbox/next", json={"behaviour": "error500", "path": "count_tokens"}).raise_for_status()
    assert [post(claude_alone, "fast").status_code for _ in range(3)] == [529, 529, 200]
    prompt = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "x"}]}
    counts = [
        httpx.post(f"{base}/v1/messages/count_tokens", headers=HEADERS, json=prompt).status_code for _ in range(2)
    ]
    assert counts == [500, 200]


def test_sdk_retries_get_through_a_short_overload(claude_alone: Running) -> None:
    httpx.post(
        f"{claude_alone.urls['claude']}/sandbox/next", json={"behaviour": "overloaded retry=0.01"}
    ).raise_for_status()
    with anthropic.Anthropic(api_key="sandbox-t", base_url=claude_alone.urls["claude"], max_retries=1) as client:
        answer = client.messages.create(**{**body("fast"), "stream": False})
    assert answer.stop_reason == "end_turn"


def test_a_mistyped_behaviour_is_refused_by_name(claude_alone: Running) -> None:
    response = post(claude_alone, "overlaoded")
    assert response.status_code == 400
    assert "overlaoded" in response.json()["error"]["message"]


def test_every_behaviour_is_explained_on_a_page(claude_alone: Running) -> None:
    text = httpx.get(f"{claude_alone.urls['claude']}/sandbox").text
    assert all(f"<code>{name}</code>" in text for name in {**BEHAVIOURS, **OPTIONS})
    assert "Sandbox: Claude" in httpx.get(claude_alone.urls["claude"]).text
