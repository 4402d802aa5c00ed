"""What the operator's page shows. It is read for operators alone: the page asks who it is at every turn."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from account_app.components.figures import count, dollars, exact, files, megabytes, spendable
from account_app.reading.billing import SOURCES
from account_app.reading.following import FollowedFigures, account_sum, followed_of, overage_sum
from account_app.reading.margins import Earned, earned_of
from account_app.reading.requests import ReceiptFigures, receipt_of
from account_app.session import Visitor
from relay import billing, operating
from relay.clock import rfc3339
from relay.errors import NotFound
from relay.usage import BalanceView, RequestView

EVENTS = 20
INSPECTIONS = {"audit": "Our books, recomputed", "reconcile": "Our books and Stripe's"}
OPEN_EVENTS = ("received", "failed", "set_aside")


@dataclass(frozen=True)
class Person:
    """`followed` is what the address says of the requests of the account, `beyond` of those behind its overage, which
    is empty when there is none.
    """

    id: str = ""
    followed: str = ""
    beyond: str = ""
    email: str = ""
    since: str = ""
    credit: str = ""
    overage: str = ""
    state: str = ""
    tone: str = "plain"
    blocked: bool = False


@dataclass(frozen=True)
class Part:
    """Of what is available: a grant, what is held, or what the spend cap leaves."""

    name: str = ""
    note: str = ""
    amount: str = ""


@dataclass(frozen=True)
class Call:
    id: str = ""
    at: str = ""
    model: str = ""
    price: str = ""
    exact: str = ""


@dataclass(frozen=True)
class EventLine:
    id: str = ""
    type: str = ""
    state: str = ""
    tone: str = "plain"
    attempts: str = ""
    error: str = ""
    at: str = ""


@dataclass(frozen=True)
class ActLine:
    at: str = ""
    operator: str = ""
    act: str = ""
    reason: str = ""


@dataclass(frozen=True)
class DifferenceLine:
    what: str = ""
    where: str = ""
    ours: str = ""
    other: str = ""


@dataclass(frozen=True)
class InspectionLine:
    """A comparison. `looked` is when the differences were found, '' when never; `more` says how many are not shown."""

    name: str = ""
    state: str = ""
    tone: str = "plain"
    looked: str = ""
    note: str = ""
    differences: list[DifferenceLine] = field(default_factory=list[DifferenceLine])
    more: str = ""


@dataclass(frozen=True)
class OperatorFigures:
    """`request` is the id that accounts are looked for by, empty when it is no id of a request."""

    earned: Earned = field(default_factory=Earned)
    followed: FollowedFigures = field(default_factory=FollowedFigures)
    request: str = ""
    people: list[Person] = field(default_factory=list[Person])
    chosen: Person = field(default_factory=Person)
    available: str = ""
    parts: list[Part] = field(default_factory=list[Part])
    parts_sum: str = ""
    kept: str = ""
    calls: list[Call] = field(default_factory=list[Call])
    receipt: ReceiptFigures = field(default_factory=ReceiptFigures)
    done_to: list[ActLine] = field(default_factory=list[ActLine])
    events: list[EventLine] = field(default_factory=list[EventLine])
    waiting_since: str = ""
    inspections: list[InspectionLine] = field(default_factory=list[InspectionLine])
    inspecting: bool = False
    acts: list[ActLine] = field(default_factory=list[ActLine])


def operator_page(connection: Connection, visitor: Visitor) -> OperatorFigures:
    """The last days of everybody, the accounts that are looked for, and the one that the address names."""
    looked_for = visitor.query.get("q", "")[:254].replace("\0", "").strip()
    waiting = billing.oldest_unsent(connection)
    inspected = operating.inspections(connection)
    return OperatorFigures(
        earned=earned_of(connection, visitor),
        followed=followed_of(connection, visitor),
        request=looked_for if looked_for.startswith("req_") else "",
        people=[_person(each, visitor.locale) for each in operating.find(connection, looked_for)],
        events=[_event(row) for row in billing.listed(connection, EVENTS, OPEN_EVENTS)],
        waiting_since=rfc3339(waiting) if waiting else "",
        inspections=[_inspection(each, visitor.locale) for each in inspected],
        inspecting=any(each.runs for each in inspected),
        acts=[_act(each) for each in operating.acts(connection)],
        **_opened(connection, visitor),
    )


def _opened(connection: Connection, visitor: Visitor) -> dict[str, Any]:
    wanted = _asked(visitor, "account")
    if not wanted:
        return {}
    try:
        opened = operating.open_account(connection, wanted)
    except NotFound:
        return {}
    balance, locale = opened.balance, visitor.locale
    return {
        "chosen": _person(opened.found, visitor.locale),
        "kept": f"{megabytes(opened.kept_bytes, visitor.locale)} in {files(opened.kept_files, visitor.locale)}",
        "available": spendable(balance.available_pico, locale),
        "parts": _parts(balance, locale),
        "parts_sum": exact(balance.available_pico if balance.credit_pico >= 0 else balance.credit_pico, locale),
        "receipt": receipt_of(connection, wanted, _asked(visitor, "id") or None, visitor.locale),
        "calls": [_call(each, visitor.locale) for each in opened.latest.requests],
        "done_to": [_act(each) for each in operating.acts(connection, wanted, 20)],
    }


def _asked(visitor: Visitor, name: str) -> str:
    return visitor.query.get(name, "")[:100].replace("\0", "")


def _person(each: operating.Found, locale: str) -> Person:
    state, tone = ("Deleted", "plain") if each.closed_at else ("Blocked", "bad") if each.blocked_at else ("", "plain")
    return Person(
        id=each.account_id,
        followed=account_sum(each.account_id),
        beyond=overage_sum(each.account_id) if each.overage_pico else "",
        email=each.email,
        since=rfc3339(each.created_at),
        credit=spendable(each.credit_pico, locale),
        overage=dollars(each.overage_pico, locale),
        state=state,
        tone=tone,
        blocked=each.blocked_at is not None,
    )


def _parts(balance: BalanceView, locale: str) -> list[Part]:
    """They add up to what is available or, while credit is owed, to that: nothing is available then."""
    found = [
        Part(SOURCES.get(g.kind, g.kind), g.reason or g.source, exact(g.remaining_pico, locale))
        for g in balance.grants
        if g.remaining_pico
    ]
    if balance.credit_pico < 0:
        return found
    if balance.held_pico:
        found.append(Part("Held", "for answers on their way", exact(-balance.held_pico, locale)))
    room_pico = balance.spend_cap_pico - balance.overage_pico
    if balance.has_plan and room_pico > 0:
        found.append(Part("Pay-per-use", f"up to {dollars(balance.spend_cap_pico, locale)}", exact(room_pico, locale)))
    return found


def _call(each: RequestView, locale: str) -> Call:
    return Call(
        each.request_id, rfc3339(each.at), each.model, dollars(each.price_pico, locale), exact(each.price_pico, locale)
    )


def _event(row: Row[Any]) -> EventLine:
    tone = {"failed": "bad", "set_aside": "warn"}.get(row.state, "plain")
    words = row.state.replace("_", " ").capitalize()
    return EventLine(row.id, row.type, words, tone, str(row.attempts), row.error, rfc3339(row.received_at))


def _inspection(each: operating.Inspected, locale: str) -> InspectionLine:
    state, tone = _outcome(each, locale)
    hidden = each.differences - len(each.found)
    return InspectionLine(
        name=INSPECTIONS[each.kind],
        state=state,
        tone=tone,
        looked=rfc3339(each.finished_at) if each.finished_at else "",
        note=each.error,
        differences=[DifferenceLine(*found) for found in each.found],
        more=f"And {count(hidden, locale)} more: `account-app {each.kind}` names them all." if hidden else "",
    )


def _outcome(each: operating.Inspected, locale: str) -> tuple[str, str]:
    if each.runs:
        of = f" {count(each.done, locale)} of {count(each.total, locale)} accounts" if each.total else ""
        return f"Looking{of}", "plain"
    if each.error:
        return "Not finished", "warn"
    if not each.differences:
        return "No difference", "good"
    return ("1 difference" if each.differences == 1 else f"{count(each.differences, locale)} differences"), "bad"


def _act(each: operating.Act) -> ActLine:
    return ActLine(rfc3339(each.at), each.operator, " ".join(filter(None, (each.action, each.detail))), each.reason)
