"""What is likely to come, from the pace of the last four weeks. Figures of the future are a range, never a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from relay.usage.balances import GrantView

DAYS_KNOWN_MIN = 3
DAYS_FOR_WEEKS = 14
DAYS_KNOWN_MAX = 28


@dataclass(frozen=True, slots=True)
class Pace:
    """What a day costs in the slowest and in the fastest stretch of `days`, of `stretches` that were looked at."""

    low_pico: int
    high_pico: int
    days: int
    stretches: int


def pace(spent: Sequence[int]) -> Pace | None:
    """From what each of the last days cost, oldest first, today left out; the first is the first day of use.

    Weeks are compared once there are two whole ones, days before that. None with fewer than three days: that is too
    little to say anything.
    """
    known = spent[-DAYS_KNOWN_MAX:]
    if len(known) < DAYS_KNOWN_MIN:
        return None
    days = 7 if len(known) >= DAYS_FOR_WEEKS else 1
    count = len(known) // days
    whole = known[len(known) - count * days :]
    sums = [sum(whole[n * days : (n + 1) * days]) for n in range(count)]
    return Pace(min(sums) // days, -(-max(sums) // days), days, count)


def credit_ahead(grants: Sequence[GrantView], a_day_pico: int, today: datetime, days: int) -> list[int]:
    """What is left of the grants at the end of each coming day, at that pace: what expires first burns first."""
    left = [(grant.remaining_pico, grant.expires_at) for grant in grants if grant.remaining_pico > 0]
    found: list[int] = []
    for n in range(1, days + 1):
        night = today + timedelta(days=n)
        left = [(pico, until) for pico, until in _burnt(left, a_day_pico) if until is None or until > night]
        found.append(sum(pico for pico, _ in left))
    return found


def _burnt(left: Sequence[tuple[int, datetime | None]], due: int) -> list[tuple[int, datetime | None]]:
    rest: list[tuple[int, datetime | None]] = []
    for pico, until in left:
        taken = min(pico, due)
        due -= taken
        rest.append((pico - taken, until))
    return rest


def runs_out(ahead: Sequence[int], today: date) -> date | None:
    """The day on which nothing is left; None when that is beyond what was looked at."""
    return next((today + timedelta(days=n) for n, left in enumerate(ahead, 1) if left <= 0), None)
