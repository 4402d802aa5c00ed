"""Storage by the hour: every byte-second once, at the price of its hour, and never more than there is to spend."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select, update

from relay import accounts, clock, ledger, pricing, storage, sync
from relay import usage as figures
from relay.audit import recompute
from relay.billing import alerts
from relay.database import Database
from relay.errors import InsufficientCredit
from relay.gateways.objects import open_objects
from relay.ids import new_id
from relay.money import PICO_PER_USD
from relay.pricing import STORAGE_KIND, STORAGE_MODEL
from relay.settings import Settings
from relay.storage import Bounds, Storehouse, rows
from relay.storage.rows import Content
from relay.tables import Alert, Asset, Balance, Price, StorageMeter, Usage, table

usage, assets, meters, balances = table(Usage), table(Asset), table(StorageMeter), table(Balance)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GB = 10**9
NOON = datetime(2027, 1, 10, 12, tzinfo=UTC)


@dataclass
class Desk:
    """One account and what it keeps."""

    database: Database
    account_id: str

    def give(self, pico: int, ends: datetime | None = None) -> None:
        given = partial(ledger.grant, account_id=self.account_id, amount_pico=pico, key=new_id("key"), reason="a test")
        self.database.write_now(lambda c: given(c, kind="monthly" if ends else "topup", expires_at=ends))

    def leave(self, pico: int) -> None:
        """So much is there in half an hour, and enough until then."""
        if pico:
            self.give(pico)
        self.give(PICO_PER_USD, clock.now() + HOUR / 2)


@pytest.fixture
def poor(database: Database) -> Iterator[Desk]:
    clock.move(NOON - clock.now())
    person = database.write_now(lambda c: accounts.account_for(c, Settings(), "anna@example.com"))
    yield Desk(database, person.account_id)
    assert database.read_now(recompute) == []


@pytest.fixture
def desk(poor: Desk) -> Desk:
    poor.give(100 * PICO_PER_USD)
    return poor


def bounds(database: Database) -> Bounds:
    return Bounds(100 * GB, database.read_now(pricing.current))


def put(desk: Desk, name: str, size: int) -> Row[Any]:
    limits = bounds(desk.database)

    def work(connection: Connection) -> Row[Any]:
        asset_id = rows.set_aside(connection, desk.account_id, name, size, limits)
        return rows.keep(connection, desk.account_id, asset_id, Content(size, "font/ttf", "0" * 64), limits)[0]

    return desk.database.write_now(work)


def change(desk: Desk, verb: Any, name: str) -> Row[Any]:
    return desk.database.write_now(lambda c: verb(c, desk.account_id, name, bounds(desk.database)))


def booked(desk: Desk) -> Sequence[Row[Any]]:
    query = select(usage).where(usage.c.service == "storage").order_by(usage.c.id)
    return desk.database.read_now(lambda c: c.execute(query).all())


def unit(desk: Desk) -> int:
    return bounds(desk.database).prices.unit(STORAGE_MODEL, STORAGE_KIND).price_pico


async def test_hours_are_booked_once_however_often_and_by_whomever(desk: Desk) -> None:
    put(desk, "a", GB)
    clock.move(30 * DAY + timedelta(minutes=7))
    other = Database(desk.database.url)
    for database in (desk.database, other, desk.database):
        await storage.book_all(database)
    other.close()
    found = booked(desk)
    assert len({row.request_id for row in found}) == len(found) == 30 * 24
    assert sum(row.price_pico for row in found) == unit(desk)
    assert sum(row.storage_byte_seconds for row in found) == pricing.GB_MONTH
    assert [row.at - row.started_at for row in found] == [HOUR - timedelta(seconds=1)] * len(found)


async def test_a_history_of_changes_costs_its_byte_seconds_to_the_pico(desk: Desk) -> None:
    chance, there, gone = random.Random(7), dict[str, Row[Any]](), dict[str, Row[Any]]()
    exact = 0
    for _ in range(100):
        clock.move(timedelta(seconds=chance.choice((0, 1, 59, 1800, 3600, 5000, 40_000))))
        name, what = chance.choice("abcd"), chance.random()
        if what < 0.5:
            new = put(desk, name, chance.randrange(10**9))
            exact += byte_seconds(there[name], new.since) if name in there else 0
            there[name] = new
        elif what < 0.75 and name in there:
            gone[name] = change(desk, rows.delete, name)
            exact += byte_seconds(there.pop(name), gone[name].until)
        elif name in gone and name not in there:
            there[name] = change(desk, rows.put_back, name)
            # It is paid for as though it had never been deleted.
            exact -= byte_seconds(there[name], gone.pop(name).until)
        if chance.random() < 0.4:
            await storage.book_all(desk.database)
    end = clock.hour_of(clock.now() + HOUR)
    exact += sum(byte_seconds(row, end) for row in there.values())
    clock.move(end - clock.now())
    await storage.book_all(desk.database)
    found = booked(desk)
    assert sum(row.storage_byte_seconds for row in found) == exact
    price = Fraction(exact * unit(desk), pricing.GB_MONTH)
    assert 0 <= price - sum(row.price_pico for row in found) < 1
    assert len(found) > 50


def byte_seconds(row: Row[Any], until: datetime) -> int:
    return row.bytes * round((until - row.since).total_seconds())


async def test_a_clock_that_was_set_back_books_no_second_twice_and_ends_no_file_before_it_began(desk: Desk) -> None:
    old = put(desk, "old", GB)
    clock.move(DAY)
    put(desk, "new", GB)
    clock.move(-DAY)
    gone = change(desk, rows.delete, "new")
    assert gone.until == gone.since
    clock.move(2 * DAY)
    await storage.book_all(desk.database)
    clock.move(-DAY)
    ended = change(desk, rows.delete, "old").until
    assert ended == NOON + 2 * DAY
    clock.move(3 * DAY)
    await storage.book_all(desk.database)
    assert sum(row.storage_byte_seconds for row in booked(desk)) == byte_seconds(old, ended)


async def test_an_hour_costs_the_price_that_was_in_force_when_it_began(desk: Desk) -> None:
    put(desk, "a", GB)
    clock.move(timedelta(hours=1, minutes=30))
    before = unit(desk)
    desk.database.write_now(lambda c: pricing.publish(c, 120, clock.now()))
    clock.move(2 * HOUR)
    await storage.book_all(desk.database)
    after = unit(desk)
    assert after > before
    hour = Fraction(3600 * GB, pricing.GB_MONTH)
    total = 0
    for row, price in zip(booked(desk), (before, before, after), strict=True):
        total += hour * price
        assert row.price_version == desk.database.read_now(partial(_version_with, price=price))
    assert sum(row.price_pico for row in booked(desk)) == int(total)


def _version_with(connection: Connection, price: int) -> str:
    prices = table(Price)
    of = (prices.c.kind == STORAGE_KIND, prices.c.price_pico == price)
    return connection.execute(select(prices.c.version).where(*of)).scalar_one()


async def test_what_is_used_is_summed_and_told_like_any_usage(desk: Desk) -> None:
    put(desk, "a", GB)
    clock.move(3 * HOUR)
    await storage.book_all(desk.database)
    await sync.roll_up(desk.database)
    total = sum(row.price_pico for row in booked(desk))
    read = desk.database.read_now
    for by in ("hour", "day", "model", "service"):
        view = read(lambda c, by=by: figures.usage(c, desk.account_id, NOON - DAY, NOON + DAY, by, "UTC"))
        assert (view.total.price_pico, view.total.other_pico, view.total.requests) == (total, total, 0)
    assert [row.bucket for row in view.rows] == ["storage"]
    calls = read(lambda c: figures.requests(c, desk.account_id))
    hours = read(lambda c: figures.requests(c, desk.account_id, wanted=figures.Wanted(service="storage")))
    assert (len(calls.requests), len(hours.requests)) == (0, 3)
    receipt = read(lambda c: figures.receipt(c, desk.account_id, hours.requests[0].request_id))
    assert [(line.kind, line.tokens) for line in receipt.lines] == [(STORAGE_KIND, 3600 * GB)]
    assert sum(line.amount_pico for line in receipt.lines) == receipt.price_pico > 0


async def test_credit_that_runs_out_is_never_owed_and_no_file_goes_without_a_word(poor: Desk) -> None:
    poor.leave(1000)
    put(poor, "a", 10 * GB)
    clock.move(2 * HOUR)
    await tick(poor)
    first, second = booked(poor)
    assert (first.price_pico, second.price_pico) == (1000, 0)
    assert first.held_pico > 1000 < second.held_pico
    balance = poor.database.read_now(lambda c: c.execute(select(balances)).one())
    assert (balance.credit_pico, balance.overage_pico) == (0, 0)
    with pytest.raises(InsufficientCredit):
        put(poor, "b", 1)
    assert await told(poor) == ["storage_unpaid"]
    clock.move(24 * DAY)
    await tick(poor)
    assert await told(poor) == ["storage_unpaid", "storage_ends"]
    clock.move(6 * DAY)
    await tick(poor)
    assert kept(poor) == 0
    receipt = poor.database.read_now(lambda c: figures.receipt(c, poor.account_id, first.request_id))
    assert [line.kind for line in receipt.lines] == [STORAGE_KIND, "not_paid"]
    assert sum(line.amount_pico for line in receipt.lines) == receipt.price_pico
    poor.give(100 * PICO_PER_USD)
    change(poor, rows.put_back, "a")
    clock.move(HOUR)
    await tick(poor)
    assert poor.database.read_now(lambda c: c.execute(select(meters.c.unpaid_since)).scalar()) is None
    assert kept(poor) == 1


async def test_new_credit_within_the_time_keeps_the_files(poor: Desk) -> None:
    poor.leave(0)
    put(poor, "a", 10 * GB)
    clock.move(2 * HOUR)
    await tick(poor)
    clock.move(29 * DAY)
    await tick(poor)
    poor.give(PICO_PER_USD)
    clock.move(2 * DAY)
    await tick(poor)
    assert kept(poor) == 1


async def test_what_open_calls_hold_is_waited_for_and_nobody_is_told_that_credit_is_out(poor: Desk) -> None:
    poor.leave(10**9)
    put(poor, "a", 10 * GB)
    clock.move(HOUR)
    later = {"held_pico": 10**9}
    poor.database.write_now(lambda c: c.execute(update(balances).values(later)))
    await tick(poor)
    assert (booked(poor), await told(poor)) == ([], [])
    poor.database.write_now(lambda c: c.execute(update(meters).values(unpaid_since=clock.now() - 30 * DAY)))
    await tick(poor)
    assert kept(poor) == 1
    poor.database.write_now(lambda c: c.execute(update(balances).values(held_pico=0)))
    await tick(poor)
    (hour,) = booked(poor)
    assert 0 < hour.price_pico == hour.held_pico < 10**9


async def test_a_plan_pays_for_storage_as_overage_up_to_its_cap(poor: Desk) -> None:
    plan = {"has_plan": True, "spend_cap_pico": 10**9}
    poor.leave(0)
    put(poor, "a", 10 * GB)
    poor.database.write_now(lambda c: c.execute(update(balances).values(plan)))
    clock.move(10 * HOUR)
    await tick(poor)
    balance = poor.database.read_now(lambda c: c.execute(select(balances)).one())
    assert (balance.credit_pico, balance.overage_pico) == (0, 10**9)
    assert sum(row.price_pico for row in booked(poor)) == 10**9 < sum(row.held_pico for row in booked(poor))


def kept(desk: Desk) -> int:
    return desk.database.read_now(lambda c: rows.space_of(c, desk.account_id)).files


async def tick(desk: Desk) -> None:
    settings = Settings(STORAGE_QUOTA_MB=100_000)
    prices = desk.database.read_now(pricing.current)
    await storage.tick(Storehouse(desk.database, open_objects(settings), settings, prices))


async def told(desk: Desk) -> list[str]:
    await alerts.look(desk.database)
    about_files = select(table(Alert).c.kind).where(table(Alert).c.kind.startswith("storage"))
    return list(desk.database.read_now(lambda c: c.execute(about_files.order_by(table(Alert).c.id)).scalars()))
