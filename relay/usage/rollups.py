"""Charts and totals, from the hourly roll-ups alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from relay import clock
from relay.tables import UsageHour, table

hours = table(UsageHour)

By = Literal["hour", "day", "model", "service", "key"]
BYS: tuple[By, ...] = get_args(By)
COUNTS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "price_pico",
)
_SUMS = [func.coalesce(func.sum(hours.c[name]), 0).label(name) for name in COUNTS]


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Sums of one bucket: an hour (RFC 3339, UTC), a day (`2026-11-24`), a model, a service, or a key's id.

    What was called without a key has the bucket `session`; storage, which has no model, has `storage`.
    """

    bucket: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    price_pico: int = 0


@dataclass(frozen=True, slots=True)
class UsageView:
    """Only buckets with use have a row: times in order, models and services dearest first."""

    rows: tuple[UsageRow, ...]
    total: UsageRow


@dataclass(frozen=True, slots=True)
class Summary:
    """This calendar month and today, in the zone that was asked for."""

    month_pico: int
    month_requests: int
    today_pico: int
    today_requests: int


def usage(
    connection: Connection, account_id: str, start: datetime, end: datetime, by: By, zone: str = "UTC"
) -> UsageView:
    """The UTC hours that overlap [start, end). `zone` (IANA) decides only where days begin.

    An hour counts for the day that it begins in, which matters where a zone is off by half an hour.
    """
    if by in ("model", "service", "key"):
        rows = _by_name(connection, account_id, start, end, by)
    else:
        rows = _by_time(connection, account_id, start, end, _hour_name if by == "hour" else _day_name(zone))
    return UsageView(rows, total(rows))


def summary(connection: Connection, account_id: str, zone: str = "UTC") -> Summary:
    """What was spent this month and today."""
    place = _place(zone)
    now = clock.now().astimezone(place)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    until = now.astimezone(UTC) + timedelta(hours=1)
    month = _sum(connection, account_id, today.replace(day=1), until)
    day = _sum(connection, account_id, today, until)
    return Summary(month.price_pico, month.requests, day.price_pico, day.requests)


def used(
    connection: Connection,
    account_id: str,
    start: datetime,
    end: datetime,
    model: str | None = None,
    key_id: str | None = None,
) -> UsageRow:
    """The sum of the hours that begin in [start, end), of one model or key where that is given."""
    query = _within(select(*_SUMS), account_id, start, end)
    if model is not None:
        query = query.where(hours.c.model == model)
    if key_id is not None:
        query = query.where(hours.c.key_id == key_id)
    return _row("", connection.execute(query).one())


def total(rows: Iterable[UsageRow], bucket: str = "total") -> UsageRow:
    """The sum of the rows, as a row of its own name."""
    kept = tuple(rows)
    return UsageRow(bucket, *(sum(getattr(row, name) for row in kept) for name in COUNTS))


def models_used(connection: Connection, account_id: str, start: datetime, end: datetime) -> tuple[str, ...]:
    """The models that had use in the hours that begin in [start, end), by name."""
    query = _within(select(hours.c.model).distinct(), account_id, start, end)
    return tuple(sorted(name for name in connection.execute(query).scalars() if name))


def hours_used(connection: Connection, account_id: str, start: datetime, end: datetime) -> int:
    """How many of the hours that begin in [start, end) had use."""
    query = _within(select(func.count(hours.c.hour.distinct())), account_id, start, end)
    return connection.execute(query).scalar_one()


def some_hours(
    connection: Connection,
    account_id: str,
    start: datetime,
    end: datetime,
    order: str,
    descending: bool,
    limit: int,
    offset: int,
) -> tuple[UsageRow, ...]:
    """A page of those hours, in the order of `bucket` or of one of COUNTS; what is equal goes by time."""
    counted = [sums for sums in _SUMS if sums.name == order]
    by = [column.desc() if descending else column.asc() for column in (*counted, hours.c.hour)]
    query = _within(select(hours.c.hour, *_SUMS), account_id, start, end).group_by(hours.c.hour)
    found = connection.execute(query.order_by(*by).limit(limit).offset(offset))
    return tuple(_row(_hour_name(row[0]), row[1:]) for row in found)


def _by_name(connection: Connection, account_id: str, start: datetime, end: datetime, by: str) -> tuple[UsageRow, ...]:
    name = hours.c["key_id" if by == "key" else by]
    query = _within(select(name, *_SUMS), account_id, start, end).group_by(name)
    nameless = "session" if by == "key" else "storage"
    found = [_row(row[0] or nameless, row[1:]) for row in connection.execute(query)]
    return tuple(sorted(found, key=lambda row: (-row.price_pico, row.bucket)))


def _by_time(
    connection: Connection, account_id: str, start: datetime, end: datetime, name: Callable[[datetime], str]
) -> tuple[UsageRow, ...]:
    query = _within(select(hours.c.hour, *_SUMS), account_id, start, end).group_by(hours.c.hour)
    sums: dict[str, list[int]] = {}
    for row in connection.execute(query.order_by(hours.c.hour)):
        so_far = sums.setdefault(name(row[0]), [0] * len(COUNTS))
        for i, value in enumerate(row[1:]):
            so_far[i] += int(value)
    return tuple(_row(bucket, values) for bucket, values in sums.items())


def _sum(connection: Connection, account_id: str, start: datetime, end: datetime) -> UsageRow:
    return _row("", connection.execute(_within(select(*_SUMS), account_id, start, end)).one())


def _within(query: Select[Any], account_id: str, start: datetime, end: datetime) -> Select[Any]:
    return query.where(hours.c.account_id == account_id, hours.c.hour >= clock.hour_of(start), hours.c.hour < end)


def _row(bucket: str, values: Iterable[Any]) -> UsageRow:
    # PostgreSQL sums to NUMERIC, which arrives as Decimal.
    return UsageRow(bucket, *(int(value) for value in values))


def _hour_name(hour: datetime) -> str:
    return clock.rfc3339(hour)


def _day_name(zone: str) -> Callable[[datetime], str]:
    place = _place(zone)
    return lambda hour: hour.astimezone(place).date().isoformat()


def _place(zone: str) -> tzinfo:
    return UTC if zone == "UTC" else ZoneInfo(zone)
