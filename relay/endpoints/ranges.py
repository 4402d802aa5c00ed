"""`from`, `to`, `by`, `zone`, `limit`: what the query of a reading route says, or which field is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from relay import clock
from relay.errors import BadInput
from relay.usage import BYS, By

DEFAULT_SPAN = timedelta(days=30)
HOURS_SPAN_MAX = timedelta(days=400)
EXAMPLE_DATE = "2026-11-24"
EXAMPLE_MOMENT = "2026-11-24T10:00:00Z"
LIMIT_DEFAULT, LIMIT_MAX = 50, 200

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A plus sign that was not escaped arrives as a space. Nanoseconds, as Go and Java write them, are cut to microseconds.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?)(?:([Zz])|([ +-]\d\d:\d\d))", re.ASCII)
_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Range:
    """The moments [start, end), how they are to be grouped, and in which zone days begin."""

    start: datetime
    end: datetime
    by: By
    zone: str


def read_range(query: Mapping[str, str], now: datetime) -> Range:
    """The last 30 days by default. A date is the whole of that day in `zone`, also as `to`.

    BadInput, naming the field and giving an example, on anything else; also on hours of more than 400 days.
    """
    by, zone = _by(query), _zone(query)
    place = UTC if zone == "UTC" else ZoneInfo(zone)
    end = _moment(query, "to", place, end_of_day=True) or now
    start = _moment(query, "from", place, end_of_day=False) or end - DEFAULT_SPAN
    if start > end:
        raise BadInput("`from` is not after `to`.", field="from")
    if by == "hour" and end - start > HOURS_SPAN_MAX:
        raise BadInput(f"`by=hour` covers at most {HOURS_SPAN_MAX.days} days. Ask for fewer, or by=day.", field="by")
    return Range(start, end, by, zone)


def read_limit(query: Mapping[str, str]) -> int:
    given = query.get("limit")
    if given is None:
        return LIMIT_DEFAULT
    if not re.fullmatch(r"\d{1,4}", given, re.ASCII) or not 1 <= int(given) <= LIMIT_MAX:
        raise BadInput(f"`limit` is a number from 1 to {LIMIT_MAX}, such as {LIMIT_DEFAULT}.", field="limit")
    return int(given)


def _by(query: Mapping[str, str]) -> By:
    given = query.get("by", "day")
    for by in BYS:
        if by == given:
            return by
    raise BadInput(f"`by` is one of {', '.join(BYS)}.", field="by")


def _zone(query: Mapping[str, str]) -> str:
    given = query.get("zone", "UTC")
    if given != "UTC" and given not in clock.zones():
        raise BadInput("`zone` is the IANA name of a time zone, such as Europe/Berlin.", field="zone")
    return given


def _moment(query: Mapping[str, str], name: str, place: tzinfo, *, end_of_day: bool) -> datetime | None:
    given = query.get(name)
    if given is None:
        return None
    try:
        moment = _read_date(given, place, end_of_day) if _DATE.fullmatch(given) else _read_moment(given)
    except ValueError:
        raise BadInput(
            f"`{name}` is a date or an RFC 3339 time, such as {EXAMPLE_DATE} or {EXAMPLE_MOMENT}.", field=name
        ) from None
    if moment.year not in _YEARS:
        raise BadInput(f"`{name}` is in one of the years 2000 to 2199, such as {EXAMPLE_DATE}.", field=name)
    return moment


def _read_date(given: str, place: tzinfo, end_of_day: bool) -> datetime:
    day = date.fromisoformat(given)
    if day.year not in _YEARS:
        return datetime(day.year, 1, 1, tzinfo=UTC)
    return datetime.combine(day + timedelta(days=end_of_day), time(), place).astimezone(UTC)


def _read_moment(given: str) -> datetime:
    found = _MOMENT.fullmatch(given)
    if found is None:
        raise ValueError(given)
    offset = "+00:00" if found[2] else found[3].replace(" ", "+")
    moment = datetime.fromisoformat(found[1].upper() + offset)
    return moment.astimezone(UTC) if moment.year in _YEARS else moment
