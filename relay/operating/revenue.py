"""What everybody was charged and what upstream charged us, from the sums over all accounts.

A sum over many accounts may pass 64 bits, which SQLite refuses: so amounts are summed in two halves, joined in Python.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from sqlalchemy import Connection

from relay.sums import Group, hours_of
from relay.tables import EVERYBODY
from relay.usage import midnight
from relay.usage.summed import Spans, Split, fresh_of_everybody, placed, rolled

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


def new_use(connection: Connection, start: datetime, end: datetime) -> Sequence[Group]:
    """What was used in the UTC hours that overlap [start, end) and is in nobody's sums yet: read once for a page."""
    return fresh_of_everybody(connection, *hours_of(start, end))


def by_model(
    connection: Connection, start: datetime, end: datetime, fresh: Sequence[Group] | None = None
) -> list[Margin]:
    """The UTC hours that overlap [start, end); the dearest first. Storage is a model of its own name."""
    found = _summed(connection, [hours_of(start, end)], "model", fresh)
    margins = [total_of(each, name or "storage") for (_, name), each in found.items()]
    return sorted(margins, key=lambda each: (-each.revenue_pico, each.bucket))


def by_day(
    connection: Connection, start: datetime, end: datetime, zone: tzinfo, fresh: Sequence[Group] | None = None
) -> list[Margin]:
    """Days of that zone with use, the newest first."""
    start, end = hours_of(start, end)
    first, last = (at.astimezone(zone).date() for at in (start, end))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    spans = [(max(start, midnight(d, zone)), min(end, midnight(d + timedelta(days=1), zone))) for d in days]
    kept = [(d, span) for d, span in zip(days, spans, strict=True) if span[0] < span[1]]
    found = _summed(connection, [span for _, span in kept], "", fresh)
    return [total_of(found[place, ""], kept[place][0].isoformat()) for place, _ in sorted(found, reverse=True)]


def total_of(margins: Iterable[Margin], name: str = "total") -> Margin:
    kept = list(margins)
    return Margin(
        name,
        sum(m.requests for m in kept),
        sum(m.revenue_pico for m in kept),
        sum(m.cost_pico for m in kept),
    )


def _summed(
    connection: Connection, spans: Spans, split: Split, fresh: Sequence[Group] | None
) -> dict[tuple[int, str], list[Margin]]:
    found: dict[tuple[int, str], list[Margin]] = {}
    for place, name, *halves in rolled(connection, EVERYBODY, spans, split, _HALVES):
        if any(halves):
            found[place, name] = [_margin(halves)]
    if fresh is None:
        fresh = new_use(connection, spans[0][0], spans[-1][1])
    for key, group in placed(fresh, spans, split):
        requests, *_, cost_pico, price_pico = group.sums[:7]
        found.setdefault(key, []).append(Margin("", requests, price_pico, cost_pico))
    return found


_HALVES = (
    "sums.requests",
    *(f"(sums.{name} {sign} {HALF})" for name in ("price_pico", "cost_pico") for sign in ("/", "%")),
)


def _margin(halves: Sequence[int]) -> Margin:
    requests, price, price_rest, cost, cost_rest = halves
    return Margin("", requests, price * HALF + price_rest, cost * HALF + cost_rest)
