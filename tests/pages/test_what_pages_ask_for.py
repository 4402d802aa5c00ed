"""What a page asks the database: as often after a year as after a day, and the same figures as the API's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event

from account_app import session
from account_app.reading import overview, requests
from account_app.reading import usage as usage_page
from account_app.reading.rows import ROWS_MAX
from account_app.session import Visitor
from relay import billing, clock, usage
from relay.money import PICO_PER_USD
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, Books, Person, open_books

ZONE = "Asia/Kolkata"
OVERVIEW, USAGE, REQUESTS = overview.overview_of, usage_page.usage_of, requests.requests_of
QUERIES: list[tuple[Any, dict[str, str], int]] = [
    (OVERVIEW, {}, 10),
    (USAGE, {}, 5),
    (USAGE, {"by": "model", "range": "12m"}, 5),
    (USAGE, {"by": "key"}, 6),
    (USAGE, {"by": "hour", "range": "7d"}, 5),
    (USAGE, {"by": "hour", "range": "12m", "sort": "price"}, 9),
    (USAGE, {"range": "12m"}, 5),
    (REQUESTS, {}, 7),
    (REQUESTS, {"model": MODEL, "range": "12m"}, 8),
    (REQUESTS, {"ended": "complete", "range": "12m"}, 7),
]


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as books:
        with session.using(books.services):
            yield books


def read(books: Books, person: Person, reading: Any, **query: str) -> Any:
    visitor = Visitor(person.account_id, "", "", ZONE, query=query)
    return books.database.read_now(lambda c: reading(c, visitor))


@contextmanager
def counted(connection: Connection) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(*told: Any) -> None:
        asked.extend([told[2]] if told[2] != "BEGIN" else [])

    event.listen(connection, "before_cursor_execute", note)
    yield asked
    event.remove(connection, "before_cursor_execute", note)


def queries(books: Books, person: Person, reading: Any, query: dict[str, str]) -> list[str]:
    def work(connection: Connection) -> list[str]:
        with counted(connection) as asked:
            reading(connection, Visitor(person.account_id, "", "", ZONE, query=query))
        return asked

    return books.database.read_now(work)


async def use(books: Books, person: Person, calls: int) -> None:
    """So many calls, five hours and a half apart."""
    for n in range(calls):
        at = clock.now() - timedelta(hours=5.5 * n)
        await books.call(person, model=OTHER_MODEL if n % 4 == 3 else MODEL, at=at)


async def test_no_page_asks_oftener_when_more_was_used(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    for calls in (1, 150):
        await use(books, anna, calls)
        for reading, query, expected in QUERIES:
            assert len(queries(books, anna, reading, query)) == expected, (reading.__name__, query, calls)


async def test_the_tables_pages_hold_every_hour_once_and_in_order(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    await use(books, anna, 130)
    for sort in ("-name", "price", "-input"):
        shown: list[Any] = []
        page = read(books, anna, USAGE, by="hour", range="12m", sort=sort)
        for n in range(1, page.pages + 1):
            lines = read(books, anna, USAGE, by="hour", range="12m", sort=sort, page=str(n)).lines
            assert 0 < len(lines) <= ROWS_MAX
            shown += lines
        assert len({line.name for line in shown}) == len(shown) == 130
        prices = [float(line.exact[1:]) for line in shown]
        assert sort != "price" or prices == sorted(prices)
    assert f"{sum(prices):.9f}" == f"{float(page.total.exact[1:]):.9f}"


async def test_a_year_by_day_has_the_days_of_the_api(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    await use(books, anna, 120)
    year = clock.now() - timedelta(days=360), clock.now() + timedelta(hours=1)
    days = books.database.read_now(lambda c: usage.usage(c, anna.account_id, *year, "day", ZONE)).rows
    page = read(books, anna, USAGE, range="12m")
    assert [line.requests for line in page.lines] == [str(row.requests) for row in reversed(days)]
    assert page.unit == "week"
    assert sum(int(bar.detail.split()[0]) for bar in page.bars) == 120


async def test_credit_is_counted_back_past_a_top_up_amid_pay_per_use(books: Books) -> None:
    clock.move(-timedelta(days=6))
    anna = books.person("anna@example.com", 0)
    books.put_on_plan(anna, 50 * PICO_PER_USD)
    await use(books, anna, 1)
    await books.database.write(partial(billing.seal, account_id=anna.account_id))
    clock.move(timedelta(days=3))
    books.give(anna, "topup", PICO_PER_USD)
    await use(books, anna, 1)
    clock.move(timedelta(days=3))
    picture = read(books, anna, OVERVIEW).ahead
    assert picture.was.startswith("M0.00 100.00")
    assert picture.rows[0].value == "$0.00"
    assert next(row.value for row in picture.rows if row.name == "Today").startswith("$0.9")
