"""The usage page: sums of a span of days, beside those of as many days before, as a chart and as a table."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from urllib.parse import urlencode

from sqlalchemy import Connection

from account_app import spans
from account_app.components.drawn import Axis, Bar, Compared, Slice
from account_app.components.figures import compared, count, dollars, exact, hour_of, whole_day
from account_app.reading.bars import bars_of, in_words, title_of
from account_app.reading.requests import NO_KEY
from account_app.reading.rows import COLUMNS, in_weeks, rows_of, shown_by
from account_app.session import Visitor
from account_app.spans import Bins, By, Span, zone_named
from relay import clock, usage
from relay.usage import Split, UsageRow

SORTS = tuple(COLUMNS)
SERVICES = {"claude": "Claude", "storage": "Storage"}


@dataclass(frozen=True)
class UsageLine:
    """One row of the usage page's table: a time, a model, a service or a key. `address` is where its requests are."""

    name: str = ""
    requests: str = "0"
    input: str = "0"
    output: str = "0"
    cache_read: str = "0"
    cache_write: str = "0"
    other: str = ""
    price: str = "$0.00"
    exact: str = "$0"
    address: str = ""


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
    axis: Axis = field(default_factory=Axis)
    in_words: str = ""
    price: Compared = field(default_factory=Compared)
    requests: Compared = field(default_factory=Compared)
    tokens_in: Compared = field(default_factory=Compared)
    tokens_out: Compared = field(default_factory=Compared)
    lines: list[UsageLine] = field(default_factory=list[UsageLine])
    total: UsageLine = field(default_factory=UsageLine)
    page: int = 1
    pages: int = 1


def usage_of(connection: Connection, visitor: Visitor) -> UsageFigures:
    """Reads the roll-ups of the span and of the one before; the table's rows and the chart's bars are sums of them."""
    account_id, locale, query = visitor.account_id, visitor.locale, visitor.query
    span = spans.span_from(query, clock.now(), zone_named(visitor.zone))
    by = spans.by_from(query)
    show = shown_by(query)
    split: Split | None = by if by in ("model", "service", "key") else None
    bins = spans.bins_of(span, locale, by)
    edges = spans.edges_of(span, "day") if by == "day" and bins.unit == "week" else bins.edges
    fresh = usage.fresh_of(connection, account_id, span.before.start, span.end)
    found = usage.buckets(connection, account_id, edges, split, fresh)
    before = usage.buckets(connection, account_id, spans.edges_of(span.before, bins.unit), None, fresh)
    names = _names(connection, account_id, by)
    total, total_before = (usage.total(bucket.usage for bucket in each) for each in (found, before))
    shown = rows_of(connection, visitor, span, by, bins, edges, found, fresh)
    drawn = found if edges is bins.edges else in_weeks(found, span.length)
    everything = _log(span.first, span.last)
    bars, series, axis = bars_of(
        bins,
        drawn,
        before,
        names,
        locale,
        show,
        lambda name: _log_of(name, by, span) if split and show == "price" else everything,
    )
    return UsageFigures(
        first=span.first.isoformat(),
        last=span.last.isoformat(),
        days="the day before" if span.length == 1 else f"the {count(span.length, locale)} days before",
        csv=urlencode({**_csv_span(span), "by": by, "zone": visitor.zone}),
        bars=[replace(bar, address=log) for bar, log in zip(bars, _logs_of(bins, span), strict=True)],
        series=series,
        unit=bins.unit,
        axis=axis,
        in_words=in_words(total, bars, bins, locale),
        price=compared(total.price_pico, total_before.price_pico, dollars, locale),
        requests=compared(total.requests, total_before.requests, count, locale),
        tokens_in=compared(_all_input(total), _all_input(total_before), count, locale),
        tokens_out=compared(total.output_tokens, total_before.output_tokens, count, locale),
        lines=[_named(row, by, span, names, locale, show) for row in shown.rows],
        total=_line(total, "Total", everything, locale, show),
        page=shown.page,
        pages=shown.pages,
    )


def _csv_span(span: Span) -> dict[str, object]:
    """The same hours for the API. It reads a date as the whole of that day; the hours of our days may begin later."""
    if span.start == datetime.combine(span.first, time(), span.zone):
        return {"from": span.first, "to": span.last}
    return {"from": clock.rfc3339(span.start), "to": clock.rfc3339(span.end)}


def _names(connection: Connection, account_id: str, by: By) -> dict[str, str]:
    return usage.key_names(connection, account_id) if by == "key" else SERVICES if by == "service" else {}


def _named(row: UsageRow, by: By, span: Span, names: dict[str, str], locale: str, show: str) -> UsageLine:
    return _line(row, _name(row, by, span, names, locale), _log_of(row.bucket, by, span), locale, show)


def _name(row: UsageRow, by: By, span: Span, names: dict[str, str], locale: str) -> str:
    if by == "day":
        return whole_day(date.fromisoformat(row.bucket), locale)
    if by == "hour":
        at = datetime.fromisoformat(row.bucket).astimezone(span.zone)
        return f"{whole_day(at.date(), locale)}, {hour_of(at, locale)}"
    return title_of(row.bucket, names)


def _log_of(bucket: str, by: By, span: Span) -> str:
    """The address of the requests that a row of the table, or a colour of the chart, is the sum of."""
    if by == "day":
        return _log(bucket, bucket)
    if by == "hour":
        return _log(span.first, span.last, hour=bucket)
    if bucket == "storage":
        return _log(span.first, span.last, model=bucket)
    if by == "service":
        return _log(span.first, span.last)
    return _log(span.first, span.last, **{by: bucket or NO_KEY})


def _logs_of(bins: Bins, span: Span) -> list[str]:
    """The addresses of the requests that the columns of the chart are the sums of."""
    if bins.unit == "hour":
        return [_log(span.first, span.last, hour=clock.rfc3339(edge)) for edge in bins.edges[:-1]]
    days = [edge.astimezone(span.zone).date() for edge in bins.edges]
    return [_log(first, after - timedelta(days=1)) for first, after in pairwise(days)]


def _log(first: date | str, last: date | str, **more: str) -> str:
    return "/requests?" + urlencode({"from": first, "to": last, **more})


def _line(row: UsageRow, name: str, address: str, locale: str, show: str) -> UsageLine:
    """Each kind of token as how many there were or, where their price is shown, as what they cost."""
    words, unit = (dollars, "pico") if show == "kinds" else (count, "tokens")
    kinds = ("input", "output", "cache_read", "cache_write")
    return UsageLine(
        name=name,
        requests=count(row.requests, locale),
        **{kind: words(getattr(row, f"{kind}_{unit}"), locale) for kind in kinds},
        other=dollars(row.other_pico, locale) if show == "kinds" else "",
        price=dollars(row.price_pico, locale),
        exact=exact(row.price_pico, locale),
        address=address,
    )


def _all_input(row: UsageRow) -> int:
    return row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
