"""The usage page: sums of a span of days, beside those of as many days before, as a chart and as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlencode

from account_app import spans
from account_app.components.chart import Bar, Slice
from account_app.components.figures import change, count, dollars, whole_day
from account_app.reading.bars import bars_of, in_words, title_of
from account_app.session import Visitor
from account_app.spans import Bins, By, Span, zone_named
from relay import clock, usage
from relay.money import usd
from relay.usage import Bucket, Split, UsageRow

ROWS_MAX = 60
SORTS = ("name", "requests", "input", "output", "cache_read", "cache_write", "price")
SERVICES = {"claude": "Claude", "storage": "Storage"}


@dataclass(frozen=True)
class UsageLine:
    """One row of the usage page's table: a time, a model, a service or a key. `requests_at` is where its log is."""

    name: str = ""
    requests: str = "0"
    input: str = "0"
    output: str = "0"
    cache_read: str = "0"
    cache_write: str = "0"
    price: str = "$0.00"
    exact: str = "$0"
    requests_at: str = ""


@dataclass(frozen=True)
class Compared:
    """A figure of these days beside that of as many days before; `change` is empty when there was none."""

    value: str = ""
    before: str = ""
    change: str = ""


@dataclass(frozen=True)
class UsageFigures:
    """`first` and `last` are the dates that are shown, `csv` the query of the same figures as a file."""

    first: str = ""
    last: str = ""
    days: str = ""
    csv: str = ""
    bars: list[Bar] = field(default_factory=list[Bar])
    series: list[Slice] = field(default_factory=list[Slice])
    unit: str = "day"
    top: str = ""
    in_words: str = ""
    price: Compared = field(default_factory=Compared)
    requests: Compared = field(default_factory=Compared)
    tokens_in: Compared = field(default_factory=Compared)
    tokens_out: Compared = field(default_factory=Compared)
    lines: list[UsageLine] = field(default_factory=list[UsageLine])
    total: UsageLine = field(default_factory=UsageLine)
    page: int = 1
    pages: int = 1


def usage_of(connection: Any, visitor: Visitor) -> UsageFigures:
    """Reads the roll-ups of the span and of the one before; the table's rows and the chart's bars are sums of them."""
    account_id, locale, query = visitor.account_id, visitor.locale, visitor.query
    span = spans.span_from(query, clock.now(), zone_named(visitor.zone))
    by = spans.by_from(query)
    split: Split | None = by if by in ("model", "service", "key") else None
    bins = spans.bins_of(span, locale, by)
    found = usage.buckets(connection, account_id, bins.edges, split)
    earlier = spans.bins_of(span.before, locale, by)
    before = usage.buckets(connection, account_id, earlier.edges)
    names = _names(connection, account_id, by)
    total, total_before = _sum("total", found), _sum("total", before)
    rows = _rows(connection, visitor, span, by, bins, found)
    page, pages, lines = _page(_sorted(rows, query, by), query, by, span, names, locale)
    as_tokens = query.get("show") == "tokens"
    bars, series, top = bars_of(bins, found, before, names, locale, as_tokens)
    return UsageFigures(
        first=span.first.isoformat(),
        last=span.last.isoformat(),
        days="the day before" if len(span.days) == 1 else f"the {count(len(span.days), locale)} days before",
        csv=urlencode({**_csv_span(span), "by": by, "zone": visitor.zone}),
        bars=bars,
        series=series,
        unit=bins.unit,
        top=top,
        in_words=in_words(total, bars, bins, locale),
        price=_compared(total.price_pico, total_before.price_pico, dollars, locale),
        requests=_compared(total.requests, total_before.requests, count, locale),
        tokens_in=_compared(_all_input(total), _all_input(total_before), count, locale),
        tokens_out=_compared(total.output_tokens, total_before.output_tokens, count, locale),
        lines=lines,
        total=_line(total, "Total", "", locale),
        page=page,
        pages=pages,
    )


def _csv_span(span: Span) -> dict[str, object]:
    """The same hours for the API. It reads a date as the whole of that day; the hours of our days may begin later."""
    if span.start == datetime.combine(span.first, time(), span.zone):
        return {"from": span.first, "to": span.last}
    return {"from": clock.rfc3339(span.start), "to": clock.rfc3339(span.end)}


def _names(connection: Any, account_id: str, by: By) -> dict[str, str]:
    return usage.key_names(connection, account_id) if by == "key" else SERVICES if by == "service" else {}


def _rows(connection: Any, visitor: Visitor, span: Span, by: By, bins: Bins, found: Sequence[Bucket]) -> list[UsageRow]:
    """By name, the chart's own sums; by time, those of each day or hour, which may be finer than the bars."""
    if by in ("model", "service", "key"):
        kept = dict.fromkeys(bucket.usage.bucket for bucket in found)
        return [_sum(name, (b for b in found if b.usage.bucket == name)) for name in kept]
    if by == "day" and bins.unit == "day":
        return [replace(b.usage, bucket=span.days[b.place].isoformat()) for b in found]
    return list(usage.usage(connection, visitor.account_id, span.start, span.end, by, visitor.zone).rows)


def _sum(name: str, buckets: Iterable[Bucket]) -> UsageRow:
    kept = [bucket.usage for bucket in buckets]
    names = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "price_pico")
    return UsageRow(name, *(sum(getattr(row, each) for row in kept) for each in names))


def _sorted(rows: list[UsageRow], query: Any, by: By) -> list[UsageRow]:
    """As the address says; times newest first, names dearest first when it does not."""
    asked = str(query.get("sort") or ("-name" if by in ("day", "hour") else "-price"))
    column = asked.removeprefix("-")
    if column not in SORTS:
        return rows
    field_of = {"name": "bucket", "price": "price_pico", "requests": "requests"}.get(column, f"{column}_tokens")
    return sorted(rows, key=lambda row: (getattr(row, field_of), row.bucket), reverse=asked.startswith("-"))


def _page(
    rows: list[UsageRow], query: Any, by: By, span: Span, names: dict[str, str], locale: str
) -> tuple[int, int, list[UsageLine]]:
    pages = max(1, -(-len(rows) // ROWS_MAX))
    asked = str(query.get("page") or "1")
    page = min(int(asked), pages) if asked.isdecimal() and asked.isascii() and int(asked[:6]) > 0 else 1
    shown = rows[(page - 1) * ROWS_MAX : page * ROWS_MAX]
    return (
        page,
        pages,
        [_line(row, _name(row, by, span, names, locale), _log_of(row, by, span), locale) for row in shown],
    )


def _name(row: UsageRow, by: By, span: Span, names: dict[str, str], locale: str) -> str:
    if by == "day":
        return whole_day(date.fromisoformat(row.bucket), locale)
    if by == "hour":
        at = datetime.fromisoformat(row.bucket).astimezone(span.zone)
        return f"{whole_day(at.date(), locale)}, {at:%H:%M}"
    return title_of(row.bucket, names)


def _log_of(row: UsageRow, by: By, span: Span) -> str:
    """The query of the requests that a row is the sum of; empty where the log cannot be asked for just them."""
    days = {"from": span.first.isoformat(), "to": span.last.isoformat()}
    if by == "day":
        return urlencode({"from": row.bucket, "to": row.bucket})
    if by in ("model", "key") and row.bucket not in ("", "storage"):
        return urlencode({**days, by: row.bucket})
    return ""


def _line(row: UsageRow, name: str, requests_at: str, locale: str) -> UsageLine:
    return UsageLine(
        name=name,
        requests=count(row.requests, locale),
        input=count(row.input_tokens, locale),
        output=count(row.output_tokens, locale),
        cache_read=count(row.cache_read_tokens, locale),
        cache_write=count(row.cache_write_tokens, locale),
        price=dollars(row.price_pico, locale),
        exact=f"${usd(row.price_pico)}",
        requests_at=requests_at,
    )


def _compared(now: int, before: int, words: Any, locale: str) -> Compared:
    return Compared(words(now, locale), words(before, locale), change(now, before, locale))


def _all_input(row: UsageRow) -> int:
    return row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
