"""Sums of spans of time: what the clock has rolled up, and the usage rows that it has not come to yet.

How many rows that touches follows from the spans that are asked for, and from some minutes of use: not from history.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import add
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Connection, TextClause, bindparam, func, literal, select, text

from relay.prepared.statements import into_driver
from relay.sums import COUNTS, Group, grouped, hour_from, pieces_of
from relay.tables import Balance, Usage, UsageSum, UtcDateTime, table

balances, usage, sums = table(Balance), table(Usage), table(UsageSum)

Split = Literal["", "model", "key"]
Spans = Sequence[tuple[datetime, datetime]]
Found = dict[tuple[int, str], tuple[int, ...]]
"""What was used in the n-th span by a model or a key, in the order of COUNTS."""
NOTHING: tuple[int, ...] = (0,) * len(COUNTS)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# Both look up the sums of one piece after the other, so that how much else is there changes nothing: SQLite keeps to
# the order of a cross join, and PostgreSQL cannot turn a lateral query with an OFFSET into one reading of everything.
_MINE = (
    "sums.account_id = :account_id AND sums.split = :split AND sums.unit = pieces.unit "
    "AND sums.since >= pieces.since AND sums.since < pieces.until"
)
# Taken out of their JSON once, and not once for each row that they are joined to.
_SQLITE = (
    "WITH pieces AS MATERIALIZED (SELECT json_extract(value, '$.place') AS place, "
    "json_extract(value, '$.sign') AS sign, json_extract(value, '$.unit') AS unit, "
    "json_extract(value, '$.since') AS since, json_extract(value, '$.until') AS until FROM json_each(:pieces)) "
    "SELECT place, name, {sums} FROM pieces CROSS JOIN usage_sums AS sums ON {mine} GROUP BY place, name"
)
_POSTGRESQL = (
    "SELECT place, name, {sums} FROM json_to_recordset(CAST(:pieces AS json)) "
    "AS pieces(place int, sign int, unit text, since timestamptz, until timestamptz) CROSS JOIN LATERAL "
    "(SELECT * FROM usage_sums AS sums WHERE {mine} OFFSET 0) AS sums GROUP BY place, name"
)
# PostgreSQL sums to NUMERIC, which would arrive as Decimal.
_SUM = "CAST(sum(pieces.sign * {amount}) AS bigint)"


class Fresh(NamedTuple):
    """What was used since the clock has last come by, from `since` on. It is read once for all of a page."""

    since: datetime
    groups: Sequence[Group]


def fresh_of(connection: Connection, account_id: str, start: datetime, end: datetime) -> Fresh:
    """The usage rows in [start, end) that are not in the account's sums."""
    since = max(start, mark_of(connection, account_id))
    if since >= end:
        return Fresh(since, ())
    return Fresh(since, grouped(connection, usage.c.account_id == account_id, usage.c.at >= since, usage.c.at < end))


def mark_of(connection: Connection, account_id: str) -> datetime:
    """Up to where the clock has summed up the account."""
    return connection.execute(_MARK, {"account_id": account_id}).scalar() or NEVER


_MARK = select(balances.c.rolled_until).where(balances.c.account_id == bindparam("account_id"))


def summed(
    connection: Connection, account_id: str, spans: Spans, split: Split = "", fresh: Fresh | None = None
) -> Found:
    """Of one account: the hours that begin in each span. Spans are in order, and do not overlap; only where there was
    use. `fresh` covers them all, where it is given.
    """
    spans = [(hour_from(since), hour_from(until)) for since, until in spans]
    if not spans or spans[0][0] >= spans[-1][1]:
        return {}
    fresh = fresh or fresh_of(connection, account_id, spans[0][0], spans[-1][1])
    read = rolled(connection, account_id, spans, split, _AMOUNTS)
    found: Found = {(place, name): tuple(counts) for place, name, *counts in read}
    for key, group in placed(fresh.groups, spans, split):
        found[key] = tuple(map(add, found.get(key, NOTHING), group.sums))
    return {key: counts for key, counts in found.items() if any(counts)}


_AMOUNTS = tuple(f"sums.{name}" for name in COUNTS)


def by_hour(
    connection: Connection,
    account_id: str,
    start: datetime,
    end: datetime,
    fresh: Fresh | None = None,
) -> dict[datetime, tuple[int, ...]]:
    """Each hour with use that begins in [start, end), by time."""
    start, end = hour_from(start), hour_from(end)
    fresh = fresh or fresh_of(connection, account_id, start, end)
    mine = (sums.c.account_id == account_id, sums.c.split == "", sums.c.unit == "hour")
    query = select(sums.c.since, *(sums.c[name] for name in COUNTS)).where(*mine)
    read = connection.execute(query.where(sums.c.since >= start, sums.c.since < end).order_by(sums.c.since))
    found: dict[datetime, tuple[int, ...]] = {row[0]: tuple(row[1:]) for row in read}
    for _, group in placed(fresh.groups, [(start, end)], ""):
        found[group.hour] = tuple(map(add, found.get(group.hour, NOTHING), group.sums))
    return dict(sorted(found.items()))


def in_json(connection: Connection, what: object) -> str:
    """JSON with its moments as this database reads them."""
    if connection.dialect.name != "sqlite":
        return orjson.dumps(what).decode()
    return orjson.dumps(what, into_driver(UtcDateTime(), connection.dialect), orjson.OPT_PASSTHROUGH_DATETIME).decode()


def rolled(
    connection: Connection, account_id: str, spans: Spans, split: Split, amounts: tuple[str, ...]
) -> Sequence[Sequence[Any]]:
    """A row for each span's place and each name in it, with the sums of the amounts (SQL over `sums`), of what is
    rolled up alone. They are all 0 for what was used that day, though not in the span.
    """
    asked = {"account_id": account_id, "split": split, "pieces": in_json(connection, pieces_of(spans))}
    return connection.execute(_sums_of(connection.dialect.name, amounts), asked).all()


@cache
def _sums_of(dialect: str, amounts: tuple[str, ...]) -> TextClause:
    query = _SQLITE if dialect == "sqlite" else _POSTGRESQL
    return text(query.format(sums=", ".join(_SUM.format(amount=each) for each in amounts), mine=_MINE))


def placed(groups: Iterable[Group], spans: Spans, split: Split) -> Iterator[tuple[tuple[int, str], Group]]:
    """Each group with the place of its span, and its name there."""
    begins = [since for since, _ in spans]
    for group in groups:
        place = bisect_right(begins, group.hour) - 1
        if place >= 0 and group.hour < spans[place][1]:
            yield (place, group.model if split == "model" else group.key_id if split == "key" else ""), group


def fresh_of_everybody(connection: Connection, start: datetime, end: datetime) -> list[Group]:
    """What was used in [start, end), is booked, and is in nobody's sums yet."""
    mark = func.coalesce(balances.c.rolled_until, literal(NEVER, UtcDateTime))
    # Booking changes the balance: whose has not changed since has nothing new.
    marks = connection.execute(select(balances.c.account_id, mark).where(balances.c.changed_at >= mark, mark < end))
    given = [(account_id, max(start, since)) for account_id, since in marks]
    if not given:
        return []
    sqlite = connection.dialect.name == "sqlite"
    query = text(_FRESH_IN_SQLITE if sqlite else _FRESH_IN_POSTGRESQL)
    asked = {"marks": in_json(connection, given), "until": end}
    ids = connection.execute(query.bindparams(_UNTIL), asked).scalars().all()
    if sqlite:
        return grouped(connection, text(_THESE_IN_SQLITE).bindparams(ids=in_json(connection, ids)))
    return grouped(connection, text(_THESE_IN_POSTGRESQL).bindparams(ids=ids))


# As above: the rows of one account after the other.
_FRESH_IN_SQLITE = (
    "SELECT usage.id FROM json_each(:marks) AS marks CROSS JOIN usage "
    "ON usage.account_id = json_extract(value, '$[0]') "
    "AND usage.at >= json_extract(value, '$[1]') AND usage.at < :until"
)
_FRESH_IN_POSTGRESQL = (
    "SELECT each.id FROM json_array_elements(CAST(:marks AS json)) AS marks(value) CROSS JOIN LATERAL (SELECT id "
    "FROM usage WHERE account_id = value ->> 0 AND at >= (value ->> 1)::timestamptz AND at < :until OFFSET 0) "
    "AS each"
)
# However many they are, they are one parameter.
_THESE_IN_SQLITE = "usage.id IN (SELECT value FROM json_each(:ids))"
_THESE_IN_POSTGRESQL = "usage.id = ANY(CAST(:ids AS bigint[]))"
_UNTIL = bindparam("until", type_=UtcDateTime)
