"""What was booked wrongly is put right by another row, once, and the credit follows."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from relay import clock, ledger, usage
from relay.audit import recompute
from relay.errors import BadInput, Conflict, NotFound
from relay.ledger import Settle
from relay.pricing import Tokens
from relay.settling import sweep
from relay.tables import ApiKey, Entry, table
from relay.tables import Usage as UsageTable
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, SOME_TOKENS, USD, Books, Person, open_books

BIG = Tokens(input=600_000, output=20_000)
keys, entries, rows = table(ApiKey), table(Entry), table(UsageTable)


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as books:
        yield books
        assert books.database.read_now(recompute) == []


def figures(books: Books, person: Person) -> tuple[int, int]:
    """Credit and overage, in pico-dollars."""
    view = books.database.read_now(lambda c: usage.balance(c, person.account_id))
    return view.credit_pico, view.overage_pico


def price(books: Books, tokens: Tokens, model: str = MODEL) -> int:
    return books.prices.charge(model, books.prices.tier(model, tokens), tokens).price_pico


async def test_too_much_comes_back_as_credit_that_does_not_expire(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna)
    before, _ = figures(books, anna)
    done = books.correct(request_id, tokens={"output": 67})
    fewer = price(books, SOME_TOKENS) - price(books, replace(SOME_TOKENS, output=67))
    assert done.before_pico - done.after_pico == fewer > 0
    assert figures(books, anna) == (before + fewer, 0)
    back = books.database.read_now(lambda c: usage.balance(c, anna.account_id)).grants[0]
    assert (back.kind, back.granted_pico, back.expires_at, back.source) == ("promo", fewer, None, "correction")


async def test_overage_that_was_too_much_comes_back_as_credit_and_is_never_taken_from_its_window(books: Books) -> None:
    anna = books.person("anna@example.com", 0)
    books.put_on_plan(anna, 50 * USD)
    request_id = await books.call(anna, BIG)
    books.correct(request_id, price_pico=1)
    assert figures(books, anna) == (price(books, BIG) - 1, price(books, BIG))


async def test_too_little_burns_credit_and_then_becomes_overage(books: Books) -> None:
    anna = books.person("anna@example.com", 1)
    books.put_on_plan(anna, 50 * USD)
    request_id = await books.call(anna)
    books.correct(request_id, tokens={"input": BIG.input, "output": BIG.output})
    truth = price(books, replace(SOME_TOKENS, input=BIG.input, output=BIG.output))
    assert figures(books, anna) == (0, truth - USD)


async def test_too_little_that_is_prepaid_becomes_debt_which_the_next_grant_repays(books: Books) -> None:
    anna = books.person("anna@example.com", 1)
    request_id = await books.hold(anna)
    await books.settle(anna, request_id, Tokens(input=1))
    books.correct(request_id, price_pico=3 * USD)
    assert figures(books, anna) == (-2 * USD, 0)
    books.give(anna, "topup", 5 * USD)
    assert figures(books, anna) == (3 * USD, 0)
    books.correct(request_id, price_pico=0)
    assert figures(books, anna) == (6 * USD, 0)


async def test_credit_that_expired_since_pays_for_no_correction(books: Books) -> None:
    anna = books.person("anna@example.com", 0)
    books.give(anna, "promo", USD, clock.now() + timedelta(hours=1))
    books.give(anna, "topup", USD)
    request_id = await books.call(anna)
    await books.hold(anna, USD)
    clock.move(timedelta(hours=2))
    books.correct(request_id, price_pico=price(books, SOME_TOKENS) + USD // 2)
    view = books.database.read_now(lambda c: usage.balance(c, anna.account_id))
    assert {grant.kind: grant.remaining_pico for grant in view.grants}["topup"] == USD // 2


async def test_a_prompt_that_was_longer_moves_into_its_own_tier(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna, SOME_TOKENS, OTHER_MODEL)
    done = books.correct(request_id, tokens={"input": 150_000})
    assert done.after_pico == price(books, replace(SOME_TOKENS, input=150_000), OTHER_MODEL)
    assert books.correct(request_id, tokens={"input": SOME_TOKENS.input}).after_pico == done.before_pico


async def test_the_same_key_twice_corrects_once_and_another_request_never(books: Books) -> None:
    anna = books.person("anna@example.com")
    one, other = await books.call(anna), await books.call(anna)
    assert books.correct(one, price_pico=0, key="ticket-7").first
    assert not books.correct(one, price_pico=5, key="ticket-7").first
    with pytest.raises(Conflict):
        books.correct(other, price_pico=0, key="ticket-7")
    receipt = books.database.read_now(lambda c: usage.receipt(c, anna.account_id, one))
    assert (len(receipt.corrections), receipt.total_pico) == (1, 0)


@pytest.mark.parametrize(
    "truth",
    [
        {}, {"price_pico": -1}, {"price_pico": 10**19}, {"tokens": {"output": -1}}, {"tokens": {"output": 10**9}},
        {"tokens": {"output": SOME_TOKENS.output}}, {"price_pico": 0, "tokens": {"output": 1}},
        {"price_pico": 0, "key": "a key\0"}, {"price_pico": 0, "key": "x" * 81},
    ],
)  # fmt: skip
async def test_an_absurd_correction_is_refused(books: Books, truth: dict[str, Any]) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna)
    before = figures(books, anna)
    with pytest.raises(BadInput):
        books.correct(request_id, **truth)
    with pytest.raises(NotFound):
        books.correct("req_none", price_pico=0)
    assert figures(books, anna) == before


async def test_roll_ups_exports_and_the_keys_spending_know_a_correction(books: Books) -> None:
    anna = books.person("anna@example.com")
    key_id = books.database.read_now(lambda c: c.execute(select(keys.c.id)).scalar_one())
    request_id = await books.hold(anna, key_id=key_id)
    await books.settle(anna, request_id)
    books.correct(request_id, tokens={"output": 7, "cache_write_1h": 0})
    truth = replace(SOME_TOKENS, output=7, cache_write_1h=0)
    now = clock.now()
    view = books.database.read_now(
        lambda c: usage.usage(c, anna.account_id, now - timedelta(hours=2), now + timedelta(hours=1), "model")
    )
    assert (view.total.requests, view.total.output_tokens, view.total.cache_write_tokens) == (
        1,
        7,
        truth.cache_write_5m,
    )
    assert view.total.price_pico == price(books, truth)
    assert list(usage.csv(view))[1].startswith(f"{MODEL},1,{truth.input},7,")
    spent = books.database.read_now(lambda c: c.execute(select(keys.c.spent_pico)).scalar_one())
    assert spent == price(books, truth)


async def test_a_receipt_shows_what_was_booked_its_correction_and_the_total(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna, ended="client_gone")
    booked = price(books, SOME_TOKENS)
    books.correct(request_id, tokens={"output": 500})
    books.correct(request_id, price_pico=0)
    async with books.client(anna) as client:
        found = (await client.get(f"/api/requests/{request_id}")).json()
        (row,) = (await client.get("/api/requests")).json()["requests"]
    assert sum(line["amount_pico"] for line in found["lines"]) == booked
    first, second = found["corrections"]
    assert (first["output_tokens"], first["reason"]) == (500 - SOME_TOKENS.output, "a test")
    assert (second["output_tokens"], second["price_usd"].startswith("-")) == (0, True)
    assert (found["total_usd"], row["total_usd"], row["price_usd"]) == ("0", "0", found["price_usd"])
    assert found["estimated"] is False


async def test_a_call_taken_for_dead_whose_process_lives_is_put_right_once(books: Books) -> None:
    anna = books.person("anna@example.com", 1)
    request_id = await books.hold(anna)
    clock.move(timedelta(hours=1))
    assert await sweep(books.database) == 1
    credit, _ = figures(books, anna)
    assert credit == USD
    for _ in range(3):
        await books.settle(anna, request_id)
    assert figures(books, anna) == (USD - price(books, SOME_TOKENS), 0)
    receipt = books.database.read_now(lambda c: usage.receipt(c, anna.account_id, request_id))
    assert (receipt.ended, receipt.estimated, receipt.total_pico) == ("process_died", False, price(books, SOME_TOKENS))
    assert receipt.corrections[0].reason == ledger.correcting.ALIVE_AFTER_ALL


async def test_what_an_operator_has_corrected_stands_against_the_late_word(books: Books) -> None:
    anna = books.person("anna@example.com", 1)
    request_id = await books.hold(anna)
    clock.move(timedelta(hours=1))
    await sweep(books.database)
    books.correct(request_id, price_pico=7)
    await books.settle(anna, request_id)
    assert figures(books, anna) == (USD - 7, 0)


async def test_the_late_word_and_the_sweep_at_once_book_the_truth_once(books: Books) -> None:
    """In one commit, in either order."""
    anna = books.person("anna@example.com", 2)
    for sweep_first in (True, False):
        request_id = await books.hold(anna)
        clock.move(timedelta(hours=1))
        swept = Settle(request_id, anna.account_id, clock.now(), "process_died", swept=True)
        cost = books.prices.charge(MODEL, "base", SOME_TOKENS)
        told = replace(
            swept,
            ended="complete",
            swept=False,
            tokens=SOME_TOKENS,
            cost_pico=cost.cost_pico,
            price_pico=cost.price_pico,
        )
        both = [swept, told] if sweep_first else [told, swept]
        books.database.write_now(lambda c, both=both: ledger.post(c, both))
        books.database.write_now(lambda c, both=both: ledger.post(c, both))
        receipt = books.database.read_now(lambda c, r=request_id: usage.receipt(c, anna.account_id, r))
        assert receipt.total_pico == cost.price_pico


async def test_the_command_corrects_and_says_so(sqlite_url: str) -> None:
    async with open_books(sqlite_url) as books:
        await the_command_corrects(books)


async def the_command_corrects(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna)
    free = ("--price", "0", "--reason", "it was nonsense", "--key", "ticket-1")
    code, told = command(books, request_id, *free)
    assert (code, "to $0." in told) == (0, True)
    assert "has corrected before" in command(books, request_id, *free)[1]
    assert "no request" in command(books, "req_none", "--output-tokens", "9", "--reason", "recounted")[1]
    assert command(books, request_id, "--reason", "neither tokens nor price")[0] == 2


def command(books: Books, *arguments: str) -> tuple[int, str]:
    environment = os.environ | {"DATABASE_URL": books.services.settings.DATABASE_URL}
    line = [sys.executable, "-m", "relay.cli", "correct", *arguments]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    return done.returncode, " ".join((done.stdout + done.stderr).split())
