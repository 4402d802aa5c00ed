"""What a stranger may do to a socket: what is no HTTP gets nowhere, and who says nothing keeps nobody out."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from sandbox.serve import Running
from tests.fixtures.calling import MESSAGES, message, new_customer, start_stream
from tests.fixtures.product import Product, running_product

BODY = json.dumps(message("tokens=2", stream=False)).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
SMUGGLED = b"0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
CONNECTIONS_MAX = 30


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: Running) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("door")
    (folder / "account.db").write_bytes(sqlite_template.read_bytes())
    settings = {"HEAD_SECONDS": "2", "CONNECTIONS_MAX": str(CONNECTIONS_MAX)}
    with running_product(folder, f"sqlite:///{folder / 'account.db'}", world, **settings) as found:
        yield found


@pytest.fixture(scope="module")
def key(door: Product) -> str:
    return new_customer(door)


def say(product: Product, data: bytes) -> bytes:
    """Everything that is answered until the server hangs up, as it must."""
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as sock:
        found = b""
        with suppress(ConnectionError):
            sock.sendall(data)
            while part := sock.recv(65536):
                found += part
    return found


def post(key: str, headers: bytes, body: bytes = b"", path: str = MESSAGES) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
    return head.encode() + b"connection: close\r\n" + headers + b"\r\n" + body


def check_refused(answer: bytes, status: int, *, claude: bool) -> None:
    """One answer and no more, in the shape of its address, with an id."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    told = json.loads(body)
    assert told["request_id"].encode() == lines[b"request-id"]
    assert lines[b"content-type"] == (b"application/json" if claude else b"application/problem+json")
    assert (told["error"] if claude else told)["code"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (LENGTH + LENGTH, BODY),
        (LENGTH + b"content-length: 3\r\n", BODY),
        (b"content-length: 3, 3\r\n", BODY),
        (b"content-length: +3\r\n", BODY),
        (b"content-length: -3\r\n", BODY),
        (b"content-length: 99999999999999999999999\r\n", BODY),
        (LENGTH + CHUNKED, SMUGGLED),
        (CHUNKED + LENGTH, SMUGGLED),
        (b"transfer-encoding: xchunked\r\n", SMUGGLED),
        (b"transfer-encoding: chunked, identity\r\n", SMUGGLED),
        (b"transfer-encoding: identity\r\n", BODY),
        (b"transfer-encoding: gzip, chunked\r\n", SMUGGLED),
        (b"host: elsewhere\r\nhost: localhost\r\n" + LENGTH, BODY),
        (b"transfer-encoding : chunked\r\n", SMUGGLED),
        (CHUNKED, b"zz\r\nabc"),
        (CHUNKED, b"ffffffffffffffffff\r\nabc"),
        (CHUNKED, b"3\nabc\n0\n\n"),
        (b"content-encoding: gzip\r\n" + LENGTH, BODY),
        (b"x: a\r\n b\r\n" + LENGTH, BODY),
        (b"x: a\0b\r\n" + LENGTH, BODY),
        (b"no colon\r\n" + LENGTH, BODY),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(
    door: Product, key: str, headers: bytes, body: bytes
) -> None:
    check_refused(say(door, post(key, headers, body)), 400, claude=True)


def test_what_follows_a_body_is_no_header(door: Product, key: str) -> None:
    trailing = CHUNK + b"0\r\nx-api-key: another\r\n\r\n"
    assert say(door, post(key, CHUNKED, trailing)).startswith(b"HTTP/1.1 200 ")
    assert say(door, post("none", CHUNKED, CHUNK + f"0\r\nx-api-key: {key}\r\n\r\n".encode())).startswith(
        b"HTTP/1.1 401 "
    )


@pytest.mark.parametrize(
    ("data", "status", "claude"),
    [
        (b"GET /api/balance HTTP/1.1\r\nx: " + b"x" * 70_000 + b"\r\n\r\n", 431, False),
        (b"GET /api/claude/v1/models HTTP/1.1\r\n" + b"x: y\r\n" * 300 + b"\r\n", 431, True),
        (b"GET /api/balance?" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, False),
        (b"GET /api/claude/\xff HTTP/1.1\r\n\r\n", 400, True),
        (b"GET /api/balance HTTP/1.1\nhost: x\n\n", 400, False),
        (b"BREW /api/claude/v1/messages HTTP/1.1\r\n\r\n", 400, True),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, False),
        (b"\x16\x03\x01\x00\xc8\x01" + b"\0" * 100, 400, False),
    ],
    ids=["long line", "many lines", "long address", "no ASCII", "bare LF", "method", "HTTP/2", "TLS"],
)
def test_a_head_that_is_none_is_answered_as_its_address_would(
    door: Product, data: bytes, status: int, claude: bool
) -> None:
    check_refused(say(door, data), status, claude=claude)


def test_a_head_that_does_not_come_is_not_waited_for(door: Product) -> None:
    beginnings = {
        b"": b"",
        b"GE": b"problem+json",
        b"GET /api/claude/v1/models HTTP/1.1\r\nhost: x": b"application/json",
    }
    with ExitStack() as stack:
        sockets = [stack.enter_context(beginning(door, data)) for data in beginnings]
        for sock, kind in zip(sockets, beginnings.values(), strict=True):
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408 " if kind else b"")
            assert kind in answer
            assert sock.recv(1) == b""


def beginning(product: Product, data: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", product.port), timeout=20)
    sock.sendall(data)
    return sock


@pytest.mark.parametrize("rest", [b"a: ", b"\r\n", b"a: b\r\n"], ids=["a line", "nothing", "lines"])
def test_a_head_without_end_is_hung_up_on(door: Product, rest: bytes) -> None:
    beginning = b"" if rest == b"\r\n" else b"GET /api/balance HTTP/1.1\r\n"
    answer = say(door, beginning + rest * (1 << 20))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_trailers_without_end_are_hung_up_on(door: Product, key: str) -> None:
    answer = say(door, post(key, CHUNKED, CHUNK + b"0\r\n" + b"a: b\r\n" * (1 << 18)))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_an_answer_that_is_under_way_comes_whole_before_garbage_is_hung_up_on(door: Product, key: str) -> None:
    asked = post(key, LENGTH, BODY).replace(b"connection: close\r\n", b"")
    answer = say(door, asked + b"\0garbage\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"}")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_large_body_is_taken_in_before_its_refusal_is_hung_up_on(door: Product, version: bytes) -> None:
    body = b" " * (8 << 20)
    asked = post("ak_nobody", b"content-length: %d\r\n" % len(body)).replace(b"HTTP/1.1", b"HTTP/" + version)
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as sock:
        sock.sendall(asked + body)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b" 401 " in answer.splitlines()[0]


def test_connections_that_say_nothing_make_room(door: Product, key: str) -> None:
    thread, got = start_stream(door, key, "pace=20 tokens=60")
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", door.port), timeout=20))
            for _ in range(4 * CONNECTIONS_MAX)
        ]
        for sock in idle[::2]:
            with suppress(ConnectionError):
                sock.sendall(b"POST /api/auth/request HTTP/1.1\r\ncontent-type: application/json\r\n")
        for _ in range(3):
            assert say(door, b"GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        with suppress(ConnectionError):
            assert idle[0].recv(1) == b""
    thread.join()
    assert got[0].whole
