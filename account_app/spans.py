"""Spans of days in the reader's zone, from the address of a page, and the bars that they are drawn as."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from account_app.components.figures import day, hour_of, whole_day
from relay.usage import midnight

By = Literal["day", "hour", "model", "service", "key"]
Unit = Literal["hour", "day", "week"]
BYS: tuple[By, ...] = ("day", "hour", "model", "service", "key")
PRESETS = {
    "today": "Today",
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
    "last-month": "Last month",
    "12m": "12 months",
}
DEFAULT_PRESET = "30d"
DAYS_MAX = 366
LABELS_MAX = 7
HOURS_OF_DAYS_MAX = 2
HOURS_WHEN_ASKED_DAYS_MAX = 7
DAYS_AS_BARS_MAX = 62
DAYS_OF = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, both included, in `zone`. `preset` is its name in the address; `custom` for two dates."""

    preset: str
    first: date
    last: date
    zone: tzinfo

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment after the last day."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def length(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.length)]

    @property
    def before(self) -> "Span":
        """As many days, right before these."""
        length = timedelta(days=self.length)
        return Span("custom", self.first - length, self.last - length, self.zone)


@dataclass(frozen=True, slots=True)
class Bins:
    """What a chart's bars stand for: their edges in UTC, one more than bars, and their names."""

    edges: list[datetime]
    labels: list[str]
    names: list[str]
    unit: Unit


def zone_named(zone: str) -> tzinfo:
    return UTC if zone == "UTC" else ZoneInfo(zone)


def span_from(query: Mapping[str, Any], now: datetime, zone: tzinfo) -> Span:
    """Reads `?range=7d` or `?from=2026-11-01&to=2026-11-24`. Whatever cannot be read becomes the last 30
    days.
    """
    today = now.astimezone(zone).date()
    first, last = _date(query.get("from")), _date(query.get("to"))
    if first and last and first <= last and (last - first).days < DAYS_MAX:
        return Span("custom", first, last, zone)
    preset = query.get("range")
    if preset == "month":
        return Span("month", today.replace(day=1), today, zone)
    if preset == "last-month":
        end = today.replace(day=1) - timedelta(days=1)
        return Span("last-month", end.replace(day=1), end, zone)
    lengths = {"today": 1, "7d": 7, "12m": 365}
    chosen = preset if isinstance(preset, str) and preset in lengths else DEFAULT_PRESET
    return Span(chosen, today - timedelta(days=lengths.get(chosen, 30) - 1), today, zone)


def by_from(query: Mapping[str, Any]) -> By:
    wanted = query.get("by")
    for by in BYS:
        if by == wanted:
            return by
    return "day"


def unit_of(span: Span, by: By = "day") -> Unit:
    """Hours of a day or two, days of two months, weeks of anything longer."""
    count = span.length
    if count <= HOURS_OF_DAYS_MAX or (by == "hour" and count <= HOURS_WHEN_ASKED_DAYS_MAX):
        return "hour"
    return "day" if count <= DAYS_AS_BARS_MAX else "week"


def edges_of(span: Span, unit: Unit) -> list[datetime]:
    """Where each hour, day or week of the span begins, and where the last one ends; in UTC."""
    if unit == "hour":
        count = int((span.end - span.start).total_seconds() // 3600)
        return [span.start + timedelta(hours=n) for n in range(count + 1)]
    return [*(midnight(d, span.zone) for d in _starts(span, unit)), span.end]


def _starts(span: Span, unit: Unit) -> list[date]:
    """The first days of its days or weeks. Weeks end with the span: one that is cut is the first, not the latest."""
    length = DAYS_OF[unit]
    places = (0, *range(span.length % length or length, span.length, length))
    return [span.first + timedelta(days=n) for n in places]


def bins_of(span: Span, locale: str, by: By = "day") -> Bins:
    unit = unit_of(span, by)
    edges = edges_of(span, unit)
    if unit == "hour":
        return _hours(span, edges, locale)
    starts = _starts(span, unit)
    names = [whole_day(d, locale) if unit == "day" else f"Week from {day(d, locale)}" for d in starts]
    return Bins(edges, _thinned([day(d, locale) for d in starts]), names, unit)


def _hours(span: Span, edges: list[datetime], locale: str) -> Bins:
    here = [edge.astimezone(span.zone) for edge in edges[:-1]]
    hours = [hour_of(at, locale) for at in here]
    names = [f"{whole_day(at.date(), locale)}, {hour}" for at, hour in zip(here, hours, strict=True)]
    many = span.length > HOURS_OF_DAYS_MAX
    labels = [day(at.date(), locale) if at.hour == 0 else "" for at in here] if many else _thinned(hours)
    return Bins(edges, labels, names, "hour")


def _thinned(labels: list[str]) -> list[str]:
    """As many as there is room for, the last one among them."""
    every = -(-len(labels) // LABELS_MAX)
    return [label if (len(labels) - 1 - n) % every == 0 else "" for n, label in enumerate(labels)]


def _date(text: Any) -> date | None:
    if not isinstance(text, str) or len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
