"""Stripe's objects as billing sees them: what it needs of each, in our types. Amounts are whole US cents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    account_id: str
    email: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """`status` is open, complete or expired; `payment_status` paid, unpaid or no_payment_required."""

    id: str
    mode: str
    status: str
    payment_status: str
    account_id: str
    customer_id: str
    currency: str
    subtotal_cents: int
    total_cents: int
    payment_intent_id: str
    subscription_id: str
    invoice_id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a subscription. The period is the item's own: plan and overage share it."""

    price_id: str
    quantity: int
    metered: bool
    monthly_credit_usd: str
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    status: str
    account_id: str
    customer_id: str
    items: tuple[Item, ...]
    cancels_at: datetime | None
    ended_at: datetime | None
    trial_end: datetime | None
    paused: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice. `metadata` is that of the invoice item behind it, if there is one."""

    description: str
    amount_cents: int
    quantity: int
    price_id: str
    proration: bool
    period_start: datetime
    period_end: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Invoice:
    """`status` is draft, open, paid, uncollectible or void; `reason` is Stripe's `billing_reason`."""

    id: str
    customer_id: str
    subscription_id: str
    number: str
    status: str
    reason: str
    currency: str
    total_cents: int
    paid_cents: int
    created: datetime
    period_start: datetime
    period_end: datetime
    pdf_url: str
    hosted_url: str
    lines: tuple[Line, ...]
    payment_intent_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refund:
    """`status` is pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount_cents: int
    payment_intent_id: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """`status` is won, lost, warning_…, needs_response or under_review."""

    id: str
    status: str
    amount_cents: int
    payment_intent_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """What an event is about, once its signature has been checked; nothing else of it is used."""

    id: str
    type: str
    object_id: str
    customer_id: str
    livemode: bool
    api_version: str
    created: datetime


def moment(seconds: Any) -> datetime:
    """A Unix time, or the beginning of time when there is none."""
    return datetime.fromtimestamp(int(seconds or 0), UTC)


def moment_or_none(seconds: Any) -> datetime | None:
    return None if seconds is None else moment(seconds)


def at(data: Any, *path: str) -> Any:
    """What is at the end of a path through nested objects; None where it stops."""
    found: Any = data
    for name in path:
        found = cast(Mapping[str, Any], found).get(name) if isinstance(found, Mapping) else None
    return found


def text(data: Any, *path: str) -> str:
    """The same as text; an object that was expanded stands for its id. Without NULs, which PostgreSQL does not take."""
    found = at(data, *path)
    if isinstance(found, Mapping):
        found = at(cast(Any, found), "id")
    return found.replace("\0", "") if isinstance(found, str) else ""


def number(data: Any, *path: str) -> int:
    found = at(data, *path)
    return int(found) if isinstance(found, int | float) else 0
