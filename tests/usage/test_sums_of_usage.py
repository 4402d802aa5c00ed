"""Pages read sums that the clock derives: the same figures before it has come, half-way and after, and as quickly."""

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from account_app import session
from account_app.reading import overview, requests
from account_app.reading import usage as usage_page
from account_app.reading.operator import operator_page
from account_app.session import Visitor
from relay import audit, clock, ledger, operating, sync, usage
from relay.pricing import Tokens
from relay.sums import pieces_of
from relay.tables import UsageSum, table
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, Books, Person, open_books

sums = table(UsageSum)
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")
GROWING = ("usage", "usage_sums", "usage_hours", "entries")
KINDS = ("input", "output", "cache_read", "cache_write")
LONG = Tokens(input=150_000, output=900)
PAGES: list[tuple[Any, dict[str, str]]] = [
    (overview.overview_of, {}),
    (usage_page.usage_of, {"by": "model"}),
    (usage_page.usage_of, {"by": "hour", "range": "7d"}),
    (requests.requests_of, {}),
    (operator_page, {}),
]


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as books:
        with session.using(books.services):
            yield books


async def use(books: Books, person: Person, days: int, calls: int, seed: int = 1, ago: int = 0) -> list[str]:
    """Calls of two models with two keys and without, some dear by the length of their prompt."""
    chance, made = random.Random(seed), []
    for n in range(calls):
        model, tokens = chance.choice([(MODEL, Tokens(chance.randrange(9_000), 300, 70, 20, 10)), (OTHER_MODEL, LONG)])
        request_id = await books.hold(person, model=model, key_id=chance.choice(["", "a", "b"]))
        at = clock.now() - timedelta(days=ago, minutes=9) - timedelta(days=days) * n / calls
        await books.settle(person, request_id, tokens, model, at)
        made.append(request_id)
    return made


def everything(connection: Connection, person: Person) -> list[Any]:
    """All that can be asked of the sums, in several zones."""
    now, asked = clock.now(), []
    start = now - timedelta(days=40)
    for zone in ZONES:
        asked += [usage.usage(connection, person.account_id, start, now, by, zone) for by in usage.BYS]
    edges = [start + timedelta(days=3) * n for n in range(15)]
    asked += [usage.buckets(connection, person.account_id, edges, split) for split in (None, "model", "service", "key")]
    asked += [usage.used_by_key(connection, person.account_id, start, now, "a", model) for model in (None, MODEL)]
    asked += [operating.by_model(connection, start, now), operating.by_day(connection, start, now, UTC)]
    return asked


async def test_figures_are_the_same_however_far_the_clock_has_come(books: Books) -> None:
    anna, bert = books.person("anna@example.com", 500), books.person("bert@example.com", 50)
    made = await use(books, anna, 30, 60)
    await use(books, bert, 3, 5)
    books.correct(made[3], tokens={"output": 1, "input": 250_000}, key="dearer")
    books.correct(made[5], price_pico=7, key="cheaper")
    before = books.database.read_now(lambda c: everything(c, anna))
    half = clock.now() - timedelta(days=15)
    books.database.write_now(lambda c: ledger.roll(c, anna.account_id, half))
    assert books.database.read_now(lambda c: everything(c, anna)) == before
    assert await sync.roll_up(books.database) == 2
    assert await sync.roll_up(books.database) == 0
    assert books.database.read_now(lambda c: everything(c, anna)) == before
    assert books.database.read_now(audit.recompute) == []


def test_the_pieces_of_a_span_come_to_each_of_its_hours_once_and_to_no_other() -> None:
    chance, begin, hour = random.Random(7), clock.hour_of(clock.now()), timedelta(hours=1)
    edges = [begin + n * hour for n in sorted(chance.sample(range(2_000), 80))]
    spans = list(pairwise(edges))[::2]
    found = [Counter[datetime]() for _ in spans]
    for piece in pieces_of(spans):
        assert piece.unit == "hour" or piece.since.hour == piece.until.hour == 0
        for n in range((piece.until - piece.since) // hour):
            found[piece.place][piece.since + n * hour] += piece.sign
    for (since, until), each in zip(spans, found, strict=True):
        assert {at: n for at, n in each.items() if n} == {since + n * hour: 1 for n in range((until - since) // hour)}


async def test_what_comes_late_is_summed_when_it_is_booked(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    made = await use(books, anna, 5, 10)
    await sync.roll_up(books.database)
    await use(books, anna, 5, 7, seed=2)
    books.correct(made[0], tokens={"output": 5}, key="one")
    assert books.database.read_now(lambda c: c.execute(text("SELECT max(requests) FROM usage_sums")).scalar()) >= 2
    assert books.database.read_now(audit.recompute) == []
    start = clock.now() - timedelta(days=9)
    total = books.database.read_now(lambda c: usage.usage(c, anna.account_id, start, clock.now(), "model")).total
    assert total.requests == 17


async def test_the_price_of_each_kind_of_token_is_that_of_the_receipts(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    made = await use(books, anna, 5, 12)
    books.correct(made[2], tokens={"cache_read": 900}, key="one")
    searched = Tokens(input=10, output=10, web_searches=3)
    await books.call(anna, searched)
    start = clock.now() - timedelta(days=9)
    for _ in range(2):
        total = books.database.read_now(lambda c: usage.usage(c, anna.account_id, start, clock.now(), "day")).total
        log = books.database.read_now(lambda c: usage.requests(c, anna.account_id)).requests
        receipts = [
            books.database.read_now(lambda c, r=r: usage.receipt(c, anna.account_id, r.request_id)) for r in log
        ]
        by_kind = dict.fromkeys(KINDS, 0)
        for line in (line for receipt in receipts for line in receipt.lines if line.kind != "web_search"):
            by_kind[line.kind.removesuffix("_5m").removesuffix("_1h")] += line.amount_pico
        by_kind["cache_read"] += sum(receipt.total_pico - receipt.price_pico for receipt in receipts)
        assert {kind: getattr(total, f"{kind}_pico") for kind in KINDS} == by_kind
        assert total.other_pico == 3 * books.prices.unit(MODEL, "web_search").price_pico
        assert sum(getattr(total, f"{k}_pico") for k in (*KINDS, "other")) == sum(r.total_pico for r in receipts)
        clock.move(timedelta(minutes=20))
        await sync.roll_up(books.database)


@pytest.mark.parametrize("column", ["requests", "input_pico", "cost_pico"])
@pytest.mark.parametrize("whose", ["", "anna"])
async def test_the_audit_names_a_sum_that_is_wrong(books: Books, column: str, whose: str) -> None:
    anna = books.person("anna@example.com", 500)
    await use(books, anna, 2, 4)
    await sync.roll_up(books.database)
    account_id = anna.account_id if whose else ""
    change = text(
        f"UPDATE usage_sums SET {column} = {column} + 1 WHERE account_id = :a AND split = '' AND unit = 'day'"
    )
    changed = books.database.write_now(lambda c: c.execute(change, {"a": account_id}).rowcount)
    found = books.database.read_now(audit.recompute)
    assert [difference.what for difference in found] == [f"usage_sums.{column}"] * changed
    assert found[0].id.startswith(account_id or "everybody")


async def test_a_year_that_was_never_summed_is_summed_in_parts(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    await use(books, anna, 300, 30)
    until, steps = clock.now(), 1
    while books.database.write_now(lambda c: ledger.roll(c, anna.account_id, until, rows_at_once=4)):
        steps += 1
    assert steps == 8
    assert books.database.read_now(audit.recompute) == []


async def test_no_page_touches_more_rows_when_there_is_more_history(books: Books) -> None:
    anna = books.person("anna@example.com", 900)
    touched: list[list[int]] = []
    for days, calls, ago in ((45, 45, 0), (300, 270, 100)):
        await use(books, anna, days, calls, ago=ago)
        await sync.roll_up(books.database)
        books.database.write_now(lambda c: c.execute(text("ANALYZE")))
        touched.append([books.database.read_now(lambda c, p=p: work_of(c, anna, *p)) for p in PAGES])
    few, many = touched
    for (page, query), before, after in zip(PAGES, few, many, strict=True):
        # The history is seven times as long; planners may choose otherwise, but not to read all of it.
        assert after < 1.5 * before + 60, (page.__name__, query, before, after)


def work_of(connection: Connection, person: Person, reading: Any, query: dict[str, str]) -> int:
    """How much the database does for a page: hundreds of SQLite's steps, or the rows that PostgreSQL's plan reads."""
    visitor = Visitor(person.account_id, "", "", "Asia/Kolkata", query=query)
    raw = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection):
        steps: list[int] = []
        raw.set_progress_handler(lambda: steps.append(1), 100)  # type: ignore[arg-type]
        reading(connection, visitor)
        raw.set_progress_handler(None, 0)
        return len(steps)
    # A table that fits on a few pages is read whole, unless that is forbidden.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    with asked(connection) as statements:
        reading(connection, visitor)
    plans = [
        connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).scalar()
        for statement, values in statements
        if statement.startswith(("SELECT", "WITH"))
    ]
    return sum(_rows(plan[0]["Plan"]) for plan in plans)


def _rows(plan: dict[str, Any]) -> int:
    """What is read out of tables: the rest of a plan works on that."""
    read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    own = read * plan["Actual Loops"] if plan.get("Relation Name") in GROWING else 0
    return int(own) + sum(_rows(each) for each in plan.get("Plans", ()))


@contextmanager
def asked(connection: Connection) -> Any:
    statements: list[tuple[str, Any]] = []

    def note(*told: Any) -> None:
        statements.append((told[2], told[3]))

    event.listen(connection, "before_cursor_execute", note)
    yield statements
    event.remove(connection, "before_cursor_execute", note)
