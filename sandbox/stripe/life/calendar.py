"""Billing periods: a month later is the same day of the next month, or its last."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

SECONDS = {"day": 86_400, "week": 7 * 86_400}
MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, interval: str, count: int, number: int) -> int:
    """The Unix time at which the period with this number begins; the first one, 0, begins at the anchor."""
    if interval in SECONDS:
        return anchor + SECONDS[interval] * count * number
    first = datetime.fromtimestamp(anchor, UTC)
    months = first.year * 12 + first.month - 1 + MONTHS[interval] * count * number
    year, month = divmod(months, 12)
    day = min(first.day, calendar.monthrange(year, month + 1)[1])
    return int(first.replace(year=year, month=month + 1, day=day).timestamp())


def next_boundary(anchor: int, interval: str, count: int, after: int) -> int:
    """The first boundary that comes after a time."""
    number = max(0, int((after - anchor) // (boundary(anchor, interval, count, 1) - anchor + 4 * 86_400)))
    while boundary(anchor, interval, count, number) <= after:
        number += 1
    return boundary(anchor, interval, count, number)
