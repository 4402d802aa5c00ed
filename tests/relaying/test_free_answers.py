"""What one would try for a free answer, or to spend what is not there: it is booked, or it is refused."""

import asyncio
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from relay import clock, ledger
from relay.audit import recompute
from relay.database import Database
from relay.ledger import Settle
from relay.pricing import Tokens
from relay.settings import Settings
from relay.settling import sweep
from tests.fixtures.calling import MESSAGES, ask, message, new_customer
from tests.fixtures.endings import all_rows
from tests.fixtures.ledger_desk import Desk, at_once, holds, open_desk, split
from tests.fixtures.product import Product, eventually


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def raw(product: Product, *pieces: bytes, until: bytes = b"", timeout: float = 20) -> bytes:
    """Sends the pieces on one connection; what comes until `until`, or until the server closes."""
    found = b""
    with socket.create_connection(("127.0.0.1", product.port), timeout=timeout) as sock:
        for piece in pieces:
            sock.sendall(piece)
        while not (until and until in found) and (data := sock.recv(65536)):
            found += data
    return found


def request(key: str, body: Any, *headers: str, length: int | None = None) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"POST {MESSAGES} HTTP/1.1", "host: localhost", f"x-api-key: {key}", *headers]
    if length is not None or not headers:
        lines.append(f"content-length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def calls_of(product: Product) -> int:
    return len(product.world.claude.books.entries)


def test_requests_in_one_packet_are_each_held_for_and_booked(impatient: Product) -> None:
    key = new_customer(impatient)
    body = message("tokens=9")
    found = raw(impatient, request(key, body) * 3 + request(key, b"", "connection: close", length=0))
    rows = eventually(lambda: len(rows := all_rows(impatient, key)) == 3 and rows)
    assert found.count(b"message_stop") == 3 * 2
    assert {row["output_tokens"] for row in rows} == {9}


def test_who_leaves_with_more_requests_on_the_way_pays_for_what_began(impatient: Product) -> None:
    key = new_customer(impatient)
    before = calls_of(impatient)
    raw(impatient, request(key, message("pace=200 tokens=60")) * 4, until=b"text_delta")
    rows = eventually(lambda: impatient.balance(key)["held_usd"] == "0" and all_rows(impatient, key))
    assert len(rows) == calls_of(impatient) - before
    assert all(row["price_usd"] != "0" for row in rows)


@pytest.mark.parametrize("until", [b"text_delta", b"message_start"])
def test_who_closes_only_one_half_of_the_connection_pays_as_one_who_leaves(impatient: Product, until: bytes) -> None:
    key = new_customer(impatient)
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=20) as sock:
        sock.sendall(request(key, message("pace=100 tokens=300")))
        found = b""
        while until not in found and (data := sock.recv(65536)):
            found += data
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            found += data
    (row,) = eventually(lambda: impatient.balance(key)["held_usd"] == "0" and all_rows(impatient, key))
    # On a machine that is too busy upstream may seem silent before that.
    assert row["ended"] in ("client_gone", "upstream_error")
    assert row["output_tokens"] >= found.count(b"text_delta") / 2
    assert row["price_usd"] != "0"


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (f"POST {MESSAGES} HTTP/1.1", ("expect: 100-continue",)),
        (f"POST {MESSAGES} HTTP/1.0", ()),
        (f"POST http://elsewhere{MESSAGES}?beta=true&stream=false HTTP/1.1", ("x-http-method-override: GET",)),
        ("POST /api/claude/v1/%6Dessages HTTP/1.1", ("accept-encoding: br",)),
    ],
)
def test_however_it_is_asked_for_an_answer_is_booked(impatient: Product, line: str, headers: tuple[str, ...]) -> None:
    key = new_customer(impatient)
    body = orjson.dumps(message("tokens=9"))
    asked = request(key, body, *headers, "connection: close", length=len(body))
    found = raw(impatient, line.encode() + asked[asked.index(b"\r\n") :])
    assert b"message_stop" in found
    assert [(row["ended"], row["output_tokens"]) for row in all_rows(impatient, key)] == [("complete", 9)]


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (f"HEAD {MESSAGES} HTTP/1.1", ()),
        (f"POST {MESSAGES} HTTP/1.1", ("content-encoding: gzip",)),
        (f"POST {MESSAGES} HTTP/1.1", ("connection: upgrade, http2-settings", "upgrade: h2c")),
        (f"POST {MESSAGES}/batches HTTP/1.1", ()),
        ("POST /api/claude/v1/../v1/messages HTTP/1.1", ()),
    ],
)
def test_what_is_no_plain_question_holds_nothing_and_reaches_nobody(
    impatient: Product, line: str, headers: tuple[str, ...]
) -> None:
    key = new_customer(impatient)
    before = calls_of(impatient)
    body = orjson.dumps(message("tokens=9"))
    asked = request(key, body, *headers, "connection: close", length=len(body))
    found = raw(impatient, line.encode() + asked[asked.index(b"\r\n") :])
    assert found.startswith(b"HTTP/1.1 4")
    assert (all_rows(impatient, key), calls_of(impatient)) == ([], before)


@pytest.mark.parametrize(
    "headers",
    [
        ("content-length: 5", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "content-length: 5"),
        ("content-length: 5", "content-length: 500"),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, identity",),
        ("content-length: -5",),
        ("content-length: 5x",),
        (" content-length: 5",),
        ("x-y: z\r\n content-length: 5",),
    ],
)
def test_a_body_whose_end_is_unclear_reaches_nobody(impatient: Product, headers: tuple[str, ...]) -> None:
    """A second request that hides in it would be one that nobody held for."""
    key = new_customer(impatient)
    before = calls_of(impatient)
    smuggled = b"0\r\n\r\n" + request(key, message("tokens=3"))
    found = raw(impatient, request(key, smuggled, *headers, "connection: close"))
    statuses = {line.split()[1] for line in found.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")}
    assert statuses <= {b"400", b"408"}, found
    assert calls_of(impatient) == before
    assert all_rows(impatient, key) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"claude-opus-5-5","max_tokens":1,"max_tokens":400,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"claude-opus-5-5","max_tokens":1,"max_\\u0074okens":400,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"claude-opus-5-5","max_tokens":1,"messages":[{"role":"user","content":"x","content":"longer"}]}',
        b'{"model":"claude-haiku-5-5","model":"claude-opus-5-5","max_tokens":1,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"claude-opus-5-5","max_tokens":1,"m\\u0022":1,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"claude-opus-5-5","Max_Tokens":400,"max_tokens":1,"messages":[{"role":"user","content":"x"}]}',
    ],
)  # fmt: skip
def test_a_body_that_two_readers_may_read_differently_is_refused(impatient: Product, body: bytes) -> None:
    key = new_customer(impatient)
    before = calls_of(impatient)
    got = ask(impatient, key, body)
    assert (got.status, got.error["type"]) == (400, "invalid_request_error")
    assert calls_of(impatient) == before


def test_a_body_that_never_ends_is_given_up_and_holds_nothing(impatient: Product) -> None:
    key = new_customer(impatient)
    whole = request(key, message())
    found = raw(impatient, whole[:-9])
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b'"timeout_error"' in found
    assert (impatient.balance(key)["held_usd"], all_rows(impatient, key)) == ("0", [])


def test_a_body_that_comes_slowly_but_comes_is_answered(impatient: Product) -> None:
    key = new_customer(impatient)
    whole = request(key, message("tokens=3"), "connection: close", length=len(orjson.dumps(message("tokens=3"))))
    found = b""
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=20) as sock:
        for at in range(0, len(whole), 40):
            sock.sendall(whole[at : at + 40])
            threading.Event().wait(0.12)
        while data := sock.recv(65536):
            found += data
    assert b"message_stop" in found


def test_one_key_shown_beside_another_pays_alone(impatient: Product) -> None:
    """Whoever shows two pays by one of them, and the other's credit is not looked at."""
    poor, rich = new_customer(impatient, "0"), new_customer(impatient)
    for headers in ({"authorization": f"Bearer {rich}"}, {"cookie": f"session={rich}"}):
        assert ask(impatient, poor, message("tokens=3"), **headers).status == 402
    assert all_rows(impatient, rich) == []


def test_a_hundred_at_once_with_credit_for_three_spend_no_more(impatient: Product) -> None:
    key = new_customer(impatient, "0.05")
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(impatient, key, message("slow ms=60 tokens=4")).status))
        for _ in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # On a machine that is too busy some are given up on (504), and cost nothing.
    assert {402} < set(statuses) <= {200, 402, 504}
    balance = impatient.balance(key)
    spent = sum(Decimal(row["price_usd"]) for row in all_rows(impatient, key))
    assert Decimal(balance["available_usd"]) == Decimal("0.05") - spent >= 0
    assert balance["held_usd"] == "0"


async def test_a_keys_cap_holds_across_workers_at_once(desk: Desk, database_url: str) -> None:
    other = Database(Settings(DATABASE_URL=database_url).database_url)
    account = desk.account(100)
    capped = desk.capped_key(account, 10)
    asked = [(writer, desk.hold(account, 3, capped)) for _ in range(20) for writer in (desk.database, other)]
    held, refused = split(await at_once(asked))
    assert (len(held), {refusal.code for refusal in refused}) == (3, {"cap_reached"})
    other.close()


async def test_credit_given_while_calls_are_open_is_spent_once(desk: Desk) -> None:
    account = desk.account(4)
    first = desk.hold(account, 4)
    assert len(split(await desk.at_once(first, desk.hold(account, 4)))[0]) == 1
    desk.grant(account, 5, "promo", clock.now() + timedelta(hours=1))
    held, refused = split(await desk.at_once(*(desk.hold(account, 5) for _ in range(9))))
    assert (len(held), len(refused)) == (1, 8)
    assert desk.figures(account) == {"credit": 9, "held": 9, "overage": 0}


async def test_corrections_and_holds_that_race_never_take_the_same_credit(desk: Desk) -> None:
    account = desk.account(40)
    call = desk.hold(account, 5)
    await desk.at_once(call)
    await desk.at_once(settlement(desk, account, call.request_id, 1))

    async def correct(output: int) -> Any:
        more = {"output": output}
        return await desk.database.write(lambda c: ledger.correct(c, call.request_id, reason="", tokens=more))

    racing = [*(desk.at_once(desk.hold(account, 3)) for _ in range(20)), *(correct(5 + n) for n in range(10))]
    await asyncio.gather(*racing)
    found = desk.figures(account)
    assert found == {"credit": 40 - 14, "held": found["held"], "overage": 0}
    # An operator's truth may take what others hold by then; whoever comes after that gets nothing.
    await correct(40 - found["held"] + 1)
    assert desk.figures(account)["credit"] == found["held"] - 1
    assert split(await desk.at_once(desk.hold(account, 1)))[0] == []
    assert desk.database.read_now(recompute) == []


async def test_a_clock_that_is_set_back_sweeps_nothing_twice_and_frees_nothing(desk: Desk) -> None:
    account = desk.account(10)
    call = desk.hold(account, 6)
    await desk.at_once(call)
    clock.move(timedelta(hours=2))
    assert await sweep(desk.database) == 1
    clock.move(timedelta(hours=-5))
    assert await sweep(desk.database) == 0
    later = replace(desk.hold(account, 10), at=clock.now(), expires_at=clock.now() + timedelta(minutes=15))
    assert len(split(await desk.at_once(later, desk.hold(account, 1)))[0]) == 1
    await desk.at_once(settlement(desk, account, call.request_id, 2))
    await desk.at_once(settlement(desk, account, later.request_id, 9))
    # The first call's own word came after its sweep: its two are owed beside the nine.
    assert desk.figures(account) == {"credit": -1, "held": 0, "overage": 0}
    assert [row.request_id for row in desk.rows(holds, account)] == []
    assert desk.database.read_now(recompute) == []


def settlement(desk: Desk, account: str, request_id: str, output: int) -> Settle:
    tokens = Tokens(output=output)
    charge = desk.prices.charge("claude-sonnet-5-5", "base", tokens)
    return Settle(request_id, account, clock.now(), "complete", charge.cost_pico, charge.price_pico, tokens)
