"""How long credit lasts: the thirty days behind, and what the slowest and the fastest pace make of the days to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from account_app.components.drawn import Bar, Fall, Point, Tick
from account_app.components.figures import dated, day, dollars, spendable
from account_app.reading.bars import money_axis, round_top
from account_app.spans import midnight
from relay import usage
from relay.money import PICO_PER_USD
from relay.usage import BalanceView, Pace

BEHIND_DAYS, AHEAD_DAYS = 29, 30
LOOK_DAYS = 365
"""Beyond a year nobody can say when credit runs out, and nobody should."""
TICKS = (0, 15, 29, 44, 59)
ROWS_EVERY = 5


@dataclass(frozen=True, slots=True)
class Ahead:
    """`pace` is None when too little was used to say anything of the future."""

    pace: Pace | None = None
    lasts: str = ""
    in_words: str = ""
    picture: Fall = field(default_factory=Fall)


def look_ahead(
    balance: BalanceView,
    spent: Mapping[date, int],
    moves: Sequence[tuple[datetime, int]],
    zone: tzinfo,
    locale: str,
    overage: Sequence[tuple[datetime, int]] = (),
) -> Ahead:
    """`spent` is what each day cost up to today, in order; `moves` is what else changed credit in those days, and
    `overage` what of the cost went beyond it.
    """
    days = list(spent)
    today = days[-1]
    was = _credit_behind(balance, spent, (*moves, *overage), zone)
    used = [spent[d] for d in days[:-1]]
    first = next((n for n, pico in enumerate(used) if pico), len(used))
    pace = usage.pace(used[first:])
    if pace is None:
        words = f"{spendable(was[-1], locale)} of credit today."
        lasts = _lasts(None, None, 0, locale) if was[-1] <= 0 else ""
        return Ahead(None, lasts, words, _drawn(was, None, None, today, locale))
    now = midnight(today, zone)
    slow, fast = (
        usage.credit_ahead(balance.grants, a_day, now, LOOK_DAYS) for a_day in (pace.low_pico, pace.high_pico)
    )
    lasts = _lasts(usage.runs_out(fast, today), usage.runs_out(slow, today), was[-1], locale)
    words = f"{spendable(was[-1], locale)} of credit today. {lasts}"
    if was[-1] <= 0:
        return Ahead(pace, lasts, words, _drawn(was, None, None, today, locale))
    return Ahead(pace, lasts, words, _drawn(was, slow[:AHEAD_DAYS], fast[:AHEAD_DAYS], today, locale))


def _credit_behind(
    balance: BalanceView, spent: Mapping[date, int], moves: Sequence[tuple[datetime, int]], zone: tzinfo
) -> list[int]:
    """Credit at the end of each of the last days, counted back from today's. What was used beyond it took none."""
    credit = max(0, balance.credit_pico)
    found = [credit]
    days = list(spent)[-BEHIND_DAYS - 1 :]
    for when in reversed(days[1:]):
        start, end = midnight(when, zone), midnight(when + timedelta(days=1), zone)
        moved = sum(amount for at, amount in moves if start <= at < end)
        credit = max(0, credit + spent[when] - moved)
        found.append(credit)
    return found[::-1]


def _lasts(soonest: date | None, latest: date | None, credit_pico: int, locale: str) -> str:
    if credit_pico <= 0:
        return "Credit is used up."
    if soonest is None:
        return "At this pace credit lasts more than a year."
    if latest is None:
        return f"At this pace credit runs out on {dated(soonest, locale)} at the earliest."
    if soonest == latest:
        return f"At this pace credit runs out on {dated(soonest, locale)}."
    return f"At this pace credit runs out between {dated(soonest, locale)} and {dated(latest, locale)}."


def _drawn(
    was: Sequence[int], slow: Sequence[int] | None, fast: Sequence[int] | None, today: date, locale: str
) -> Fall:
    # Nothing at all is drawn as the lowest line below a dollar.
    top = round_top(max(*was, *(slow or ()))) or PICO_PER_USD
    width = BEHIND_DAYS + AHEAD_DAYS
    start = BEHIND_DAYS + 1 - len(was)

    def place(n: int, pico: int) -> str:
        return f"{100 * n / width:.2f} {100 - 100 * max(0, pico) / top:.2f}"

    behind = [place(start + n, pico) for n, pico in enumerate(was)]
    now = behind[-1]
    slowly = [now, *(place(BEHIND_DAYS + n, pico) for n, pico in enumerate(slow or [], 1))]
    fastly = [now, *(place(BEHIND_DAYS + n, pico) for n, pico in enumerate(fast or [], 1))]
    # The middle one is today: "Now" stands above it.
    ticks = [
        Tick(day(today + timedelta(days=n - BEHIND_DAYS), locale), f"{100 * n / width:.1f}%", n == BEHIND_DAYS)
        for n in TICKS[1:-1]
    ]
    return Fall(
        was="M" + " L".join(behind),
        may=" ".join([*slowly, *reversed(fastly)]) if slow else "",
        slow="M" + " L".join(slowly) if slow else "",
        fast="M" + " L".join(fastly) if fast else "",
        now_left=f"{100 * BEHIND_DAYS / width:.1f}%",
        axis=money_axis(top, locale),
        ticks=ticks,
        points=_points(was, slow or [], fast or [], top, today, locale),
        rows=_rows(was, slow or [], fast or [], today, locale),
    )


def _points(
    was: Sequence[int], slow: Sequence[int], fast: Sequence[int], top: int, today: date, locale: str
) -> list[Point]:
    """Each day that is drawn: what there was at its end, and between what and what there may be."""
    behind = [(n - len(was) + 1, pico, spendable(pico, locale)) for n, pico in enumerate(was)]
    coming = [(n, (a + b) // 2, _between(b, a, locale)) for n, (a, b) in enumerate(zip(slow, fast, strict=True), 1)]
    width = BEHIND_DAYS + AHEAD_DAYS
    return [
        Point(
            "Today" if n == 0 else dated(today + timedelta(days=n), locale),
            value,
            f"{100 * (BEHIND_DAYS + n) / width:.1f}%",
            f"{100 - 100 * pico / top:.1f}%",
            "left" if n < -BEHIND_DAYS // 2 else "right" if n > AHEAD_DAYS // 2 else "center",
        )
        for n, pico, value in (*behind, *coming)
    ]


def _between(low: int, high: int, locale: str) -> str:
    one, other = dollars(low, locale), dollars(high, locale)
    return one if one == other else f"{one} – {other}"


def _rows(was: Sequence[int], slow: Sequence[int], fast: Sequence[int], today: date, locale: str) -> list[Bar]:
    behind = [
        Bar(
            name=dated(today - timedelta(days=n), locale) if n else "Today",
            value=spendable(was[-1 - n], locale),
            address="/requests?from={0}&to={0}".format(today - timedelta(days=n)),
        )
        for n in (*range(len(was) - 1, 0, -ROWS_EVERY), 0)
    ]
    coming = [
        Bar(
            name=dated(today + timedelta(days=n), locale),
            value=_between(fast[n - 1], slow[n - 1], locale),
        )
        for n in range(ROWS_EVERY, len(slow) + 1, ROWS_EVERY)
    ]
    return [*behind, *coming]
