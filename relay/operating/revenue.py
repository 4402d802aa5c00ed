"""What everybody was charged and what upstream charged us, from the hourly roll-ups of all accounts.

A sum over many accounts may pass 64 bits, which SQLite refuses: so amounts are summed in two halves, joined in Python.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from relay import clock
from relay.tables import UsageHour, table

hours = table(UsageHour)
HALF = 10**6


class Margin(NamedTuple):
    """A model, a day (`2026-11-24`) or `total`. Revenue is what usage is charged at, paid or not."""

    bucket: str
    requests: int
    revenue_pico: int
    cost_pico: int

    @property
    def margin_pico(self) -> int:
        return self.revenue_pico - self.cost_pico


def by_model(connection: Connection, start: datetime, end: datetime) -> list[Margin]:
    """The UTC hours that overlap [start, end); the dearest first. Storage is a model of its own name."""
    query = _within(select(hours.c.model, *_SUMS), start, end).group_by(hours.c.model)
    found = [_margin(row[0] or "storage", row[1:]) for row in connection.execute(query)]
    return sorted(found, key=lambda each: (-each.revenue_pico, each.bucket))


def by_day(connection: Connection, start: datetime, end: datetime, zone: tzinfo) -> list[Margin]:
    """Days of that zone with use, the newest first."""
    query = _within(select(hours.c.hour, *_SUMS), start, end).group_by(hours.c.hour)
    days: dict[str, list[Margin]] = defaultdict(list)
    for row in connection.execute(query):
        day = row[0].astimezone(zone).date().isoformat()
        days[day].append(_margin(day, row[1:]))
    return [total_of(days[day], day) for day in sorted(days, reverse=True)]


def total_of(margins: Iterable[Margin], name: str = "total") -> Margin:
    kept = list(margins)
    return Margin(
        name,
        sum(m.requests for m in kept),
        sum(m.revenue_pico for m in kept),
        sum(m.cost_pico for m in kept),
    )


_SUMS = (
    func.sum(hours.c.requests),
    func.sum(hours.c.price_pico.op("/")(HALF)),
    func.sum(hours.c.price_pico.op("%")(HALF)),
    func.sum(hours.c.cost_pico.op("/")(HALF)),
    func.sum(hours.c.cost_pico.op("%")(HALF)),
)


def _margin(name: str, sums: Iterable[Any]) -> Margin:
    requests, *halves = (int(value) for value in sums)
    return Margin(name, requests, halves[0] * HALF + halves[1], halves[2] * HALF + halves[3])


def _within(query: Any, start: datetime, end: datetime) -> Any:
    return query.where(hours.c.hour >= clock.hour_of(start), hours.c.hour < end)
