"""The rows of the usage page's table: which ones, in what order, and a page of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from account_app.session import Visitor
from account_app.spans import Bins, By, Span
from relay import clock, usage
from relay.usage import Bucket, Fresh, UsageRow

ROWS_MAX = 60
SHOWN = ("price", "tokens", "kinds")
"""What is drawn: the whole price, tokens by kind, or the price of each kind of token."""
COLUMNS = {
    "name": "bucket",
    "requests": "requests",
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "other": "other_pico",
    "price": "price_pico",
}


def shown_by(query: Mapping[str, str]) -> str:
    asked = query.get("show")
    return asked if asked in SHOWN else "price"


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of the rows. `bucket` names a day, an hour (RFC 3339), a model, a service or a key's id."""

    rows: Sequence[UsageRow]
    page: int = 1
    pages: int = 1


def rows_of(
    connection: Connection,
    visitor: Visitor,
    span: Span,
    by: By,
    bins: Bins,
    edges: Sequence[datetime],
    found: Sequence[Bucket],
    fresh: Fresh,
) -> Rows:
    """Sums of what was found between `edges`. Only hours that are finer than those are asked for, a page of them."""
    column, descending = _order(visitor.query, by)
    if by == "hour" and bins.unit != "hour":
        return _some_hours(connection, visitor, span, column, descending, fresh)
    rows = _summed(found, _name_by(by, span, edges))
    rows.sort(key=lambda row: (getattr(row, column), row.bucket), reverse=descending)
    page, pages = _place(visitor.query, len(rows))
    return Rows(rows[(page - 1) * ROWS_MAX : page * ROWS_MAX], page, pages)


def _order(query: Mapping[str, str], by: By) -> tuple[str, bool]:
    """As the address says; times newest first, names dearest first when it does not."""
    usual = "-name" if by in ("day", "hour") else "-price"
    asked = str(query.get("sort") or usual)
    kept = asked if asked.removeprefix("-") in COLUMNS else usual
    column = COLUMNS[kept.removeprefix("-")]
    if shown_by(query) == "kinds":
        column = column.replace("_tokens", "_pico")
    return column, kept.startswith("-")


def _some_hours(
    connection: Connection, visitor: Visitor, span: Span, column: str, descending: bool, fresh: Fresh
) -> Rows:
    hours = usage.HoursUsed(connection, visitor.account_id, span.start, span.end, fresh)
    page, pages = _place(visitor.query, hours.count)
    order = None if column == "bucket" else column
    shown = hours.page(order, descending, (page - 1) * ROWS_MAX, ROWS_MAX)
    return Rows(usage.some_hours(connection, visitor.account_id, shown, fresh), page, pages)


def _place(query: Mapping[str, str], count: int) -> tuple[int, int]:
    """Which page is asked for, of how many."""
    pages = max(1, -(-count // ROWS_MAX))
    asked = str(query.get("page") or "1")
    is_page = asked.isdecimal() and asked.isascii() and int(asked[:6]) > 0
    return (min(int(asked[:6]), pages) if is_page else 1), pages


def _name_by(by: By, span: Span, edges: Sequence[datetime]) -> Callable[[Bucket], str]:
    if by == "day":
        return lambda bucket: edges[bucket.place].astimezone(span.zone).date().isoformat()
    if by == "hour":
        return lambda bucket: clock.rfc3339(edges[bucket.place])
    return lambda bucket: bucket.usage.bucket


def _summed(found: Sequence[Bucket], name: Callable[[Bucket], str]) -> list[UsageRow]:
    named: dict[str, list[UsageRow]] = {}
    for bucket in found:
        named.setdefault(name(bucket), []).append(bucket.usage)
    return [usage.total(rows, each) for each, rows in named.items()]


def in_weeks(found: Sequence[Bucket], days: int) -> list[Bucket]:
    """Days as the weeks that a chart of so many days is drawn in."""
    weeks: dict[int, list[UsageRow]] = {}
    for bucket in found:
        weeks.setdefault((bucket.place + -days % 7) // 7, []).append(bucket.usage)
    return [Bucket(week, usage.total(rows, "")) for week, rows in weeks.items()]
