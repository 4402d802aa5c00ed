"""What is refused is refused before anything is held, in Anthropic's envelope, and upstream never hears of it."""

import gzip
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.calling import MESSAGES, MODEL, Got, ask, billed, booked, fetch, message, new_customer, receipt
from tests.fixtures.product import Product

ANY_SIZE = 33 << 20
WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}


@pytest.fixture(scope="module")
def key(shared_product: Product) -> Iterator[str]:
    """A customer with credit, who is refused all day and never charged."""
    key = new_customer(shared_product)
    yield key
    assert shared_product.requests(key) == []
    assert shared_product.balance(key)["available_usd"] == "100"


@pytest.fixture(autouse=True)
def nothing_is_held(shared_product: Product, key: str) -> Iterator[None]:
    yield
    assert shared_product.balance(key)["held_usd"] == "0"


def check_refused(product: Product, got: Got, calls: int, status: int, kind: str, words: str = "") -> None:
    assert got.status == status
    assert got.request_id.startswith("req_")
    assert got.error["type"] == kind
    assert words in got.error["message"]
    assert len(product.world.claude.books.entries) == calls


def calls_of(product: Product) -> int:
    return len(product.world.claude.books.entries)


@pytest.mark.parametrize("max_tokens", [-1, 0, 10**18, 10**30, True, "9", 1.5, None, [9], {"n": 9}, 1_000_001])
def test_absurd_max_tokens(shared_product: Product, key: str, max_tokens: Any) -> None:
    calls = calls_of(shared_product)
    got = ask(shared_product, key, message(max_tokens=max_tokens))
    check_refused(
        shared_product, got, calls, 400, "invalid_request_error", "" if max_tokens == 10**30 else "max_tokens"
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": "claude-2"}, "model"),
    ({"model": "claude-opus-5-5; drop"}, "model"),
    ({"model": None}, "model"),
    ({"model": ["claude-opus-5-5"]}, "model"),
    ({"container": "c_1"}, "container"),
    ({"mcp_servers": []}, "mcp_servers"),
    ({"context_management": {}}, "context_management"),
    ({"fallbacks": []}, "fallbacks"),
    ({"price": 0}, "price"),
    ({"stream": "false"}, "stream"),
    ({"messages": []}, "messages"),
    ({"messages": "hello"}, "messages"),
    ({"messages": [{"role": "user", "content": "x", "price": 0}]}, "messages.0.price"),
    ({"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]}, "container_upload"),
    ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, "code_execution"),
    ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "web_fetch"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "max_uses"),
    ({"tools": [WEB_SEARCH | {"max_uses": 10**9}]}, "max_uses"),
    ({"tools": [WEB_SEARCH | {"allowed_callers": ["code_execution_20250825"]}]}, "allowed_callers"),
    ({"service_tier": "priority"}, "service_tier"),
    ({"inference_geo": "mars"}, "inference_geo"),
    ({"speed": "ludicrous"}, "speed"),
    ({"model": "claude-haiku-4-5", "speed": "fast"}, "speed"),
]


@pytest.mark.parametrize(("fields", "named"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_has_no_price_is_refused_by_name(
    shared_product: Product, key: str, fields: dict[str, Any], named: str
) -> None:
    calls = calls_of(shared_product)
    got = ask(shared_product, key, message(**fields))
    check_refused(shared_product, got, calls, 400, "invalid_request_error", named)


@pytest.mark.parametrize(
    "beta", ["message-batches-2024-09-24", "code-execution-2025-08-25", "x" * 5000, "compact-2026-01-12"]
)
def test_betas_that_may_change_the_bill(shared_product: Product, key: str, beta: str) -> None:
    calls = calls_of(shared_product)
    got = ask(shared_product, key, message(), **{"anthropic-beta": f"prompt-caching-2024-07-31,{beta}"})
    check_refused(shared_product, got, calls, 400, "invalid_request_error", beta[:20])


@pytest.mark.parametrize("version", ["2023-06-01 x", '"', "2" * 50])
def test_versions_that_are_none(shared_product: Product, key: str, version: str) -> None:
    calls = calls_of(shared_product)
    got = ask(shared_product, key, message(), **{"anthropic-version": version})
    check_refused(shared_product, got, calls, 400, "invalid_request_error", "anthropic-version")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":1}{"b":2}', b'{"model":"a","model":"b"}', b"[" * 100_000],
    ids=lambda body: repr(body[:20]),
)
def test_bodies_that_are_no_request(shared_product: Product, key: str, body: bytes) -> None:
    calls = calls_of(shared_product)
    check_refused(shared_product, ask(shared_product, key, body), calls, 400, "invalid_request_error")


@pytest.mark.parametrize("part", [b"1,", b"[[[[[[[]]]]]]],", b'{"a":{"a":1}},'])
def test_bodies_of_more_parts_than_any_model_reads_are_not_taken_apart(
    shared_product: Product, key: str, part: bytes
) -> None:
    calls = calls_of(shared_product)
    body = b'{"messages":[' + part * (500_000 // sum(part.count(mark) for mark in b",[{") + 1) + b"1]}"
    check_refused(shared_product, ask(shared_product, key, body), calls, 400, "invalid_request_error", "500,000")


def test_compressed_bodies(shared_product: Product, key: str) -> None:
    calls = calls_of(shared_product)
    body = gzip.compress(json.dumps(message()).encode())
    got = ask(shared_product, key, body, **{"content-encoding": "gzip"})
    check_refused(shared_product, got, calls, 400, "invalid_request_error", "content-encoding")


@pytest.mark.parametrize("path", [MESSAGES, "/api/claude/v1/messages/count_tokens"])
def test_bodies_beyond_32_mb_are_not_read(shared_product: Product, key: str, path: str) -> None:
    calls = calls_of(shared_product)
    with socket.create_connection(("127.0.0.1", shared_product.port), timeout=20) as sock:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {ANY_SIZE}\r\n\r\n"
        sock.sendall(head.encode())
        answer = b""
        while b"request_too_large" not in answer and (data := sock.recv(65536)):
            answer += data
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"request_too_large" in answer
    assert calls_of(shared_product) == calls


def test_a_body_that_grows_beyond_32_mb_unannounced(shared_product: Product, key: str) -> None:
    calls = calls_of(shared_product)
    with socket.create_connection(("127.0.0.1", shared_product.port), timeout=20) as sock:
        head = f"POST {MESSAGES} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ntransfer-encoding: chunked\r\n\r\n"
        sock.sendall(head.encode())
        megabyte = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        for _ in range(33):
            sock.sendall(megabyte)
        answer = sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert calls_of(shared_product) == calls


def test_a_client_that_leaves_in_the_middle_of_its_request(shared_product: Product, key: str) -> None:
    calls = calls_of(shared_product)
    with socket.create_connection(("127.0.0.1", shared_product.port), timeout=20) as sock:
        head = f"POST {MESSAGES} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 900\r\n\r\n"
        sock.sendall(head.encode() + b'{"model":')
    assert ask(shared_product, key, b"{").status == 400
    assert calls_of(shared_product) == calls


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"), ("PUT", "/v1/messages"), ("DELETE", ""), ("PATCH", "/"),
        ("GET", "/v1/messages/count_tokens"), ("POST", "/v1/models"), ("DELETE", f"/v1/models/{MODEL}"),
    ],
)  # fmt: skip
def test_wrong_methods(shared_product: Product, key: str, method: str, path: str) -> None:
    calls = calls_of(shared_product)
    got = fetch(f"{shared_product.url}/api/claude{path}", message(), {"x-api-key": key}, method=method)
    check_refused(shared_product, got, calls, 405, "invalid_request_error")


@pytest.mark.parametrize(
    "path",
    [
        "/v1", "/v1/", "/v1/complete", "/v1/files", "/v1/messages/batches", "/v1/messages/", "/v1/messages/x",
        "/v1/models/a/b", "/v1/organizations/usage", "/sandbox/books", "/v1/../sandbox/reset", "//v1/messages",
        "/v1/messages%2Fbatches", "/v2/messages", "/v1/models/%2e%2e", "/v1/models/a%3Fb", "/v1/models/%C3%A9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("is_known", [True, False], ids=["with a key", "by a stranger"])
def test_unknown_paths(shared_product: Product, key: str, method: str, path: str, is_known: bool) -> None:
    calls = calls_of(shared_product)
    found = b""
    with socket.create_connection(("127.0.0.1", shared_product.port), timeout=20) as sock:
        head = f"{method} /api/claude{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        head += f"x-api-key: {key}\r\n" if is_known else ""
        sock.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
        while data := sock.recv(65536):
            found += data
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nrequest-id: req_" in head
    assert json.loads(body)["error"]["type"] == "not_found_error"
    assert calls_of(shared_product) == calls


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": "ak_no"}, {"authorization": "Bearer at_no"}, {"cookie": "session=no"}]
)
def test_strangers(shared_product: Product, headers: dict[str, str]) -> None:
    calls = calls_of(shared_product)
    got = fetch(shared_product.url + MESSAGES, message(), headers)
    check_refused(shared_product, got, calls, 401, "authentication_error")
    assert got.headers["x-should-retry"] == "false"


def test_our_own_upstream_key_opens_nothing(shared_product: Product) -> None:
    calls = calls_of(shared_product)
    got = ask(shared_product, shared_product.world.settings["ANTHROPIC_API_KEY"], message())
    check_refused(shared_product, got, calls, 401, "authentication_error")


@pytest.mark.parametrize("usd", ["0.0012", "0.003"])
def test_credit_for_less_names_the_max_tokens_that_passes(shared_product: Product, usd: str) -> None:
    poor = new_customer(shared_product, usd)
    calls = calls_of(shared_product)
    got = ask(shared_product, poor, message(max_tokens=400))
    check_refused(shared_product, got, calls, 402, "insufficient_credit", "max_tokens of")
    error = got.error
    assert error["code"] == "insufficient_credit"
    assert Decimal(error["available_usd"]) == Decimal(usd) < Decimal(error["needed_usd"])
    assert got.headers["x-should-retry"] == "false"
    fits = error["max_tokens_affordable"]
    assert 0 < fits < 400
    assert ask(shared_product, poor, message(max_tokens=fits + 1)).status == 402
    assert shared_product.requests(poor) == []
    passed = ask(shared_product, poor, message(max_tokens=fits))
    assert passed.status == 200
    assert booked(receipt(shared_product, poor, passed.request_id)) == billed(shared_product)
    balance = shared_product.balance(poor)
    assert balance["held_usd"] == "0"
    assert Decimal(balance["available_usd"]) >= 0


def test_no_credit_at_all_asks_upstream_nothing(shared_product: Product) -> None:
    poor = new_customer(shared_product, "0")
    calls = calls_of(shared_product)
    got = ask(shared_product, poor, message())
    check_refused(shared_product, got, calls, 402, "insufficient_credit")
    assert got.error["max_tokens_affordable"] == 0


def test_a_query_cannot_add_a_line_to_what_upstream_is_sent(shared_product: Product, key: str) -> None:
    address = f"{shared_product.url}/api/claude/v1/models?limit=1%0d%0ax:y"
    got = fetch(address, b"", {"x-api-key": key}, method="GET")
    assert got.status == 200
    assert MODEL in got.data.decode()
