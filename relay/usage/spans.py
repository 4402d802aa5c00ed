"""Spans of time as a table that a query joins."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    TextClause,
    and_,
    bindparam,
    select,
    text,
    true,
)

from relay.tables import UtcDateTime

COUNT_MAX = 1000


def latest_within(
    connection: Connection,
    rows: Select[Any],
    conditions: Sequence[ColumnElement[bool]],
    moments: Sequence[tuple[datetime, datetime]],
    order: Sequence[Column[Any]],
    count: int,
) -> Select[Any]:
    """The `count` latest of a table's rows by `order`, whose first column is their time, within any of the spans.

    One span is looked up after the other, so that how much lies between them changes nothing. Left to themselves,
    SQLite would walk the whole log to find its order, and PostgreSQL read all of it in parallel.
    """
    each = spans(moments)
    within = (order[0] >= each.c.since, order[0] < each.c.until, *conditions)
    latest = rows.order_by(*(column.desc() for column in order)).limit(count)
    if connection.dialect.name == "sqlite":
        return latest.select_from(each.outerjoin(order[0].table, and_(*within))).where(order[0].is_not(None))
    found = latest.where(*within).lateral("found")
    of_all = select(found).select_from(each.join(found, true()))
    return of_all.order_by(*(found.c[column.name].desc() for column in order)).limit(count)


def spans(moments: Sequence[tuple[datetime, datetime]]) -> CTE:
    """Spans of time as a table of `place`, `since` and `until`.

    It is written out once for each count of spans. `values()` says the same, and is compiled anew at every use.
    """
    given = {f"{name}{n}": at for n, span in enumerate(moments) for name, at in zip("ab", span, strict=True)}
    bound = [bindparam(name, at, UtcDateTime) for name, at in given.items()]
    columns = {"place": Integer(), "since": UtcDateTime(), "until": UtcDateTime()}
    return _spans(len(moments)).bindparams(*bound).columns(**columns).cte("spans")


@lru_cache(COUNT_MAX)
def _spans(count: int) -> TextClause:
    rows = ", ".join(f"({n}, :a{n}, :b{n})" for n in range(count))
    return text(f"SELECT column1 AS place, column2 AS since, column3 AS until FROM (VALUES {rows}) AS given")  # noqa: S608
