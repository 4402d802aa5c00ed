"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def day(at: int | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%-d %B %Y}"


def moment(at: float | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
