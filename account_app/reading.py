"""What pages show, read in one go from the relay and put into words. Nothing here writes."""

from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from account_app import spans
from account_app.components.chart import Bar
from account_app.components.figures import count, dollars, spendable
from account_app.session import Visitor
from account_app.spans import Span
from relay import clock, usage
from relay.money import usd

LATEST = 8
DAYS = 30
KINDS = {"monthly": "included this month", "promo": "promotional", "topup": "topped up"}
ENDINGS = {
    "complete": "Complete",
    "client_gone": "Stopped",
    "upstream_error": "Failed upstream",
    "process_died": "Interrupted",
}


@dataclass(frozen=True)
class Request:
    """A metered request. `at` is RFC 3339; `exact` is the whole price, which the rounded one stands for."""

    at: str
    model: str
    tokens_in: str
    tokens_out: str
    ending: str
    price: str
    exact: str


@dataclass(frozen=True)
class OverviewFigures:
    available: str = ""
    made_of: str = ""
    held: str = ""
    month: str = ""
    month_note: str = ""
    today: str = ""
    bars: list[Bar] = field(default_factory=list[Bar])
    top: str = ""
    in_words: str = ""
    latest: list[Request] = field(default_factory=list[Request])


@dataclass(frozen=True)
class UsageLine:
    """One row of the usage page's table: a day, a model or a service."""

    name: str = ""
    requests: str = ""
    input_tokens: str = ""
    output_tokens: str = ""
    cache_read_tokens: str = ""
    cache_write_tokens: str = ""
    price: str = ""
    exact: str = ""


@dataclass(frozen=True)
class UsageFigures:
    first: str = ""
    last: str = ""
    csv: str = ""
    bars: list[Bar] = field(default_factory=list[Bar])
    top: str = ""
    in_words: str = ""
    lines: list[UsageLine] = field(default_factory=list[UsageLine])
    total: UsageLine = field(default_factory=UsageLine)


def zone_named(zone: str) -> tzinfo:
    return UTC if zone == "UTC" else ZoneInfo(zone)


def overview(connection: Any, visitor: Visitor) -> OverviewFigures:
    """Everything of the overview, of one moment."""
    account_id, zone = visitor.account_id, visitor.zone
    balance = usage.balance(connection, account_id)
    summary = usage.summary(connection, account_id, zone)
    today = clock.now().astimezone(zone_named(zone)).date()
    span = Span("30d", today - timedelta(days=DAYS - 1), today, zone_named(zone))
    days = usage.usage(connection, account_id, span.start, span.end, "day", zone).rows
    latest = usage.requests(connection, account_id, None, LATEST).requests
    return OverviewFigures(
        available=spendable(balance.available_pico),
        made_of=_made_of(balance),
        held=dollars(balance.held_pico),
        month=dollars(summary.month_pico),
        month_note=_requests(summary.month_requests),
        today=dollars(summary.today_pico),
        bars=spans.bars_of(days, span.days),
        top=spans.top_of(days),
        in_words=spans.in_words(days, span.days),
        latest=[_request(r) for r in latest],
    )


def usage_of(connection: Any, visitor: Visitor) -> UsageFigures:
    """The usage page: always the days for the picture, and the rows as asked."""
    account_id, zone = visitor.account_id, visitor.zone
    span = spans.span_from(visitor.query, clock.now(), zone_named(zone))
    by = spans.by_from(visitor.query)
    days = usage.usage(connection, account_id, span.start, span.end, "day", zone)
    rows = days if by == "day" else usage.usage(connection, account_id, span.start, span.end, by, zone)
    newest_first = sorted(rows.rows, key=lambda r: r.bucket, reverse=True)
    ordered = newest_first if by == "day" else sorted(rows.rows, key=lambda r: r.price_pico, reverse=True)
    return UsageFigures(
        first=span.first.isoformat(),
        last=span.last.isoformat(),
        csv=_csv_query(span, by, zone),
        bars=spans.bars_of(days.rows, span.days),
        top=spans.top_of(days.rows),
        in_words=spans.in_words(days.rows, span.days),
        lines=[_line(row, row.bucket) for row in ordered],
        total=_line(rows.total, "Total"),
    )


def _made_of(balance: Any) -> str:
    """What the available figure is the sum of, in words: credit by its kind, then the rest."""
    by_kind = {kind: sum(g.remaining_pico for g in balance.grants if g.kind == kind) for kind in KINDS}
    parts = [f"{spendable(pico)} {KINDS[kind]}" for kind, pico in by_kind.items() if pico]
    if balance.has_plan:
        left = max(0, balance.spend_cap_pico - balance.overage_pico)
        parts.append(f"{spendable(left)} pay-per-use left under your cap")
    if balance.held_pico:
        parts.append(f"less {dollars(balance.held_pico)} held")
    return ", ".join(parts) or "Nothing left to spend"


def _request(request: Any) -> Request:
    tokens_in = request.input_tokens + request.cache_read_tokens + request.cache_write_tokens
    return Request(
        at=clock.rfc3339(request.at),
        model=request.model,
        tokens_in=count(tokens_in),
        tokens_out=count(request.output_tokens),
        ending=ENDINGS.get(str(request.ended), str(request.ended)),
        price=dollars(request.total_pico),
        exact=f"${usd(request.total_pico)}",
    )


def _line(row: Any, name: str) -> UsageLine:
    return UsageLine(
        name=name,
        requests=count(row.requests),
        input_tokens=count(row.input_tokens),
        output_tokens=count(row.output_tokens),
        cache_read_tokens=count(row.cache_read_tokens),
        cache_write_tokens=count(row.cache_write_tokens),
        price=dollars(row.price_pico),
        exact=f"${usd(row.price_pico)}",
    )


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{count(number)} requests"


def _csv_query(span: spans.Span, by: str, zone: str) -> str:
    """The same days for the API, which reads a date as the whole of that day in the zone."""
    return urlencode({"from": span.first, "to": span.last, "by": by, "zone": zone})
