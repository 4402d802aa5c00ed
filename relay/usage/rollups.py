"""Charts and totals of one account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from operator import itemgetter
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from relay import clock
from relay.sums import COUNTS as ALL_COUNTS
from relay.sums import hours_of
from relay.tables import Usage, UsageHour, table
from relay.usage.summed import Fresh, Split, by_hour, summed

rows, hours = table(Usage), table(UsageHour)

By = Literal["hour", "day", "model", "service", "key"]
BYS: tuple[By, ...] = get_args(By)
SPLITS: dict[str, Split] = {"model": "model", "service": "model", "key": "key"}
"""How the sums are split for a grouping; storage is a service of its own, and no model."""
COUNTS = tuple(name for name in ALL_COUNTS if name != "cost_pico")
"""What the fields of a UsageRow are called: what it cost us is nobody else's."""
TOKENS = COUNTS[1:5]
HOUR, LONG = timedelta(hours=1), timedelta(days=400)


class UsageRow(NamedTuple):
    """Sums of one bucket: an hour (RFC 3339, UTC), a day (`2026-11-24`), a model, a service, or a key's id.

    What was called without a key has the bucket `session`; storage, which has no model, has `storage`. The prices of
    the kinds of token and `other_pico` (searches, storage, prices put right) add up to `price_pico`.
    """

    bucket: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    price_pico: int = 0
    input_pico: int = 0
    output_pico: int = 0
    cache_read_pico: int = 0
    cache_write_pico: int = 0

    @property
    def other_pico(self) -> int:
        return self.price_pico - self.input_pico - self.output_pico - self.cache_read_pico - self.cache_write_pico


@dataclass(frozen=True, slots=True)
class UsageView:
    """Only buckets with use have a row: times in order, models and services dearest first."""

    rows: tuple[UsageRow, ...]
    total: UsageRow


class Used(NamedTuple):
    requests: int
    price_pico: int


def usage(
    connection: Connection, account_id: str, start: datetime, end: datetime, by: By, zone: str = "UTC"
) -> UsageView:
    """The UTC hours that overlap [start, end). `zone` (IANA) decides only where days begin.

    An hour counts for the day that it begins in, which matters where a zone is off by half an hour.
    """
    start, end = hours_of(start, end)
    if by in SPLITS:
        found = _by_name(connection, account_id, start, end, by)
    else:
        found = _by_time(connection, account_id, start, end, None if by == "hour" else place_named(zone))
    return UsageView(found, total(found))


def used_by_key(
    connection: Connection,
    account_id: str,
    start: datetime,
    end: datetime,
    key_id: str,
    model: str | None = None,
    fresh: Fresh | None = None,
) -> Used:
    """What a key was used for in the hours that begin in [start, end), or of that what was one model."""
    if model is None:
        row = row_of(key_id, summed(connection, account_id, [(start, end)], "key", fresh).get((0, key_id)))
        return Used(row.requests, row.price_pico)
    # No more than is asked for: adding up takes longer than reading the hours.
    sums = (func.coalesce(func.sum(each), 0) for each in (hours.c.requests, hours.c.price_pico))
    by_use = (hours.c.account_id == account_id, hours.c.model == model, hours.c.key_id == key_id)
    within = (hours.c.hour >= start, hours.c.hour < end)
    return Used(*map(int, connection.execute(select(*sums).where(*by_use, *within)).one()))


def total(rows: Iterable[UsageRow], bucket: str = "total") -> UsageRow:
    """The sum of the rows, as a row of its own name."""
    return UsageRow(bucket, *map(sum, zip(*(row[1:] for row in rows), strict=True)))


def by_model(
    connection: Connection, account_id: str, start: datetime, end: datetime, fresh: Fresh | None = None
) -> dict[str, UsageRow]:
    """The sums of the hours that begin in [start, end), of each model that was used. Storage has the name ''."""
    found = summed(connection, account_id, [(start, end)], "model", fresh)
    return {name: row_of(name, values) for (_, name), values in found.items()}


def some_hours(
    connection: Connection, account_id: str, hours: Sequence[datetime], fresh: Fresh | None = None
) -> tuple[UsageRow, ...]:
    """Those hours, in the order in which they are asked for."""
    at = sorted(hours)
    found = summed(connection, account_id, [(hour, hour + HOUR) for hour in at], "", fresh)
    rows = {at[place]: values for (place, _), values in found.items()}
    return tuple(row_of(clock.rfc3339(hour), rows.get(hour)) for hour in hours)


def place_named(zone: str) -> tzinfo:
    return UTC if zone == "UTC" else ZoneInfo(zone)


def midnight(when: date, zone: tzinfo) -> datetime:
    """When the first hour of that day begins, in UTC. Use is counted by UTC hours: where a zone is off by half an
    hour, an hour belongs to the day that it begins in.
    """
    begins = datetime.combine(when, time(), zone).astimezone(UTC)
    return begins if not begins.minute else begins.replace(minute=0) + HOUR


def row_of(bucket: str, sums: Sequence[int] | None) -> UsageRow:
    """Sums in the order of `relay.sums.COUNTS`, or nothing at all."""
    return UsageRow(bucket, *_of_use(sums)) if sums else UsageRow(bucket)


_of_use = itemgetter(*(ALL_COUNTS.index(name) for name in COUNTS))


def _by_name(connection: Connection, account_id: str, start: datetime, end: datetime, by: str) -> tuple[UsageRow, ...]:
    found = summed(connection, account_id, [(start, end)], SPLITS[by])
    rows = named_rows((bucket_name(by, name), values) for (_, name), values in found.items())
    return tuple(sorted(rows, key=lambda row: (-row.price_pico, row.bucket)))


def bucket_name(by: str, name: str) -> str:
    """What the sums of a model or a key are called in a grouping."""
    if by == "key":
        return name or "session"
    return "storage" if not name else "claude" if by == "service" else name


def named_rows(found: Iterable[tuple[str, Sequence[int]]]) -> list[UsageRow]:
    """One row for each name; what has the same is summed."""
    rows: dict[str, UsageRow] = {}
    for name, values in found:
        row = row_of(name, values)
        rows[name] = total((rows[name], row), name) if name in rows else row
    return list(rows.values())


def _by_time(
    connection: Connection, account_id: str, start: datetime, end: datetime, place: tzinfo | None
) -> tuple[UsageRow, ...]:
    if place is None:
        found = by_hour(connection, account_id, start, end)
        return tuple(row_of(clock.rfc3339(hour), values) for hour, values in found.items())
    start, end = _with_use(connection, account_id, start, end)
    days = _days(start, end, place)
    found = summed(connection, account_id, [span for _, span in days])
    return tuple(row_of(days[n][0], values) for (n, _), values in sorted(found.items()))


def _with_use(connection: Connection, account_id: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """That of a long span in which there can be use: nobody asks for every day since the year 2000."""
    if end - start <= LONG:
        return start, end
    mine = select(rows.c.at).where(rows.c.account_id == account_id).limit(1)
    first, last = (connection.execute(mine.order_by(at)).scalar() for at in (rows.c.at, rows.c.at.desc()))
    if first is None or last is None:
        return start, start
    return max(start, clock.hour_of(first)), min(end, clock.hour_of(last) + HOUR)


def _days(start: datetime, end: datetime, place: tzinfo) -> list[tuple[str, tuple[datetime, datetime]]]:
    days: list[tuple[str, tuple[datetime, datetime]]] = []
    when = start.astimezone(place).date()
    while (begins := midnight(when, place)) < end:
        span = max(start, begins), min(end, midnight(when + timedelta(days=1), place))
        days += [(when.isoformat(), span)] if span[0] < span[1] else []
        when += timedelta(days=1)
    return days
