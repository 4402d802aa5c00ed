"""What the sandbox's Claude refuses, as upstream would."""

import socket

import anthropic
import httpx
import pytest

from sandbox.serve import Running
from tests.sandbox.claude_desk import HEADERS, QUESTION, ask

KERNING_TOOL = {"name": "set_kerning", "description": "Sets a pair.", "input_schema": {"type": "object"}}


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="claude-opus-9", max_tokens=1, messages=QUESTION)
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-opus-9")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({**HEADERS, "x-api-key": "a-customers-own-key"}, 401, "authentication_error"),
        ({"x-api-key": "sandbox-test"}, 400, "invalid_request_error"),
        ({**HEADERS, "anthropic-version": "1999-01-01"}, 400, "invalid_request_error"),
        ({**HEADERS, "anthropic-beta": "no such beta"}, 400, "invalid_request_error"),
    ],
)
def test_a_request_without_the_right_headers_is_refused(
    claude_alone: Running, headers: dict[str, str], status: int, kind: str
) -> None:
    body = {"model": "claude-opus-5-5", "max_tokens": 1, "messages": QUESTION}
    response = httpx.post(f"{claude_alone.urls['claude']}/v1/messages", headers=headers, json=body)
    assert response.status_code == status
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == kind
    assert response.json()["request_id"] == response.headers["request-id"]
    assert claude_alone.claude.books.rows()[-1]["billed"] is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": 10**18}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'must use the "user" role'),
        ({"messages": [*QUESTION, {"role": "assistant", "content": "It"}]}, "prefill"),
        ({"messages": [{"role": "user", "content": [{"type": "song"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "y": 1}]}]}, "text.y"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
            "tool_use_id",
        ),
        ({"tools": [KERNING_TOOL, KERNING_TOOL]}, "unique"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "budget_tokens"),
        ({"speed": "fast"}, "fast"),
    ],
)
def test_a_body_that_upstream_would_refuse_is_refused(
    claude_alone: Running, change: dict[str, object], words: str
) -> None:
    response = ask(claude_alone, **change)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert words in response.json()["error"]["message"]


def test_requests_on_one_connection_are_answered_in_turn(claude_alone: Running) -> None:
    with httpx.Client(base_url=claude_alone.urls["claude"], headers=HEADERS) as client:
        for stream in (True, False, True):
            assert (
                client.post(
                    "/v1/messages",
                    json={"model": "claude-opus-5", "max_tokens": 9, "messages": QUESTION, "stream": stream},
                ).status_code
                == 200
            )
        assert client.get("/v1/nothing").json()["error"]["type"] == "not_found_error"
        assert client.get("/v1/messages").status_code == 405


def test_a_body_over_the_limit_is_refused(claude_alone: Running) -> None:
    port = int(claude_alone.urls["claude"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        size = 33 * 1024 * 1024
        sock.sendall(f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode())
        sock.sendall(b" " * size)
        assert b" 413 " in sock.recv(65536)


def test_what_is_not_http_is_refused(claude_alone: Running) -> None:
    port = int(claude_alone.urls["claude"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 400")
