"""Hours by what was used in them: those in which a model or a key was, and a page of all of them in some order."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, repeat

from sqlalchemy import ColumnElement, Connection, FromClause, bindparam, select, text

from relay.clock import hour_of
from relay.sums import COUNTS, hour_from
from relay.tables import UsageHour, UsageSum, UtcDateTime, table
from relay.usage.spans import latest_within
from relay.usage.summed import Fresh, by_hour, in_json, mark_of

hours, sums = table(UsageHour), table(UsageSum)
Span = tuple[datetime, datetime]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
DAYS_AT_FIRST, DAYS_AT_ONCE = 4, 31
"""What is used often is found within a few days; what is rare has few hours in a day."""


def hours_with(
    connection: Connection,
    account_id: str,
    model: str | None,
    key_id: str | None,
    span: Span,
    count: int,
    fresh: Fresh | None = None,
) -> Iterator[Sequence[datetime]]:
    """The hours that overlap the span in which the model, the key or the one by the other was used, the latest first.

    They come in parts of at most `count`. The days are known from the sums, so that a year without any is not walked.
    `fresh` covers the span, where it is given.
    """
    used = [hours.c.account_id == account_id]
    used += [] if model is None else [hours.c.model == model]
    used += [] if key_id is None else [hours.c.key_id == key_id]
    since = fresh.since if fresh else mark_of(connection, account_id)
    for days in _parts(_days_with(connection, account_id, model, key_id, span, since)):
        until = days[0][1]
        while True:
            found = _within(connection, used, [(since, min(end, until)) for since, end in days if since < until], count)
            yield found
            if len(found) < count:
                break
            until = found[-1]


def _days_with(
    connection: Connection, account_id: str, model: str | None, key_id: str | None, span: Span, mark: datetime
) -> Iterator[Span]:
    """The time that the clock has not come to, then each day of use before it: the latest first, within the span."""
    start, end = hour_of(span[0]), span[1]
    fresh = until = max(start, hour_of(mark))
    if fresh < end:
        yield fresh, end
    while start < until:
        days = _rolled_days(connection, account_id, model, key_id, (start, until))
        for day in days:
            since, to = max(start, day), min(fresh, end, day + DAY)
            if since < to:
                yield since, to
        until = days[-1] if len(days) == DAYS_AT_ONCE else start


def _rolled_days(
    connection: Connection, account_id: str, model: str | None, key_id: str | None, span: Span
) -> Sequence[datetime]:
    """The latest of them."""
    split, name = ("key", key_id) if model is None else ("model", model)
    query = select(sums.c.since).where(*_days_of(sums, account_id, split, name or ""))
    query = query.where(sums.c.since >= span[0].replace(hour=0), sums.c.since < span[1])
    if model is not None and key_id is not None:
        by_key = sums.alias("by_key")
        same_day = (*_days_of(by_key, account_id, "key", key_id), by_key.c.since == sums.c.since)
        query = query.where(select(by_key.c.since).where(*same_day).exists())
    return connection.execute(query.order_by(sums.c.since.desc()).limit(DAYS_AT_ONCE)).scalars().all()


def _days_of(of: FromClause, account_id: str, split: str, name: str) -> list[ColumnElement[bool]]:
    return [of.c.account_id == account_id, of.c.split == split, of.c.unit == "day", of.c.name == name]


def _parts(days: Iterator[Span]) -> Iterator[list[Span]]:
    """The first alone, then some, then many at a time."""
    for size in chain((1, DAYS_AT_FIRST), repeat(DAYS_AT_ONCE)):
        if not (part := list(islice(days, size))):
            return
        yield part


def _within(
    connection: Connection, used: list[ColumnElement[bool]], spans: Sequence[Span], count: int
) -> Sequence[datetime]:
    query = latest_within(connection, select(hours.c.hour).distinct(), used, spans, [hours.c.hour], count)
    return connection.execute(query).scalars().all()


class HoursUsed:
    """Every hour with use that begins in a span: how many there are, and a page of them in any order."""

    def __init__(self, connection: Connection, account_id: str, start: datetime, end: datetime, fresh: Fresh) -> None:
        """`fresh` covers the span."""
        self._connection = connection
        start, end = hour_from(start), hour_from(end)
        # What the clock is done with is counted and ordered where it is; the hours after that are few, and go there.
        cut = min(max(start, hour_of(fresh.since)), end)
        self._recent = by_hour(connection, account_id, cut, end, fresh)
        self._rolled = {"account_id": account_id, "since": start, "until": cut}
        rolled = connection.execute(text(_COUNT).bindparams(*_SPAN), self._rolled).scalar_one()
        self.count = int(rolled) + len(self._recent)

    def page(self, order: str | None, descending: bool, skipped: int, count: int) -> list[datetime]:
        """By an amount (one of `relay.sums.COUNTS`, or `other_pico`) and then by time, or by time alone."""
        names = _PRICE_AND_ITS_PARTS if order == "other_pico" else [order or COUNTS[0]]
        whole, *parts = (COUNTS.index(name) for name in names)
        recent = [(hour, each[whole] - sum(each[n] for n in parts)) for hour, each in self._recent.items()]
        direction = "DESC" if descending else "ASC"
        by = f"amount {direction}, since {direction}" if order else f"since {direction}"
        dialect = self._connection.dialect.name
        query = text(_PAGE.format(amount=" - ".join(names), recent=_RECENT[dialect], by=by)).bindparams(*_SPAN)
        recently = in_json(self._connection, recent)
        asked = {**self._rolled, "recent": recently, "count": count, "skipped": skipped}
        return list(self._connection.execute(query.columns(since=UtcDateTime()), asked).scalars())


_PRICE_AND_ITS_PARTS = ["price_pico", "input_pico", "output_pico", "cache_read_pico", "cache_write_pico"]
_MINE = "account_id = :account_id AND split = '' AND unit = 'hour' AND since >= :since AND since < :until"
_SPAN = [bindparam(name, type_=UtcDateTime) for name in ("since", "until")]
_COUNT = f"SELECT count(*) FROM usage_sums WHERE {_MINE}"  # noqa: S608
_PAGE = (
    f"SELECT since FROM (SELECT since, {{amount}} AS amount FROM usage_sums WHERE {_MINE} "  # noqa: S608
    "UNION ALL SELECT {recent}) AS hours ORDER BY {by} LIMIT :count OFFSET :skipped"
)
_RECENT = {
    "sqlite": "json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:recent)",
    "postgresql": "(value ->> 0)::timestamptz, (value ->> 1)::bigint "
    "FROM json_array_elements(CAST(:recent AS json)) AS given(value)",
}
