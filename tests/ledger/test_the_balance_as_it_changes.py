"""`GET /api/balance/events`: one balance, told to every screen at once, and to nobody who is signed out."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox.serve import Running
from tests.fixtures.product import QUESTION, Product, running_product


class Follower:
    """One open stream of balances."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.iter_lines()

    def next(self) -> dict[str, Any]:
        for line in self.lines:
            if line.startswith("data: "):
                return json.loads(line[6:])
        raise EOFError


@contextmanager
def following(product: Product, **headers: str) -> Iterator[Follower]:
    with (
        httpx.Client(base_url=product.url, headers=headers, timeout=60) as http,
        http.stream("GET", "/api/balance/events") as answer,
    ):
        yield Follower(answer)


def without_time(balance: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in balance.items() if name != "as_of"}


def signed_in(product: Product, email: str) -> httpx.Client:
    browser = httpx.Client(base_url=product.url, headers={"origin": product.url}, timeout=60)
    browser.post("/api/auth/request", json={"email": email}).raise_for_status()
    browser.post("/api/auth/verify", json={"email": email, "code": product.code(email)}).raise_for_status()
    return browser


def test_every_change_is_told_and_is_what_the_balance_says(shared_product: Product) -> None:
    key = shared_product.customer("follower@example.com")
    with following(shared_product, **{"x-api-key": key}) as one, following(shared_product, **{"x-api-key": key}) as two:
        assert one.answer.headers["content-type"] == "text/event-stream"
        assert one.next()["available_usd"] == two.next()["available_usd"] == "5"
        shared_product.claude(key).messages.create(model="claude-haiku-4-5", max_tokens=50, messages=QUESTION)
        booked = without_time(shared_product.balance(key))
        for follower in (one, two):
            seen = without_time(follower.next())
            while seen != booked:
                seen = without_time(follower.next())


def test_a_grant_from_another_process_is_told_too(shared_product: Product) -> None:
    key = shared_product.customer("granted@example.com")
    with following(shared_product, **{"x-api-key": key}) as follower:
        assert follower.next()["available_usd"] == "5"
        shared_product.run("grant", "granted@example.com", "3", "--reason", "a test").check_returncode()
        assert follower.next()["available_usd"] == "8"


def test_whoever_asks_for_the_head_alone_is_answered_and_may_ask_on(shared_product: Product) -> None:
    key = shared_product.customer("head@example.com")
    with httpx.Client(base_url=shared_product.url, headers={"x-api-key": key}, timeout=10) as client:
        head = client.head("/api/balance/events")
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert client.get("/api/balance").json()["available_usd"] == "5"


def test_signing_out_ends_it(shared_product: Product) -> None:
    with closing(signed_in(shared_product, "leaver@example.com")) as browser:
        cookie = f"session={browser.cookies['session']}"
        with following(shared_product, cookie=cookie) as follower:
            follower.next()
            browser.post("/api/auth/logout").raise_for_status()
            assert not any(follower.lines)
        with following(shared_product, cookie=cookie) as refused:
            assert refused.answer.status_code == 401


def test_revoking_the_key_ends_it_and_what_the_key_made(shared_product: Product) -> None:
    key = shared_product.customer("revoker@example.com")
    program = httpx.Client(base_url=shared_product.url, headers={"x-api-key": key}, timeout=60)
    with closing(program), closing(signed_in(shared_product, "revoker@example.com")) as browser:
        (row,) = browser.get("/api/keys").json()["keys"]
        token = program.post("/api/auth/token").json()["token"]
        bearer = {"authorization": f"Bearer {token}"}
        with following(shared_product, **{"x-api-key": key}) as one, following(shared_product, **bearer) as two:
            one.next(), two.next()
            browser.delete(f"/api/keys/{row['id']}").raise_for_status()
            assert not any(one.lines)
            assert not any(two.lines)


def test_one_account_opens_only_so_many(shared_product: Product) -> None:
    key = shared_product.customer("many@example.com")
    with ExitStack() as stack:
        open_ones = [stack.enter_context(following(shared_product, **{"x-api-key": key})) for _ in range(32)]
        assert all(follower.next() for follower in open_ones)
        refused = stack.enter_context(following(shared_product, **{"x-api-key": key})).answer
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        assert json.loads(refused.read())["code"] == "rate_limited"


def test_a_server_that_is_told_to_stop_does_not_wait_for_them(tmp_path: Path, sqlite_url: str, world: Running) -> None:
    with running_product(tmp_path, sqlite_url, world) as product:
        key = product.customer()
        with following(product, **{"x-api-key": key}) as follower:
            follower.next()
            product.kill(signal.SIGTERM)
            # An answer that the server had to break off would raise here.
            assert not any(follower.lines)
        assert "exceeded" not in product.log.read_text()
