"""How often and how many at once, asked over the socket as a client meets it."""

import threading
from pathlib import Path

import anthropic
import pytest

from sandbox.serve import Running
from tests.fixtures.calling import MODEL, ask, billed, message, new_customer
from tests.fixtures.product import QUESTION, eventually, running_product


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path, sqlite_url: str, world: Running) -> None:
    with running_product(tmp_path, sqlite_url, world, RATE_REQUESTS_PER_MINUTE="3") as product:
        key, neighbour = new_customer(product), new_customer(product)
        for _ in range(3):
            assert ask(product, key, message()).status == 200
        calls = len(world.claude.books.entries)
        refused = ask(product, key, message())
        assert refused.status == 429
        assert refused.error["type"] == "rate_limit_error"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        with product.claude(key) as client, pytest.raises(anthropic.RateLimitError):
            client.messages.count_tokens(model=MODEL, messages=QUESTION)
        assert len(world.claude.books.entries) == calls
        assert len(product.requests(key)) == 3
        assert product.balance(key)["held_usd"] == "0"
        assert ask(product, neighbour, message()).status == 200


def test_too_many_tokens_are_refused_and_upstreams_own_limit_is_passed_on(
    tmp_path: Path, sqlite_url: str, world: Running
) -> None:
    with running_product(tmp_path, sqlite_url, world, RATE_TOKENS_PER_MINUTE="2000") as product:
        key = new_customer(product)
        assert ask(product, key, message(max_tokens=1000)).status == 200
        refused = ask(product, key, message(max_tokens=1000))
        assert (refused.status, refused.error["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) <= 60
        assert ask(product, key, message(max_tokens=100)).status == 200
        assert ask(product, new_customer(product), message(max_tokens=50_000)).status == 200
        limited = ask(product, new_customer(product), message("rate_limited retry=9"))
        assert (limited.status, limited.headers["retry-after"]) == (429, "9")


def test_only_so_many_run_at_once_and_a_place_comes_back(tmp_path: Path, sqlite_url: str, world: Running) -> None:
    with running_product(tmp_path, sqlite_url, world, RATE_CONCURRENT="2", UPSTREAM_SILENCE_SECONDS="1.5") as product:
        key, neighbour = new_customer(product), new_customer(product)
        stalled = [threading.Thread(target=ask, args=(product, key, message("stall after=6"))) for _ in range(2)]
        calls = len(world.claude.books.entries)
        for thread in stalled:
            thread.start()
        eventually(lambda: len(world.claude.books.entries) == calls + 2)
        refused = ask(product, key, message())
        assert (refused.status, refused.error["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert ask(product, neighbour, message()).status == 200
        for thread in stalled:
            thread.join()
        assert eventually(lambda: ask(product, key, message()).status == 200)
        assert product.balance(key)["held_usd"] == "0"
        assert billed(product)["output"] > 0
        assert len(product.requests(key)) == 3
