"""The overview: what there is, what it is made of, how long it lasts, and what was used last."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from account_app import session
from account_app.components.drawn import Fall, Slice
from account_app.components.figures import dollars, requests, share, spendable
from account_app.reading.ahead import Ahead, look_ahead
from account_app.reading.lines import RequestLine, request_line
from account_app.session import Visitor
from account_app.spans import Span, edges_of, midnight, zone_named
from relay import clock, usage
from relay.usage import BalanceView, UsageRow

LATEST = 6
SOURCES = (("monthly", "Included", "2"), ("promo", "Promotional", "4"), ("topup", "Purchased", "1"))
PAY_PER_USE = "6"
BILLING = "/billing"
NEAR_CAP = 80
"""Per cent of the spend cap from which on it is said that it is near."""


@dataclass(frozen=True)
class OverviewFigures:
    """Everything of the overview, of one moment. `on_plan`: what is available includes pay-per-use. `owed` is empty for
    nothing. `cap_tone` is `plain`, `warn` or `bad`.
    """

    available: str = ""
    on_plan: bool = False
    owed: str = ""
    made_of: str = ""
    sources: list[Slice] = field(default_factory=list[Slice])
    held: str = ""
    cap: str = ""
    cap_note: str = ""
    cap_state: str = ""
    cap_tone: str = "plain"
    month: str = ""
    month_note: str = ""
    today: str = ""
    today_note: str = ""
    forecast: str = ""
    forecast_how: str = ""
    lasts: str = ""
    ahead: Fall = field(default_factory=Fall)
    in_words: str = ""
    latest: list[RequestLine] = field(default_factory=list[RequestLine])
    next_sync: str = ""
    sdk: str = ""


def overview_of(connection: Connection, visitor: Visitor) -> OverviewFigures:
    """Reads the snapshot, thirty days of roll-ups, what else moved credit, and the latest rows."""
    account_id, locale, zone = visitor.account_id, visitor.locale, zone_named(visitor.zone)
    balance = usage.balance(connection, account_id)
    today = clock.now().astimezone(zone).date()
    month = Span("month", today.replace(day=1), today, zone)
    span = Span("30d", today - timedelta(days=max(29, today.day - 1)), today, zone)
    days = span.days
    spent = dict.fromkeys(days, UsageRow(""))
    for bucket in usage.buckets(connection, account_id, edges_of(span, "day")):
        spent[days[bucket.place]] = bucket.usage
    so_far = usage.total(spent[d] for d in month.days)
    latest = usage.requests(connection, account_id, None, LATEST).requests
    since = midnight(today - timedelta(days=29), zone)
    moves, overage = (read(connection, account_id, since) for read in (usage.credit_moves, usage.overage_moves))
    by_day = {day: row.price_pico for day, row in spent.items()}
    ahead = look_ahead(balance, by_day, moves, zone, locale, overage) if latest else Ahead()
    forecast, how = _month_end(ahead, so_far.price_pico, month, locale)
    return OverviewFigures(
        available=spendable(balance.available_pico, locale),
        on_plan=_pay_per_use_left(balance) > 0 and balance.credit_pico >= 0,
        owed=dollars(-balance.credit_pico, locale) if balance.credit_pico < 0 else "",
        made_of=_made_of(balance, locale),
        sources=_sources(balance, locale),
        held=dollars(balance.held_pico, locale) if balance.held_pico else "",
        **_cap(balance, locale),
        month=dollars(so_far.price_pico, locale),
        month_note=requests(so_far.requests, locale),
        today=dollars(spent[today].price_pico, locale),
        today_note=requests(spent[today].requests, locale),
        forecast=forecast,
        forecast_how=how,
        lasts=ahead.lasts,
        ahead=ahead.picture,
        in_words=ahead.in_words,
        latest=[request_line(r, locale, all_input=True) for r in latest],
        next_sync=clock.rfc3339(_next_sync(clock.now())),
        sdk=_sdk(session.services().settings.api_origin),
    )


def _sdk(origin: str) -> str:
    return f'client = Anthropic(\n    base_url="{origin}/api/claude",\n    api_key="ak_…",\n)'


def _by_source(balance: BalanceView) -> dict[str, int]:
    return {kind: sum(g.remaining_pico for g in balance.grants if g.kind == kind) for kind, _, _ in SOURCES}


def _pay_per_use_left(balance: BalanceView) -> int:
    return max(0, balance.spend_cap_pico - balance.overage_pico) if balance.has_plan else 0


def _made_of(balance: BalanceView, locale: str) -> str:
    """What the available figure is the sum of, in words."""
    words = {"monthly": "included this month", "promo": "promotional", "topup": "topped up"}
    told = [f"{spendable(pico, locale)} {words[kind]}" for kind, pico in _by_source(balance).items() if pico]
    if balance.has_plan:
        told.append(f"{spendable(_pay_per_use_left(balance), locale)} pay-per-use left under your cap")
    if balance.held_pico:
        told.append(f"less {dollars(balance.held_pico, locale)} held")
    return ", ".join(told) or "Nothing left to spend"


def _sources(balance: BalanceView, locale: str) -> list[Slice]:
    found = _by_source(balance)
    left = _pay_per_use_left(balance)
    whole = sum(pico for pico in found.values() if pico > 0) + left
    slices = [
        Slice(series, name, spendable(found[kind], locale), share(found[kind], whole), BILLING)
        for kind, name, series in SOURCES
        if found[kind] > 0
    ]
    if balance.has_plan:
        words = "Pay-per-use, up to your cap"
        slices.append(Slice(PAY_PER_USE, words, spendable(left, locale), share(left, whole), BILLING))
    return slices


def _cap(balance: BalanceView, locale: str) -> dict[str, str]:
    """The spend cap, which is a limit and never credit."""
    if not balance.has_plan:
        return {"cap": "Off", "cap_note": "Calls stop when credit is used up."}
    cap, used = balance.spend_cap_pico, balance.overage_pico
    if cap <= 0:
        return {"cap": "Off", "cap_note": "Your spend cap is zero, so calls stop when credit is used up."}
    per_cent = 100 * used // cap
    tone = "bad" if per_cent >= 100 else "warn" if per_cent >= NEAR_CAP else "plain"
    note = f"of your {dollars(cap, locale)} spend cap this period"
    if tone == "bad":
        note += ". Calls stop until it is raised or the period ends."
    state = {"bad": "Cap reached", "warn": "Near the cap"}.get(tone, "")
    return {"cap": dollars(used, locale), "cap_note": note, "cap_state": state, "cap_tone": tone}


def _month_end(ahead: Ahead, month_pico: int, month: Span, locale: str) -> tuple[str, str]:
    """The range, and how it comes about."""
    pace = ahead.pace
    if pace is None:
        return "", "A forecast needs three days of use."
    following = (month.first + timedelta(days=32)).replace(day=1)
    left = (following - month.last).days - 1
    low, high = (month_pico + left * a_day for a_day in (pace.low_pico, pace.high_pico))
    stretch = "week" if pace.days == 7 else "day"
    days = "1 more day" if left == 1 else f"{left} more days"
    how = (
        f"This month and {days} at {dollars(pace.low_pico, locale)} to {dollars(pace.high_pico, locale)} a day, "
        f"as in the last {pace.stretches} {stretch}s"
    )
    one, other = dollars(low, locale), dollars(high, locale)
    return (one if one == other else f"{one} – {other}"), how


def _next_sync(now: datetime) -> datetime:
    every = session.services().settings.SYNC_INTERVAL_SECONDS
    return datetime.fromtimestamp((now.timestamp() // every + 1) * every, UTC)
