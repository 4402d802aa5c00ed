"""The log of requests, a page of it, and the receipt of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from account_app import spans
from account_app.components.figures import count, dollars, exact, requests
from account_app.reading.bars import WITHOUT_KEY
from account_app.reading.lines import ENDINGS, TONES, RequestLine, request_line
from account_app.session import Visitor
from account_app.spans import Span, zone_named
from relay import clock, usage
from relay.errors import ProductError
from relay.pricing import GB_MONTH, STORAGE_KIND, Line
from relay.usage import CorrectionView, Fresh, Receipt, RequestsView, UsageRow, Wanted

ROWS = 25
HOUR = timedelta(hours=1)
NO_KEY = "none"
"""In an address, in a key's place: what was called from a browser."""
NOTHING = UsageRow("")
STORAGE = "storage"
"""In an address, in a model's place: hours of storage, which are no calls."""
KINDS = {
    "input": "Input",
    "output": "Output",
    "cache_read": "Cache read",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "web_search": "Web searches",
    "storage_gb_month": "Byte-seconds kept",
    "not_paid": "Not charged",
}
WHY = {
    "complete": "",
    "client_gone": "The client left before the end. What had been written until then is charged; the rest of the hold "
    "went back.",
    "upstream_error": "Claude broke off with an error. What it had billed until then is charged; the rest of the hold "
    "went back.",
    "process_died": "Our server stopped before the end. What is known to have been written is charged; we bear the "
    "difference.",
}
FREE = "Nothing was billed upstream, so nothing is charged."
ESTIMATED = "Claude's final count never came, so the output tokens are estimated from what was sent."
UNSPLIT = "Claude did not say how long its cache writes live; they cost as 5-minute ones."
KEPT = "A GB that is kept for thirty days makes 2,592,000,000,000,000 byte-seconds."
NOT_PAID = "Credit did not reach. What is missing is not owed."


@dataclass(frozen=True)
class ReceiptLine:
    """A line of the receipt's arithmetic: so many, at so much, make so much."""

    kind: str = ""
    tokens: str = ""
    unit_price: str = ""
    amount: str = ""


@dataclass(frozen=True)
class Corrected:
    at: str = ""
    reason: str = ""
    tokens: str = ""
    amount: str = ""


@dataclass(frozen=True)
class ReceiptFigures:
    """`id` is empty when there is none; `missing` when the address asks for one that is not there."""

    id: str = ""
    missing: bool = False
    at: str = ""
    model: str = ""
    tier: str = ""
    ending: str = ""
    tone: str = "plain"
    why: list[str] = field(default_factory=list[str])
    price_version: str = ""
    held: str = ""
    returned: str = ""
    lines: list[ReceiptLine] = field(default_factory=list[ReceiptLine])
    price: str = ""
    corrections: list[Corrected] = field(default_factory=list[Corrected])
    total: str = ""
    rounded: str = ""


@dataclass(frozen=True)
class Choice:
    value: str = ""
    name: str = ""


@dataclass(frozen=True)
class RequestsFigures:
    """A page of the log. `sums` is what the usage page says of the same days, model and key; empty with an ending.
    `stored` is what storage cost in them, empty for nothing: it has a list of its own. `hour` is when the one hour
    begins that is shown, empty for whole days.
    """

    first: str = ""
    last: str = ""
    lines: list[RequestLine] = field(default_factory=list[RequestLine])
    older: str = ""
    model_choices: list[Choice] = field(default_factory=list[Choice])
    key_choices: list[Choice] = field(default_factory=list[Choice])
    sums: str = ""
    stored: str = ""
    hour: str = ""
    receipt: ReceiptFigures = field(default_factory=ReceiptFigures)


def requests_of(connection: Connection, visitor: Visitor) -> RequestsFigures:
    """Reads one page by its place in the log, and what there is to choose from."""
    account_id, locale, query = visitor.account_id, visitor.locale, visitor.query
    span = spans.span_from(query, clock.now(), zone_named(visitor.zone))
    model, key, ended = (_chosen(query, name) for name in ("model", "key", "ended"))
    hour = _hour(query, span)
    start, end = hour or (span.start, span.end)
    by_key = "" if key == NO_KEY else key
    wanted = Wanted(start, end, model, by_key, ended if ended in ENDINGS else None)
    if model == STORAGE:
        wanted = Wanted(start, end, "", service="storage")
    fresh = usage.fresh_of(connection, account_id, span.start, span.end)
    found = _found(connection, account_id, query, wanted, fresh)
    names = usage.key_names(connection, account_id)
    by_model = usage.by_model(connection, account_id, span.start, span.end, fresh)
    shown = usage.by_model(connection, account_id, *hour, fresh) if hour else by_model
    stored_pico = _stored(wanted, shown)
    return RequestsFigures(
        first=span.first.isoformat(),
        last=span.last.isoformat(),
        lines=[request_line(request, locale) for request in found.requests],
        older=found.next or "",
        model_choices=_models(by_model, model),
        key_choices=[Choice(id, name) for id, name in names.items()] + ([Choice(NO_KEY, WITHOUT_KEY)] if names else []),
        hour=clock.rfc3339(start) if hour else "",
        sums="" if wanted.ended else _sums(connection, visitor, (start, end), wanted, shown, fresh),
        stored=dollars(stored_pico, locale) if stored_pico else "",
        receipt=receipt_of(connection, account_id, _chosen(query, "id"), locale),
    )


def _models(by_model: Mapping[str, UsageRow], chosen: str | None) -> list[Choice]:
    """The models that were used, and storage when it was."""
    names = {*by_model, *([chosen] if chosen else [])} - {"", STORAGE}
    found = [Choice(name, name) for name in sorted(names)]
    stored = by_model.get("", NOTHING).price_pico or chosen == STORAGE
    return [*found, Choice(STORAGE, "Storage, by the hour")] if stored else found


def _chosen(query: Mapping[str, str], name: str) -> str | None:
    value = query.get(name) or None
    return value[:100].replace("\0", "") if value else None


def _found(
    connection: Connection, account_id: str, query: Mapping[str, str], wanted: Wanted, fresh: Fresh
) -> RequestsView:
    try:
        return usage.requests(connection, account_id, _chosen(query, "before"), ROWS, wanted, fresh)
    except ProductError:
        return usage.requests(connection, account_id, None, ROWS, wanted, fresh)


def _hour(query: Mapping[str, str], span: Span) -> tuple[datetime, datetime] | None:
    """The one hour of the span that the address asks for, as RFC 3339; None when it asks for none."""
    try:
        start = datetime.fromisoformat(query.get("hour", ""))
    except ValueError:
        return None
    within = start.tzinfo is not None and span.start <= start < span.end
    return (start, start + HOUR) if within else None


def _stored(wanted: Wanted, by_model: Mapping[str, UsageRow]) -> int:
    """What storage cost of what is wanted: it has no model, no ending, and is kept without a key."""
    is_among = wanted.service == "claude" and wanted.model is wanted.ended is None and not wanted.key_id
    return by_model.get("", NOTHING).price_pico if is_among else 0


def _sums(
    connection: Connection,
    visitor: Visitor,
    within: tuple[datetime, datetime],
    wanted: Wanted,
    by_model: Mapping[str, UsageRow],
    fresh: Fresh,
) -> str:
    """From the roll-ups, so that it is the usage page's own figure. Storage is no call: it has a list of its own."""
    if wanted.service == "storage":
        return f"Storage, {dollars(by_model.get('', NOTHING).price_pico, visitor.locale)}"
    if wanted.key_id is not None:
        rows = usage.used_by_key(connection, visitor.account_id, *within, wanted.key_id, wanted.model, fresh)
    else:
        rows = usage.total(by_model.values()) if wanted.model is None else by_model.get(wanted.model, NOTHING)
    price_pico = rows.price_pico - _stored(wanted, by_model)
    return f"{requests(rows.requests, visitor.locale)}, {dollars(price_pico, visitor.locale)}"


def receipt_of(connection: Connection, account_id: str, request_id: str | None, locale: str) -> ReceiptFigures:
    """One of the account's own requests: an id of anybody else's is missing, like one that never was."""
    if request_id is None:
        return ReceiptFigures()
    try:
        receipt = usage.receipt(connection, account_id, request_id)
    except ProductError:
        return ReceiptFigures(id=request_id, missing=True)
    return _receipt(receipt, locale)


def _receipt(receipt: Receipt, locale: str) -> ReceiptFigures:
    return ReceiptFigures(
        id=receipt.request_id,
        at=clock.rfc3339(receipt.at),
        model=receipt.model or "Storage",
        tier="" if receipt.tier == "base" else receipt.tier,
        ending=ENDINGS.get(receipt.ended, receipt.ended),
        tone=TONES.get(receipt.ended, "plain"),
        why=_why(receipt),
        price_version=receipt.price_version,
        held=exact(receipt.held_pico, locale) if receipt.model else "",
        returned=exact(max(0, receipt.held_pico - receipt.price_pico), locale),
        lines=[_receipt_line(line, locale) for line in receipt.lines],
        price=exact(receipt.price_pico, locale),
        corrections=[_corrected(correction, locale) for correction in receipt.corrections],
        total=exact(receipt.total_pico, locale),
        rounded=dollars(receipt.total_pico, locale),
    )


def _receipt_line(line: Line, locale: str) -> ReceiptLine:
    each = exact(line.unit_price_pico, locale)
    if line.kind == STORAGE_KIND:
        each += f" ÷ {count(GB_MONTH, locale)}"
    return ReceiptLine(
        KINDS.get(line.kind, line.kind), count(line.tokens, locale), each, exact(line.amount_pico, locale)
    )


def _why(receipt: Receipt) -> list[str]:
    free = receipt.ended != "complete" and not receipt.price_pico
    told = [FREE if free else WHY.get(receipt.ended, "")]
    told += [ESTIMATED] if receipt.estimated else []
    told += [UNSPLIT] if receipt.unsplit_cache_writes else []
    told += [] if receipt.model else [KEPT]
    told += [NOT_PAID] if receipt.price_pico < receipt.held_pico and not receipt.model else []
    return [words for words in told if words]


def _corrected(correction: CorrectionView, locale: str) -> Corrected:
    tokens = correction.input_tokens + correction.output_tokens
    tokens += correction.cache_read_tokens + correction.cache_write_tokens
    sign = "" if correction.price_pico < 0 else "+"
    return Corrected(
        at=clock.rfc3339(correction.at),
        reason=correction.reason,
        tokens=count(tokens, locale),
        amount=f"{sign}{exact(correction.price_pico, locale)}",
    )
