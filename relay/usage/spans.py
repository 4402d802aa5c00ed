"""Spans of time as a table that a query joins."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import CTE, Integer, TextClause, bindparam, text

from relay.tables import UtcDateTime

COUNT_MAX = 1000


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
