"""From files to byte-seconds to money: each account's storage is booked for each UTC hour, once.

    price of an hour = floor((byte-seconds x price of a GB-month + what is left over) / GB_MONTH)

and what that division leaves over is carried into the next hour. So however many hours there are, together they differ
from the exact price by less than one pico-dollar; and as the carry is in parts of GB_MONTH, a new price version changes
nothing about it. Byte-seconds are whole numbers: a file is kept from one whole second to another.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, literal, or_, select, update

from relay import clock, ledger
from relay.database import Database
from relay.ledger import Charge
from relay.pricing import GB_MONTH, STORAGE_KIND, STORAGE_MODEL, Unit
from relay.tables import Asset, Price, PriceVersion, StorageMeter, table

assets, meters = table(Asset), table(StorageMeter)
prices, versions = table(Price), table(PriceVersion)
HOUR = timedelta(hours=1)
HOURS_AT_ONCE = 200
ACCOUNTS_AT_ONCE = 200


async def book_all(database: Database) -> int:
    """Books every hour that is over; for how many accounts. What is booked is not booked again, whoever asks."""
    until = clock.hour_of(clock.now())
    due = await database.read(partial(_due, until=until))
    for start in range(0, len(due), ACCOUNTS_AT_ONCE):
        await asyncio.gather(*(_book(database, one, until) for one in due[start : start + ACCOUNTS_AT_ONCE]))
    return len(due)


async def _book(database: Database, account_id: str, until: datetime) -> None:
    while await database.write(partial(book, account_id=account_id, until=until)):
        pass


def _due(connection: Connection, until: datetime) -> list[str]:
    """Accounts with something in the hours that are not booked. Hours of nothing are not booked at all."""
    there = select(literal(1)).where(
        assets.c.account_id == meters.c.account_id,
        assets.c.since < until,
        or_(assets.c.until.is_(None), assets.c.until > meters.c.booked_until),
    )
    query = select(meters.c.account_id).where(
        meters.c.booked_until < until, or_(there.exists(), meters.c.owed_byte_seconds > 0)
    )
    return list(connection.execute(query.order_by(meters.c.account_id)).scalars())


def book(connection: Connection, account_id: str, until: datetime) -> bool:
    """Books one account up to a whole hour, some hundred hours of it. Whether there is more to book now.

    What open calls hold would be missing, and most of it comes back: until then nothing is booked.
    """
    ledger.lock(connection, account_id)
    meter = connection.execute(select(meters).where(meters.c.account_id == account_id)).one()
    kept = _kept(connection, account_id, meter.booked_until, until)
    if meter.booked_until >= until or not (kept or meter.owed_byte_seconds):
        return False
    begin = meter.booked_until
    if not meter.owed_byte_seconds:
        begin = max(begin, clock.hour_of(min(row.since for row in kept)))
    end = min(until, begin + HOURS_AT_ONCE * HOUR)
    left = _Carry(meter.price_carry, meter.cost_carry)
    charges = list(_charges(connection, account_id, kept, (begin, end), meter.owed_byte_seconds, left))
    if ledger.waits_for_holds(connection, account_id, sum(each.due_pico for each in charges)):
        return False
    short = ledger.charge(connection, charges) if charges else 0
    values: dict[str, Any] = {
        "booked_until": end,
        "owed_byte_seconds": 0,
        "price_carry": left.price,
        "cost_carry": left.cost,
    }
    if charges:
        values["unpaid_since"] = (meter.unpaid_since or clock.now()) if short else None
    connection.execute(update(meters).where(meters.c.account_id == account_id).values(values))
    return end < until


def _kept(connection: Connection, account_id: str, start: datetime, end: datetime) -> Sequence[Row[Any]]:
    """What was kept at any time in [start, end)."""
    query = select(assets).where(
        assets.c.account_id == account_id,
        assets.c.since < end,
        or_(assets.c.until.is_(None), assets.c.until > start),
    )
    return connection.execute(query).all()


class _Version(NamedTuple):
    published_at: datetime
    name: str
    unit: Unit


class _Carry:
    """What dividing left over, in parts of GB_MONTH of a pico-dollar."""

    def __init__(self, price: int, cost: int) -> None:
        self.price, self.cost = price, cost

    def take(self, byte_seconds: int, unit: Unit) -> tuple[int, int]:
        """Cost and price of so much in whole pico-dollars; the rest is carried."""
        cost, self.cost = divmod(byte_seconds * unit.cost_pico + self.cost, GB_MONTH)
        price, self.price = divmod(byte_seconds * unit.price_pico + self.price, GB_MONTH)
        return cost, price


def _charges(
    connection: Connection,
    account_id: str,
    kept: Sequence[Row[Any]],
    span: tuple[datetime, datetime],
    owed: int,
    left: _Carry,
) -> Iterator[Charge]:
    """One for each hour in which anything was kept. What is owed from before goes with the first."""
    published = _versions(connection)
    start = span[0]
    while start < span[1]:
        byte_seconds = owed + sum(row.bytes * _seconds(row, start, start + HOUR) for row in kept)
        if byte_seconds:
            version = _in_force(published, start)
            cost, price = left.take(byte_seconds, version.unit)
            request_id = f"stg_{account_id}_{start:%Y%m%d%H}"
            # The row belongs to the hour that it is about: its time is that hour's last second.
            at = start + HOUR - timedelta(seconds=1)
            yield Charge(request_id, account_id, start, at, byte_seconds, cost, price, version.name)
        start, owed = start + HOUR, 0


def _seconds(row: Row[Any], start: datetime, end: datetime) -> int:
    until = min(row.until or end, end)
    return max(0, int((until - max(row.since, start)).total_seconds()))


def _versions(connection: Connection) -> list[_Version]:
    """Every price version's price of storage, in the order in which they were published."""
    columns = (versions.c.published_at, versions.c.version, prices.c.cost_pico, prices.c.price_pico)
    of_storage = (prices.c.model == STORAGE_MODEL, prices.c.kind == STORAGE_KIND)
    query = select(*columns).join(prices, prices.c.version == versions.c.version).where(*of_storage)
    found = [_Version(at, name, Unit(cost, price)) for at, name, cost, price in connection.execute(query)]
    return sorted(found, key=lambda each: (each.published_at, int(each.name.rpartition(".")[2])))


def _in_force(published: Sequence[_Version], hour: datetime) -> _Version:
    """That of the hour's beginning; the first one ever for the hour in which it was published."""
    return next((each for each in reversed(published) if each.published_at <= hour), published[0])
