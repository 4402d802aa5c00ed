"""A span of time as the days of UTC that are nearest to it, and the hours by which they differ from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.clock import hour_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(slots=True)
class Piece:
    """The sums of `unit` that begin in [since, until) are added to the `place`-th span, or taken from it (`sign`)."""

    place: int
    sign: int
    unit: str
    since: datetime
    until: datetime


def pieces_of(spans: Sequence[tuple[datetime, datetime]]) -> list[Piece]:
    """Of spans that begin and end with an hour. A span's pieces come to every moment of it once, and to no other."""
    return [piece for place, (since, until) in enumerate(spans) for piece in _pieces(place, since, until)]


def _pieces(place: int, since: datetime, until: datetime) -> Iterator[Piece]:
    if until - since < DAY:
        yield Piece(place, 1, "hour", since, until)
        return
    first, last = _nearest_day(since), _nearest_day(until)
    yield Piece(place, 1, "day", first, last)
    for begin, end in ((since, first), (last, until)):
        if begin < end:
            yield Piece(place, 1, "hour", begin, end)
        elif end < begin:
            yield Piece(place, -1, "hour", end, begin)


def _nearest_day(moment: datetime) -> datetime:
    """The beginning of a day of UTC that is at most twelve hours away."""
    begun = moment.replace(hour=0)
    return begun if moment.hour <= 12 else begun + DAY


def hours_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The whole hours that overlap [start, end)."""
    return hour_of(start), hour_from(end)


def hour_from(moment: datetime) -> datetime:
    """The first hour that begins at `moment` or after it."""
    begun = hour_of(moment)
    return begun if begun == moment else begun + HOUR
