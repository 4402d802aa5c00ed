"""Spans of days in the reader's zone, from the address of the usage page, and the bars that show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal

from account_app.components.chart import Bar
from account_app.components.figures import count, dollars, share

By = Literal["day", "model", "service"]
BYS: tuple[By, ...] = ("day", "model", "service")
PRESETS = {"30d": "30 days", "7d": "7 days", "month": "This month", "last-month": "Last month"}
DAYS_MAX = 366
LABELS_MAX = 7


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, both included, in `zone`. `preset` is its name in the address; `custom` for two dates."""

    preset: str
    first: date
    last: date
    zone: tzinfo

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone).astimezone(UTC)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def span_from(query: Mapping[str, Any], now: datetime, zone: tzinfo) -> Span:
    """Reads `?range=7d` or `?from=2026-11-01&to=2026-11-24`. Whatever cannot be read becomes the last 30
    days.
    """
    today = now.astimezone(zone).date()
    first, last = _date(query.get("from")), _date(query.get("to"))
    if first and last and first <= last and (last - first).days < DAYS_MAX:
        return Span("custom", first, last, zone)
    preset = query.get("range")
    if preset == "7d":
        return Span("7d", today - timedelta(days=6), today, zone)
    if preset == "month":
        return Span("month", today.replace(day=1), today, zone)
    if preset == "last-month":
        end = today.replace(day=1) - timedelta(days=1)
        return Span("last-month", end.replace(day=1), end, zone)
    return Span("30d", today - timedelta(days=29), today, zone)


def by_from(query: Mapping[str, Any]) -> By:
    wanted = query.get("by")
    for by in BYS:
        if by == wanted:
            return by
    return "day"


def bars_of(rows: Sequence[Any], days: Sequence[date]) -> list[Bar]:
    """A bar for every day, also for those without use. `rows` are relay.usage rows by day."""
    found = {row.bucket: row for row in rows}
    prices = [found[d.isoformat()].price_pico if d.isoformat() in found else 0 for d in days]
    top = max(prices, default=0)
    every = -(-len(days) // LABELS_MAX)
    return [
        Bar(
            label=f"{day:%b} {day.day}" if (len(days) - 1 - i) % every == 0 else "",
            name=f"{day:%a}, {day:%b} {day.day}",
            value=dollars(price),
            detail=_requests(found[day.isoformat()].requests if day.isoformat() in found else 0),
            share=share(price, top),
        )
        for i, (day, price) in enumerate(zip(days, prices, strict=True))
    ]


def top_of(rows: Sequence[Any]) -> str:
    """The value at the upper line of the chart."""
    return dollars(max((row.price_pico for row in rows), default=0))


def in_words(rows: Sequence[Any], days: Sequence[date]) -> str:
    """The chart in one sentence."""
    spent = sum(row.price_pico for row in rows)
    most = max(rows, key=lambda row: row.price_pico, default=None)
    peak = f", the most on {most.bucket}: {dollars(most.price_pico)}" if most else ""
    length = "1 day" if len(days) == 1 else f"{len(days)} days"
    return f"{dollars(spent)} in {length}{peak}."


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{count(number)} requests"


def _date(text: Any) -> date | None:
    if not isinstance(text, str) or len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
