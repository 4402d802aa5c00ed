"""A span of time as the hours and the days of UTC that it is made of: days where it can be, hours at its edges."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from relay.clock import hour_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Piece(NamedTuple):
    """The sums of `unit` that begin in [since, until) belong to the `place`-th span."""

    place: int
    unit: str
    since: datetime
    until: datetime


def pieces_of(spans: Sequence[tuple[datetime, datetime]]) -> list[Piece]:
    """Of spans that begin and end with an hour. A span's pieces touch every moment of it once."""
    return [piece for place, (since, until) in enumerate(spans) for piece in _pieces(place, since, until)]


def _pieces(place: int, since: datetime, until: datetime) -> Iterator[Piece]:
    first, last = day_from(since), until.replace(hour=0)
    if first >= last:
        yield Piece(place, "hour", since, until)
        return
    if since < first:
        yield Piece(place, "hour", since, first)
    yield Piece(place, "day", first, last)
    if last < until:
        yield Piece(place, "hour", last, until)


def day_from(moment: datetime) -> datetime:
    """The first day of UTC that begins at `moment` or after it."""
    begun = moment.replace(hour=0)
    return begun if begun == moment else begun + DAY


def hours_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The whole hours that overlap [start, end)."""
    return hour_of(start), hour_from(end)


def hour_from(moment: datetime) -> datetime:
    """The first hour that begins at `moment` or after it."""
    begun = hour_of(moment)
    return begun if begun == moment else begun + HOUR
