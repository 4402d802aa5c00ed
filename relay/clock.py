"""The one clock. Everything that asks for the time asks here, so a test can move it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

_offset = timedelta()
_NOBODYS_ZONES = {"localtime", "posixrules", "Factory"}
"""Files beside the zones: the zone of this machine, and stand-ins for none."""


def now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return datetime.now(UTC) + _offset


def move(by: timedelta) -> None:
    """Moves this process's clock; `account-app sync --until` and tests use it. Moves add up."""
    global _offset
    _offset += by


def set_back_to_real_time() -> None:
    """Ends every move."""
    global _offset
    _offset = timedelta()


def rfc3339(moment: datetime) -> str:
    """`2026-11-24T10:00:00.000Z`: milliseconds, always UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hour_of(moment: datetime) -> datetime:
    """The UTC hour that holds `moment`; roll-ups are keyed by it."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@cache
def zones() -> frozenset[str]:
    """The IANA names that a person may give. Asked instead of opening a file by a name that anybody may choose."""
    return frozenset(available_timezones() - _NOBODYS_ZONES)
