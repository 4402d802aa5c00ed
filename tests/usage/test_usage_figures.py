"""Balance and usage say what the ledger booked: exactly, in any zone, without reading the history."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, insert
from sqlmodel import SQLModel

from relay import clock, ledger, sums, usage
from relay.endpoints.ranges import read_range
from relay.ledger import shelf
from relay.money import usd
from relay.pricing import Tokens
from relay.tables import UsageSum, table
from relay.usage import UsageRow, UsageView
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, USD, Books

ANNA, BERT = "anna@example.com", "bert@example.com"
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
READING = ("/api/balance", "/api/usage", "/api/usage.csv", "/api/requests", "/api/requests/req_1")
COUNTS = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


async def test_nobody_reads_without_signing_in(books: Books) -> None:
    async with books.client() as client:
        for path in READING:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
            assert answer.headers["request-id"]


async def test_a_balance_has_the_shape_that_is_promised_and_no_cache_keeps_it(books: Books) -> None:
    anna = books.person(ANNA, 10)
    async with books.client(anna) as client:
        answer = await client.get("/api/balance")
    body = answer.json()
    assert body.pop("as_of").endswith("Z")
    assert body == {
        "available_usd": "10",
        "held_usd": "0",
        "credit_usd": "10",
        "grants": [{"kind": "topup", "granted_usd": "10", "remaining_usd": "10", "expires_at": None}],
        "overage_usd": "0",
        "spend_cap_usd": "50",
        "period_start": None,
        "period_end": None,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_hours_are_sorted_by_what_is_no_price_of_tokens_too(books: Books) -> None:
    anna, first = books.person(ANNA, 10), clock.hour_of(clock.now())
    await books.settle(anna, await books.hold(anna, 4 * USD))
    clock.move(timedelta(hours=1))
    await books.settle(anna, await books.hold(anna, 4 * USD))
    until = first + timedelta(hours=2)

    def pages(c: Connection) -> list[list[datetime]]:
        hours = usage.HoursUsed(c, anna.account_id, first, until, usage.fresh_of(c, anna.account_id, first, until))
        return [hours.page("other_pico", descending, 0, 5) for descending in (False, True)]

    up, down = books.database.read_now(pages)
    assert (up, down) == ([first, first + timedelta(hours=1)], [first + timedelta(hours=1), first])


async def test_a_hold_lowers_what_is_available_and_settling_returns_the_rest(books: Books) -> None:
    anna = books.person(ANNA, 10)
    request_id = await books.hold(anna, 4 * USD)
    held = await books.get(anna, "/api/balance")
    assert (held["available_usd"], held["held_usd"], held["credit_usd"]) == ("6", "4", "10")
    price = await books.settle(anna, request_id)
    after = await books.get(anna, "/api/balance")
    assert (after["available_usd"], after["held_usd"]) == (usd(10 * USD - price), "0")
    assert after["grants"][0]["remaining_usd"] == after["credit_usd"] == usd(10 * USD - price)


async def test_overage_takes_from_the_cap_of_a_plan(books: Books) -> None:
    anna = books.person(ANNA, 0)
    books.put_on_plan(anna, 5 * USD)
    price = await books.settle(anna, await books.hold(anna, 2 * USD))
    balance = await books.get(anna, "/api/balance")
    assert balance["overage_usd"] == usd(price)
    assert balance["available_usd"] == usd(5 * USD - price)
    assert balance["credit_usd"] == "0"


async def test_what_is_available_is_what_the_ledger_would_hold(books: Books) -> None:
    anna = books.person(ANNA, 3)
    books.put_on_plan(anna, 2 * USD)
    await books.settle(anna, await books.hold(anna, 4 * USD), Tokens(input=1_500_000, output=20_000))
    await books.hold(anna, USD // 3)
    view = books.database.read_now(lambda c: usage.balance(c, anna.account_id))
    book = books.database.write_now(lambda c: shelf.take(c, [anna.account_id]))[anna.account_id]
    assert view.available_pico == book.available_pico


@pytest.mark.parametrize("held_pico", [0, USD // 2, 3 * USD])
async def test_expired_credit_is_in_no_figure_even_before_the_tick(books: Books, held_pico: int) -> None:
    anna = books.person(ANNA, 4)
    books.give(anna, "promo", USD, clock.now() + timedelta(hours=1))
    if held_pico:
        await books.hold(anna, held_pico)
    clock.move(timedelta(hours=2))
    before = books.database.read_now(lambda c: usage.balance(c, anna.account_id))
    books.database.write_now(ledger.expire_due)
    after = books.database.read_now(lambda c: usage.balance(c, anna.account_id))
    assert _figures(before) == _figures(after)
    assert before.credit_pico == 4 * USD + min(held_pico, USD)
    assert before.credit_pico == sum(grant.remaining_pico for grant in before.grants)


def _figures(view: usage.BalanceView) -> tuple[object, ...]:
    remains = [(grant.id, grant.remaining_pico) for grant in view.grants if grant.remaining_pico]
    return view.available_pico, view.credit_pico, view.held_pico, remains


async def test_grants_are_listed_in_the_order_in_which_they_burn(books: Books) -> None:
    anna, soon = books.person(ANNA, 1), clock.now() + timedelta(days=3)
    books.give(anna, "promo", USD)
    books.give(anna, "monthly", USD, soon + timedelta(days=1))
    books.give(anna, "promo", USD, soon)
    grants = (await books.get(anna, "/api/balance"))["grants"]
    assert [g["kind"] for g in grants] == ["promo", "monthly", "promo", "topup"]
    assert grants[0]["expires_at"] == clock.rfc3339(soon)


@pytest.mark.parametrize("by", usage.BYS)
async def test_every_grouping_adds_up_to_the_log(books: Books, by: str) -> None:
    anna, bert = books.person(ANNA), books.person(BERT)
    for hours in (0, 1, 30, 31, 200):
        await books.call(anna, at=NOON - timedelta(hours=hours))
        await books.call(anna, model=OTHER_MODEL, at=NOON - timedelta(hours=hours))
    await books.call(bert, at=NOON)
    found = await books.get(anna, f"/api/usage?by={by}&from=2026-11-01&to=2026-11-30")
    log = (await books.get(anna, "/api/requests"))["requests"]
    assert found["total"]["requests"] == len(log) == 10
    for name in COUNTS:
        assert found["total"][name] == sum(row[name] for row in found["rows"])
        assert name == "requests" or found["total"][name] == sum(row[name] for row in log)
    total = Decimal(found["total"]["price_usd"])
    assert total == sum(Decimal(row["price_usd"]) for row in found["rows"])
    assert total == sum(Decimal(row["price_usd"]) for row in log) > 0
    assert len(found["rows"]) == {"hour": 5, "day": 3, "model": 2, "service": 1, "key": 1}[by]


async def test_days_begin_where_the_reader_lives(books: Books) -> None:
    anna = books.person(ANNA)
    await books.call(anna, at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    for zone, day in (
        ("UTC", "2026-11-20"),
        ("Europe/Berlin", "2026-11-21"),
        ("America/New_York", "2026-11-20"),
    ):
        found = await books.get(anna, f"/api/usage?from=2026-11-01&to=2026-11-30&zone={zone}")
        assert [row["bucket"] for row in found["rows"]] == [day]
    only = "/api/usage?from=2026-11-21&to=2026-11-21&zone="
    assert (await books.get(anna, only + "Europe/Berlin"))["total"]["requests"] == 1
    assert (await books.get(anna, only + "UTC"))["total"]["requests"] == 0


async def test_the_day_that_has_25_hours_has_all_of_them(books: Books) -> None:
    anna = books.person(ANNA)
    for hour in range(22, 47):
        await books.call(anna, at=datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hour))
    found = await books.get(anna, "/api/usage?from=2026-10-25&to=2026-10-25&zone=Europe/Berlin")
    assert [(row["bucket"], row["requests"]) for row in found["rows"]] == [("2026-10-25", 25)]


async def test_an_hour_that_the_range_touches_is_in_it(books: Books) -> None:
    anna = books.person(ANNA)
    await books.call(anna, at=NOON)
    for start, end, count in (
        ("2026-11-20T12:45:00Z", "2026-11-20T12:50:00Z", 1),
        ("2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z", 0),
        ("2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z", 0),
        ("2026-11-20T13:45:00+01:00", "2026-11-20T13:50:00+01:00", 1),
    ):
        found = await books.get(anna, f"/api/usage?by=hour&from={start}&to={end}")
        assert found["total"]["requests"] == count, (start, end)


async def test_the_default_is_the_last_30_days_up_to_now(books: Books) -> None:
    anna = books.person(ANNA)
    await books.call(anna)
    await books.call(anna, at=clock.now() - timedelta(days=29))
    await books.call(anna, at=clock.now() - timedelta(days=31))
    assert (await books.get(anna, "/api/usage"))["total"]["requests"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("to=2026-11-24T10:00:00", "to"),
        ("from=2026-W01-1", "from"),
        ("from=20261124", "from"),
        ("from=0001-01-01", "from"),
        ("to=9999-12-31", "to"),
        ("to=9999-12-31T23:59:59-23:59", "to"),
        ("from=", "from"),
        ("from=2026-11-24T25:00:00Z", "from"),
        ("from=2026-11-24&to=2026-11-20", "from"),
        ("by=week", "by"),
        ("by=hour&from=2025-01-01&to=2026-06-01", "by"),
        ("zone=Mars/Olympus", "zone"),
        ("zone=../../etc/passwd", "zone"),
        ("zone=America", "zone"),
        ("zone=localtime", "zone"),
        ("zone=Factory", "zone"),
        ("zone=posixrules", "zone"),
        ("from=2026-11-24T10:00:00.Z", "from"),
    ],
)
@pytest.mark.parametrize("path", ["/api/usage", "/api/usage.csv"])
async def test_a_bad_range_is_refused_by_the_name_of_its_field(books: Books, path: str, query: str, field: str) -> None:
    problem = await books.get(books.person(ANNA), f"{path}?{query}", 400)
    assert problem["field"] == field
    assert f"`{field}" in problem["title"]
    assert problem["code"] == "invalid_request"


async def test_a_time_in_nanoseconds_is_cut_to_microseconds(books: Books) -> None:
    at = "2026-11-20T12:30:00.123456789Z"
    assert read_range({"from": at}, NOON + timedelta(hours=1)).start == NOON.replace(microsecond=123456)
    await books.get(books.person(ANNA), f"/api/usage?from={at}&to=2026-11-24T10:00:00.000000001%2B01:00")


async def test_a_refused_time_comes_with_an_example(books: Books) -> None:
    problem = await books.get(books.person(ANNA), "/api/usage?from=soon", 400)
    assert "2026-11-24T10:00:00Z" in problem["title"]


async def test_the_csv_has_the_same_rows_as_the_json(books: Books) -> None:
    anna = books.person(ANNA)
    for hours in range(3):
        await books.call(anna, at=NOON - timedelta(days=hours))
    query = "by=day&from=2026-11-01&to=2026-11-30"
    rows = (await books.get(anna, f"/api/usage?{query}"))["rows"]
    async with books.client(anna) as client:
        answer = await client.get(f"/api/usage.csv?{query}")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text.count("\r\n") == answer.text.count("\n") == 4
    read = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert read == [{name: str(value) for name, value in row.items()} for row in rows]


def test_no_cell_of_the_csv_is_a_formula_and_quotes_are_doubled() -> None:
    names = ['=HYPERLINK("x")', "+1", "-1", "@a", "a,b", 'say "x"', "\tx"]
    rows = tuple(UsageRow(name, price_pico=-USD // 2) for name in names)
    text = "".join(usage.csv(UsageView(rows, UsageRow("total"))))
    read = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [row[0].lstrip("'") for row in read] == names
    assert not [row[0] for row in read if row[0][0] in "=+-@\t"]
    assert {row[-1] for row in read} == {"-0.5"}


def test_no_figure_is_read_by_walking_through_history(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'plans.db'}")
    SQLModel.metadata.create_all(engine)
    run: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: run.append((args[2], args[3])))
    reads: list[Callable[[Connection], object]] = [
        lambda c: usage.requests(c, "a"),
        *(lambda c, by=by: usage.usage(c, "a", NOON - timedelta(days=30), NOON, by) for by in usage.BYS),
    ]
    with engine.connect() as connection:
        for read in reads:
            read(connection)
        for missing in (lambda: usage.balance(connection, "a"), lambda: usage.receipt(connection, "a", "r")):
            with pytest.raises(Exception, match=r"does not exist|no request"):
                missing()
        plans = [_plan(connection, statement, values) for statement, values in list(run)]
    assert len(plans) >= len(reads) + 2
    assert not [plan for plan in plans if "SCAN" in plan]


def _plan(connection: Connection, statement: str, values: Any) -> str:
    rows = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)
    # Those two are what is asked for.
    return "; ".join(row[-1] for row in rows if not row[-1].startswith(("SCAN json_each", "SCAN pieces")))


async def test_figures_beyond_32_bits_stay_exact(books: Books) -> None:
    anna = books.person(ANNA)
    row = {"account_id": anna.account_id, "since": NOON.replace(hour=0, minute=0), "unit": "day", "split": "model"}
    amounts = dict.fromkeys(sums.COUNTS, 9000000000000001)
    rows = [row | amounts | {"name": model} for model in (MODEL, OTHER_MODEL)]
    books.database.write_now(lambda c: c.execute(insert(table(UsageSum)), rows))
    total = (await books.get(anna, "/api/usage?by=service&from=2026-11-20&to=2026-11-20"))["total"]
    assert total["input_tokens"] == 18_000_000_000_000_002
    assert total["price_usd"] == "18000.000000000002"
