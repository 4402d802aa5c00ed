"""Usage in spans of time that the reader chose, whole or split by what it was for: one query, however many they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, get_args

from sqlalchemy import CTE, Connection, Integer, TextClause, bindparam, func, literal, select, text

from relay.tables import ApiKey, UsageHour, UtcDateTime, table
from relay.usage.rollups import COUNTS, UsageRow

hours, api_keys = table(UsageHour), table(ApiKey)

Split = Literal["model", "service", "key"]
SPLITS: tuple[Split, ...] = get_args(Split)
BUCKETS_MAX = 1000
_COLUMNS = {"model": hours.c.model, "service": hours.c.service, "key": hours.c.key_id}


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was used in the `place`-th span, of one model, service or key. Its `usage.bucket` is that name.

    The name of storage is `storage`, and that of calls without a key is empty.
    """

    place: int
    usage: UsageRow


def buckets(
    connection: Connection, account_id: str, edges: Sequence[datetime], split: Split | None = None
) -> tuple[Bucket, ...]:
    """Sums of the hours that begin in [edges[n], edges[n + 1]), for every n; only where there was use, in order."""
    if not 2 <= len(edges) <= BUCKETS_MAX + 1:
        raise ValueError(f"2 to {BUCKETS_MAX + 1} edges")
    each = spans(list(pairwise(edges)))
    name: Any = _COLUMNS[split] if split else literal("")
    sums = [func.coalesce(func.sum(hours.c[count]), 0) for count in COUNTS]
    within = (hours.c.account_id == account_id) & (hours.c.hour >= each.c.since) & (hours.c.hour < each.c.until)
    # An outer join, so that SQLite looks up the hours of each span, and does not try every span on every hour.
    query = (
        select(each.c.place, name, *sums)
        .join_from(each, hours, within, isouter=True)
        .group_by(each.c.place, name)
        .having(func.count(hours.c.hour) > 0)
        .order_by(each.c.place, name)
    )
    return tuple(_bucket(row, split) for row in connection.execute(query))


def spans(moments: Sequence[tuple[datetime, datetime]]) -> CTE:
    """Spans of time as a table of `place`, `since` and `until`.

    It is written out once for each count of spans. `values()` says the same, and is compiled anew at every use.
    """
    given = {f"{name}{n}": at for n, span in enumerate(moments) for name, at in zip("ab", span, strict=True)}
    bound = [bindparam(name, at, UtcDateTime) for name, at in given.items()]
    columns = {"place": Integer(), "since": UtcDateTime(), "until": UtcDateTime()}
    return _spans(len(moments)).bindparams(*bound).columns(**columns).cte("spans")


@lru_cache(BUCKETS_MAX)
def _spans(count: int) -> TextClause:
    rows = ", ".join(f"({n}, :a{n}, :b{n})" for n in range(count))
    return text(f"SELECT column1 AS place, column2 AS since, column3 AS until FROM (VALUES {rows}) AS given")  # noqa: S608


def _bucket(row: Any, split: Split | None) -> Bucket:
    name = "storage" if split == "model" and not row[1] else row[1]
    return Bucket(row[0], UsageRow(name, *(int(value) for value in row[2:])))


def key_names(connection: Connection, account_id: str) -> dict[str, str]:
    """The names of the account's keys by id, also of those that were revoked: their use stays."""
    query = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.account_id == account_id)
    return {row[0]: row[1] for row in connection.execute(query)}
