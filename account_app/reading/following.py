"""The requests behind a figure of the operator's page: what its address asks for, a page of them, and their sum."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import Connection

from account_app import spans
from account_app.components.figures import dollars, exact, requests, whole_day
from account_app.reading.bars import title_of
from account_app.session import Visitor
from account_app.spans import midnight, zone_named
from relay import clock, operating
from relay.clock import rfc3339
from relay.errors import NotFound
from relay.operating import Behind, Beyond

KINDS = {"request": "", "correction": "Correction"}


@dataclass(frozen=True)
class BookedLine:
    """`receipt` is the id of the request that the row is about: a correction's is that of what it amends. `amount` is
    its part of the sum, `exact` all of that; `beside` what is good to know beside it.
    """

    at: str = ""
    id: str = ""
    receipt: str = ""
    kind: str = ""
    account: str = ""
    email: str = ""
    model: str = ""
    amount: str = ""
    beside: str = ""
    exact: str = ""


@dataclass(frozen=True)
class FollowedFigures:
    """`of` says what was followed, empty when nothing was or it cannot be read; `sums` what all rows come to, and
    `amount` and `beside` what those of each row are.
    """

    of: str = ""
    sums: str = ""
    amount: str = "Revenue"
    beside: str = "Cost"
    lines: list[BookedLine] = field(default_factory=list[BookedLine])
    older: str = ""


def day_sum(day: str) -> str:
    """What the address says to follow a day, a model or an account."""
    return f"day:{day}"


def model_sum(model: str) -> str:
    return f"model:{model}"


def account_sum(account_id: str) -> str:
    return f"account:{account_id}"


def overage_sum(account_id: str) -> str:
    return f"overage:{account_id}"


def followed_of(connection: Connection, visitor: Visitor) -> FollowedFigures:
    """A page of the rows behind `?sum=`. Like all of the page it is read for operators alone."""
    before = visitor.query.get("before", "")
    last = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    kind, name = _named(visitor)
    if kind == "overage":
        return _overage(connection, name, last, visitor.locale)
    asked = _asked(visitor)
    if asked is None:
        return FollowedFigures()
    of, behind = asked
    found = operating.follow(connection, behind, last)
    locale, total = visitor.locale, found.total
    return FollowedFigures(
        of=of,
        sums=f"{requests(total.requests, locale)}: {dollars(total.revenue_pico, locale)} of revenue, "
        f"{dollars(total.cost_pico, locale)} of cost, {dollars(total.margin_pico, locale)} of margin",
        lines=[_line(row, locale) for row in found.rows],
        older="" if found.next is None else str(found.next),
    )


def _named(visitor: Visitor) -> tuple[str, str]:
    kind, _, name = visitor.query.get("sum", "")[:120].replace("\0", "").partition(":")
    return kind, name


def _overage(connection: Connection, account_id: str, before: int | None, locale: str) -> FollowedFigures:
    try:
        found = operating.overage_of(connection, account_id, before)
    except NotFound:
        return FollowedFigures()
    return FollowedFigures(
        of="Overage of this period",
        sums=f"{dollars(found.total_pico, locale)} beyond credit",
        amount="Overage",
        beside="Price",
        lines=[_beyond(row, account_id, found.email, locale) for row in found.rows],
        older="" if found.next is None else str(found.next),
    )


def _beyond(row: Beyond, account_id: str, email: str, locale: str) -> BookedLine:
    return BookedLine(
        at=rfc3339(row.at),
        id=row.request_id,
        receipt=row.amends or row.request_id,
        kind=KINDS["correction"] if row.amends else "",
        account=account_id,
        email=email,
        model=row.model or "Storage",
        amount=dollars(row.overage_pico, locale),
        beside=dollars(row.price_pico, locale),
        exact=exact(row.overage_pico, locale),
    )


def _asked(visitor: Visitor) -> tuple[str, Behind] | None:
    kind, name = _named(visitor)
    zone = zone_named(visitor.zone)
    span = spans.span_from({}, clock.now(), zone)
    if kind == "model" and name:
        return f"{title_of(name, {})}, last 30 days", Behind(span.start, span.end, model=name)
    if kind == "all":
        return "Everything, last 30 days", Behind(span.start, span.end)
    if kind == "account" and name:
        return "One account, last 30 days", Behind(span.start, span.end, account_id=name)
    try:
        when = date.fromisoformat(name) if kind == "day" else None
    except ValueError:
        return None
    # The first and the last days of the calendar have no midnight in every zone.
    if when is None or not 1970 <= when.year < 3000:
        return None
    behind = Behind(midnight(when, zone), midnight(when + timedelta(days=1), zone))
    return whole_day(when, visitor.locale), behind


def _line(row: operating.Booked, locale: str) -> BookedLine:
    return BookedLine(
        at=rfc3339(row.at),
        id=row.request_id,
        receipt=row.amends or row.request_id,
        kind=KINDS.get(row.kind, row.kind.capitalize()),
        account=row.account_id,
        email=row.email,
        model=row.model or "Storage",
        amount=dollars(row.price_pico, locale),
        beside=dollars(row.cost_pico, locale),
        exact=exact(row.price_pico, locale),
    )
