"""What everybody's usage earned in the last thirty days: by day as a chart, by model, and beside the days before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy import Connection

from account_app import spans
from account_app.components.drawn import Axis, Bar, Compared, Slice
from account_app.components.figures import compared, count, dollars, percent, requests, share
from account_app.reading.bars import columns_of, money_axis, round_top, title_of
from account_app.reading.following import day_sum, model_sum
from account_app.session import Visitor
from account_app.spans import Bins, Span, zone_named
from relay import clock, operating
from relay.operating import Margin

COST, MARGIN = ("6", "Upstream cost"), ("1", "Margin")


@dataclass(frozen=True)
class MarginLine:
    """`followed` is what the address says of the requests behind it."""

    followed: str = ""
    name: str = ""
    requests: str = ""
    revenue: str = ""
    cost: str = ""
    margin: str = ""


@dataclass(frozen=True)
class Earned:
    """`margin_share` says what part of the revenue the margin is. A bar is a day's revenue: its cost and its margin."""

    revenue: Compared = field(default_factory=Compared)
    cost: Compared = field(default_factory=Compared)
    margin: Compared = field(default_factory=Compared)
    margin_share: str = ""
    bars: list[Bar] = field(default_factory=list[Bar])
    series: list[Slice] = field(default_factory=list[Slice])
    axis: Axis = field(default_factory=Axis)
    in_words: str = ""
    days: list[MarginLine] = field(default_factory=list[MarginLine])
    models: list[MarginLine] = field(default_factory=list[MarginLine])


def earned_of(connection: Connection, visitor: Visitor) -> Earned:
    """Whole days of the reader's zone, today among them."""
    zone, locale = zone_named(visitor.zone), visitor.locale
    span = spans.span_from({}, clock.now(), zone)
    fresh = operating.new_use(connection, span.before.start, span.end)
    models = operating.by_model(connection, span.start, span.end, fresh)
    days = operating.by_day(connection, span.start, span.end, zone, fresh)
    before = operating.by_model(connection, span.before.start, span.before.end, fresh)
    total, total_before = operating.total_of(models), operating.total_of(before)
    bins = spans.bins_of(span, locale)
    names = {day.isoformat(): name for day, name in zip(span.days, bins.names, strict=True)}
    bars, axis = _bars(bins, _by_place(days, span), locale)
    return Earned(
        revenue=compared(total.revenue_pico, total_before.revenue_pico, dollars, locale),
        cost=compared(total.cost_pico, total_before.cost_pico, dollars, locale),
        margin=compared(total.margin_pico, total_before.margin_pico, dollars, locale),
        margin_share=percent(total.margin_pico, total.revenue_pico, locale),
        bars=bars,
        series=_slices(total, locale),
        axis=axis,
        in_words=f"{dollars(total.revenue_pico, locale)} of revenue and {dollars(total.margin_pico, locale)} of margin "
        f"in {len(bars)} days.",
        days=[_line(each, day_sum(each.bucket), names[each.bucket], locale) for each in days],
        models=[_line(each, model_sum(each.bucket), title_of(each.bucket, {}), locale) for each in models],
    )


def _by_place(days: Sequence[Margin], span: Span) -> dict[int, Margin]:
    return {(date.fromisoformat(each.bucket) - span.first).days: each for each in days}


def _bars(bins: Bins, days: Mapping[int, Margin], locale: str) -> tuple[list[Bar], Axis]:
    top = round_top(max(map(_height, days.values()), default=0))
    nothing = Margin("", 0, 0, 0)
    bars = [
        replace(
            column,
            value=dollars(day.revenue_pico, locale),
            detail=requests(day.requests, locale),
            share=share(_height(day), top),
            slices=_slices(day, locale) if day.requests else [],
        )
        for column, day in ((column, days.get(n, nothing)) for n, column in enumerate(columns_of(bins)))
    ]
    return bars, money_axis(top, locale)


def _height(day: Margin) -> int:
    """A day that cost more than it brought is as tall as its cost."""
    return max(day.revenue_pico, day.cost_pico)


def _slices(total: Margin, locale: str) -> list[Slice]:
    amounts = ((*COST, total.cost_pico), (*MARGIN, total.margin_pico))
    whole = _height(total)
    return [Slice(series, name, dollars(pico, locale), share(pico, whole)) for series, name, pico in amounts]


def _line(each: Margin, followed: str, name: str, locale: str) -> MarginLine:
    amounts = (each.revenue_pico, each.cost_pico, each.margin_pico)
    return MarginLine(followed, name, count(each.requests, locale), *(dollars(pico, locale) for pico in amounts))
