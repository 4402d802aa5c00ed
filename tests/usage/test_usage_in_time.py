"""The log can be asked for a part of itself, and usage for spans of time: the same answers as counting by hand."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlmodel import SQLModel

from relay import clock, ledger, usage
from relay.money import PICO_PER_USD
from relay.usage import GrantView, Wanted
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, Books

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("rolled_days", [None, 8, 0])
async def test_every_filter_finds_what_reading_the_whole_log_finds(books: Books, rolled_days: int | None) -> None:
    anna, bert, chance = books.person("anna@example.com", 500), books.person("bert@example.com"), random.Random(6)
    for _ in range(40):
        ended = chance.choice(["complete", "complete", "client_gone", "upstream_error"])
        at = NOON - timedelta(minutes=chance.randrange(60 * 24 * 20))
        request_id = await books.hold(
            anna, model=chance.choice([MODEL, MODEL, OTHER_MODEL]), key_id=chance.choice("ab")
        )
        await books.settle(anna, request_id, at=at, ended=ended)
    await books.call(bert)
    if rolled_days is not None:
        until = NOON - timedelta(days=rolled_days)
        books.database.write_now(lambda c: ledger.roll(c, anna.account_id, until))

    def read(c: object, **wanted: object) -> list[str]:
        found: list[str] = []
        before = None
        while True:
            page = usage.requests(c, anna.account_id, before, 7, Wanted(**wanted))
            found += [r.request_id for r in page.requests]
            if (before := page.next) is None:
                return found

    whole = books.database.read_now(lambda c: usage.requests(c, anna.account_id, None, 200)).requests
    assert len(whole) == 40
    assert [r.at for r in whole] == sorted((r.at for r in whole), reverse=True)
    for _ in range(30):
        start = chance.choice([None, NOON - timedelta(days=chance.randrange(20))])
        wanted = {
            "start": start,
            "end": chance.choice([None, NOON - timedelta(hours=chance.randrange(100))]),
            "model": chance.choice([None, MODEL, OTHER_MODEL, "no such model"]),
            "key_id": chance.choice([None, "a", "b"]),
            "ended": chance.choice([None, "complete", "client_gone", "process_died"]),
        }
        by_hand = [
            r.request_id
            for r in whole
            if (wanted["start"] is None or r.at >= wanted["start"])
            and (wanted["end"] is None or r.at < wanted["end"])
            and all(wanted[name] in (None, getattr(r, name)) for name in ("model", "key_id", "ended"))
        ]
        assert books.database.read_now(lambda c, w=wanted: read(c, **w)) == by_hand, wanted


async def test_spans_add_up_to_the_log_whole_and_split(books: Books) -> None:
    anna = books.person("anna@example.com", 500)
    for hours in range(0, 24 * 9, 5):
        await books.call(anna, model=MODEL if hours % 2 else OTHER_MODEL, at=NOON - timedelta(hours=hours))
    edges = [NOON.replace(minute=0) - timedelta(days=n) for n in range(10, -2, -1)]
    priced = sum(
        r.price_pico for r in books.database.read_now(lambda c: usage.requests(c, anna.account_id, limit=200)).requests
    )
    for split in (None, "model", "service", "key"):
        found = books.database.read_now(lambda c, s=split: usage.buckets(c, anna.account_id, edges, s))
        assert sum(b.usage.price_pico for b in found) == priced
        assert sum(b.usage.requests for b in found) == 44
    by_model = books.database.read_now(lambda c: usage.buckets(c, anna.account_id, edges, "model"))
    assert {b.usage.bucket for b in by_model} == {MODEL, OTHER_MODEL}
    assert {b.place for b in by_model} == set(range(1, 11))


async def test_credit_that_came_or_went_otherwise_is_told_and_use_is_not(books: Books) -> None:
    since = clock.now() - timedelta(minutes=1)
    anna = books.person("anna@example.com", 10)
    request_id = await books.call(anna)
    books.correct(request_id, tokens={"output": 1})
    books.give(anna, "promo", 3 * PICO_PER_USD)
    moves = books.database.read_now(lambda c: usage.credit_moves(c, anna.account_id, since))
    assert [amount for _, amount in moves] == [10 * PICO_PER_USD, 3 * PICO_PER_USD]
    balance = books.database.read_now(lambda c: usage.balance(c, anna.account_id))
    hours = books.database.read_now(lambda c: usage.usage(c, anna.account_id, since, clock.now(), "hour"))
    assert sum(amount for _, amount in moves) - hours.total.price_pico == balance.credit_pico


def test_a_pace_is_a_range_of_weeks_once_there_are_two_and_of_days_before() -> None:
    assert usage.pace([5, 5]) is None
    young = usage.pace([1, 9, 4])
    assert young is not None
    assert (young.low_pico, young.high_pico, young.days) == (1, 9, 1)
    known = usage.pace([100] * 3 + [7] * 7 + [14] * 7)
    assert known is not None
    assert (known.low_pico, known.high_pico, known.days, known.stretches) == (7, 14, 7, 2)


def test_what_expires_first_burns_first_and_what_is_left_of_it_is_gone() -> None:
    today = datetime(2026, 11, 20, tzinfo=UTC)

    def grant(pico: int, days: int | None) -> GrantView:
        until = today + timedelta(days=days) if days else None
        return GrantView(1, "topup", pico, pico, until, today, "", "")

    grants = [grant(10, 2), grant(100, None)]
    assert usage.credit_ahead(grants, 3, today, 4) == [107, 100, 97, 94]
    ahead = usage.credit_ahead(grants, 60, today, 4)
    assert ahead == [50, 0, 0, 0]
    assert usage.runs_out(ahead, date(2026, 11, 20)) == date(2026, 11, 22)
    assert usage.runs_out(usage.credit_ahead(grants, 0, today, 4), date(2026, 11, 20)) is None


def test_each_span_is_looked_up_by_its_hours(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'plans.db'}")
    SQLModel.metadata.create_all(engine)
    run: list[tuple[str, object]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: run.append((args[2], args[3])))
    edges = [NOON + timedelta(days=n) for n in range(31)]
    with engine.connect() as connection:
        usage.buckets(connection, "a", edges, "model")
        usage.requests(connection, "a", None, 50, Wanted(ended="client_gone"))
        usage.requests(connection, "a", None, 50, Wanted(NOON, NOON + timedelta(days=9)))
        usage.credit_moves(connection, "a", NOON)
        plans = [
            "; ".join(str(row[-1]) for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + sql, values))
            for sql, values in list(run)
        ]
    plans = [plan for plan in plans if "balances" not in plan]
    assert "usage_in_time (account_id=? AND at>? AND at<?)" in plans.pop(0)
    assert "sums USING PRIMARY KEY (account_id=? AND split=? AND unit=? AND since>? AND since<?)" in plans[0]
    assert len(plans) == 4
    assert "usage_cut_short (account_id=? AND ended=?)" in plans[1]
    assert "usage_in_time (account_id=? AND at>? AND at<?)" in plans[2]
    assert "entries_not_by_use (account_id=? AND at>?)" in plans[3]
