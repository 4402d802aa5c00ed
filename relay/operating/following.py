"""The requests behind an operator's sum: what was booked in a span, of everybody, of one model or of one account.

Usage has no order over all accounts, and none is paid for by every stream: its hourly roll-ups have one. They tell in
which hours there was use, and whose; a page reads no other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from relay.operating.revenue import Margin, by_model, total_of
from relay.sums import COUNTS, hour_from, hours_of
from relay.tables import Account, Usage, UsageHour, table
from relay.usage.summed import summed

accounts, rows, hours = table(Account), table(Usage), table(UsageHour)
HOUR = timedelta(hours=1)
ROWS = 50
STORAGE = "storage"


class Booked(NamedTuple):
    """A usage row: a request, a correction of one (`amends` is its id), or storage."""

    id: int
    at: datetime
    request_id: str
    kind: str
    account_id: str
    email: str
    model: str
    price_pico: int
    cost_pico: int
    amends: str | None


class Followed(NamedTuple):
    """A page of the rows, newest first, and what all of them come to. `next` is None on the last."""

    rows: tuple[Booked, ...]
    next: int | None
    total: Margin


@dataclass(frozen=True, slots=True)
class Behind:
    """The UTC hours that overlap [start, end), of one model (`storage` is one) or account where that is given."""

    start: datetime
    end: datetime
    model: str | None = None
    account_id: str | None = None

    def among(self, of: Any) -> list[ColumnElement[bool]]:
        """What this asks of usage rows or of their roll-ups."""
        found = [] if self.account_id is None else [of.c.account_id == self.account_id]
        return found if self.model is None else [*found, of.c.model == _name(self.model)]


def follow(connection: Connection, behind: Behind, before: int | None = None) -> Followed:
    """A page of at most ROWS, and the sum of all. `before` is the `next` of the page before."""
    start, end = hours_of(behind.start, behind.end)
    wanted = behind.among(rows)
    if before is not None and (last := _at(connection, before)) is not None:
        wanted.append(tuple_(rows.c.at, rows.c.id) < tuple_(last, before))
        end = min(end, hour_from(last + timedelta(microseconds=1)))
    found: list[Row[Any]] = []
    for hour in _hours(connection, behind, start, end):
        found += _in_hour(connection, behind, hour, wanted, ROWS + 1 - len(found))
        if len(found) > ROWS:
            break
    page = tuple(Booked(*row) for row in found[:ROWS])
    return Followed(page, page[-1].id if len(found) > ROWS else None, _total(connection, behind))


def _at(connection: Connection, row_id: int) -> datetime | None:
    return connection.execute(select(rows.c.at).where(rows.c.id == row_id)).scalar()


def _hours(connection: Connection, behind: Behind, start: datetime, end: datetime) -> Iterator[datetime]:
    """Those with use, the latest first: each has a row at least, and the first may be read to its end already."""
    mine = (hours.c.hour >= start, hours.c.hour < end, *behind.among(hours))
    query = select(hours.c.hour).distinct().where(*mine).order_by(hours.c.hour.desc()).limit(ROWS + 2)
    yield from connection.execute(query).scalars().all()


def _in_hour(
    connection: Connection, behind: Behind, hour: datetime, wanted: Sequence[ColumnElement[bool]], count: int
) -> Sequence[Row[Any]]:
    whose = select(hours.c.account_id).where(hours.c.hour == hour, *behind.among(hours))
    columns = [accounts.c.email if name == "email" else rows.c[name] for name in Booked._fields]
    query = select(*columns).join(accounts, accounts.c.id == rows.c.account_id)
    query = query.where(rows.c.account_id.in_(whose), rows.c.at >= hour, rows.c.at < hour + HOUR, *wanted)
    return connection.execute(query.order_by(rows.c.at.desc(), rows.c.id.desc()).limit(count)).all()


def _total(connection: Connection, behind: Behind) -> Margin:
    """From the sums that pages read, so that it is the very figure that was followed."""
    if behind.account_id is None:
        each = by_model(connection, behind.start, behind.end)
    else:
        found = summed(connection, behind.account_id, [hours_of(behind.start, behind.end)], "model")
        each = [Margin(name or STORAGE, *(sums[n] for n in _PLACES)) for (_, name), sums in found.items()]
    return total_of(one for one in each if behind.model in (None, one.bucket))


_PLACES = [COUNTS.index(name) for name in ("requests", "price_pico", "cost_pico")]


def _name(model: str) -> str:
    return "" if model == STORAGE else model
