"""What comes in before anything is admitted is bounded: in how often, how many at once, and for how long."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from sandbox.serve import Running
from tests.fixtures.calling import MESSAGES, ask, fetch, message, new_customer
from tests.fixtures.product import Product, eventually, running_product

COUNT = MESSAGES + "/count_tokens"
LIMITS = {"RATE_REQUESTS_PER_MINUTE": "3", "RATE_CONCURRENT": "2"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: Running) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("strict")
    (folder / "account.db").write_bytes(sqlite_template.read_bytes())
    with running_product(folder, f"sqlite:///{folder / 'account.db'}", world, **LIMITS) as found:
        yield found


@pytest.mark.parametrize(
    "body",
    [b"no json", b"[" * 100_000, b'{"a":' * 100_000, message(model="claude-none"), b"x" * (33 << 20)],
    ids=["no json", "nested lists", "nested objects", "unknown model", "too large"],
)
def test_an_account_that_is_refused_all_the_time_is_told_to_wait(strict: Product, body: object) -> None:
    key = new_customer(strict)
    first = [ask(strict, key, body) for _ in range(3)]
    assert {got.status for got in first} <= {400, 413}
    assert {got.error["type"] for got in first} <= {"invalid_request_error", "request_too_large"}
    for content in (body, message()):
        told = ask(strict, key, content)
        assert (told.status, told.error["type"]) == (429, "rate_limit_error")
        assert 1 <= int(told.headers["retry-after"]) <= 60
    assert ask(strict, new_customer(strict), message()).status == 200


def test_an_account_has_no_more_bodies_under_way_than_streams(strict: Product) -> None:
    key = new_customer(strict)
    with ExitStack() as sockets:
        for path in (MESSAGES, COUNT):
            for _ in range(2):
                sockets.enter_context(beginning(strict, key, path))
            eventually(lambda path=path: status_of(strict, key, path) == 429)
    eventually(lambda: status_of(strict, key, MESSAGES) == 400)


def test_all_bodies_together_are_bounded_and_who_does_not_fit_is_told_to_come_back(
    tmp_path: Path, sqlite_url: str, world: Running
) -> None:
    with running_product(tmp_path, sqlite_url, world, BODIES_MB_MAX="32") as product:
        key, other = new_customer(product), new_customer(product)
        with socket.create_connection(("127.0.0.1", product.port), timeout=20) as sock:
            head = (
                f"POST {MESSAGES} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-length: {32 << 20}\r\n\r\n"
            )
            sock.sendall(head.encode() + b" " * (31 << 20))
            large = message(metadata={"user_id": "x" * (2 << 20)})
            told = eventually(lambda: (got := ask(product, other, large)).status == 529 and got)
            assert (told.error["type"], told.headers["retry-after"]) == ("overloaded_error", "2")
            assert ask(product, other, message()).status == 200
        eventually(lambda: ask(product, other, large).status != 529)
        assert product.balance(other)["held_usd"] == "0"


def test_a_body_that_trickles_without_end_is_ended(tmp_path: Path, sqlite_url: str, world: Running) -> None:
    settings = {"BODY_SECONDS": "1", "BODY_SILENCE_SECONDS": "2"}
    with running_product(tmp_path, sqlite_url, world, **settings) as product, ExitStack() as sockets:
        key = new_customer(product)
        paths = (MESSAGES, COUNT, "/api/auth/request")
        trickling = [sockets.enter_context(beginning(product, key, path)) for path in paths]
        for sock in trickling:
            answer = trickle(sock)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"request-id: req_" in answer


def trickle(sock: socket.socket) -> bytes:
    """A space now and then, until there is an answer."""
    sock.settimeout(0.2)
    answer = b""
    while b"\r\n\r\n" not in answer:
        sock.sendall(b" ")
        with suppress(TimeoutError):
            answer += sock.recv(65536)
    return answer


def status_of(product: Product, key: str, path: str) -> int:
    return fetch(product.url + path, b"no json", {"x-api-key": key}).status


def beginning(product: Product, key: str, path: str) -> socket.socket:
    """A request whose body has only begun."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
        "content-length: 60000\r\n\r\n{"
    )
    sock = socket.create_connection(("127.0.0.1", product.port), timeout=20)
    sock.sendall(head.encode())
    return sock
