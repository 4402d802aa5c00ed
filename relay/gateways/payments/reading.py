"""From Stripe's answers to our shapes. Fields that another API version names differently are simply not there."""

from collections.abc import Mapping
from typing import Any

from relay.gateways.payments.shapes import (
    CheckoutSession,
    Customer,
    Dispute,
    Invoice,
    Item,
    Line,
    Refund,
    Said,
    Subscription,
    at,
    moment,
    moment_or_none,
    number,
    text,
)


def customer(data: Any) -> Customer:
    return Customer(
        text(data, "id"), text(data, "metadata", "account_id"), text(data, "email"), at(data, "deleted") is True
    )


def checkout(data: Any) -> CheckoutSession:
    return CheckoutSession(
        id=text(data, "id"),
        mode=text(data, "mode"),
        status=text(data, "status"),
        payment_status=text(data, "payment_status"),
        account_id=text(data, "metadata", "account_id") or text(data, "client_reference_id"),
        customer_id=text(data, "customer"),
        currency=text(data, "currency"),
        subtotal_cents=number(data, "amount_subtotal"),
        total_cents=number(data, "amount_total"),
        payment_intent_id=text(data, "payment_intent"),
        subscription_id=text(data, "subscription"),
        invoice_id=text(data, "invoice"),
        url=text(data, "url"),
        expires_at=moment(at(data, "expires_at")),
    )


def subscription(data: Any) -> Subscription:
    items = tuple(_item(one) for one in at(data, "items", "data") or ())
    cancels_at = moment_or_none(at(data, "cancel_at"))
    if cancels_at is None and at(data, "cancel_at_period_end") is True and items:
        cancels_at = items[0].period_end
    return Subscription(
        id=text(data, "id"),
        status=text(data, "status"),
        account_id=text(data, "metadata", "account_id"),
        customer_id=text(data, "customer"),
        items=items,
        cancels_at=cancels_at,
        ended_at=moment_or_none(at(data, "ended_at")),
        trial_end=moment_or_none(at(data, "trial_end")),
        paused=at(data, "pause_collection") is not None,
        created=moment(at(data, "created")),
    )


def _item(data: Any) -> Item:
    return Item(
        price_id=text(data, "price", "id"),
        quantity=number(data, "quantity") or 1,
        metered=text(data, "price", "recurring", "usage_type") == "metered",
        monthly_credit_usd=text(data, "price", "metadata", "monthly_credit_usd"),
        period_start=moment(at(data, "current_period_start")),
        period_end=moment(at(data, "current_period_end")),
    )


def invoice(data: Any) -> Invoice:
    payments = at(data, "payments", "data") or ()
    return Invoice(
        id=text(data, "id"),
        customer_id=text(data, "customer"),
        subscription_id=text(data, "parent", "subscription_details", "subscription"),
        number=text(data, "number"),
        status=text(data, "status"),
        reason=text(data, "billing_reason"),
        currency=text(data, "currency"),
        total_cents=number(data, "total"),
        paid_cents=number(data, "amount_paid"),
        created=moment(at(data, "created")),
        period_start=moment(at(data, "period_start")),
        period_end=moment(at(data, "period_end")),
        pdf_url=text(data, "invoice_pdf"),
        hosted_url=text(data, "hosted_invoice_url"),
        lines=tuple(_line(one) for one in at(data, "lines", "data") or ()),
        payment_intent_ids=tuple(i for one in payments if (i := text(one, "payment", "payment_intent"))),
    )


def _line(data: Any) -> Line:
    parent = text(data, "parent", "type")
    metadata: Mapping[str, Any] = at(data, "metadata") or {}
    return Line(
        description=text(data, "description"),
        amount_cents=number(data, "amount"),
        quantity=number(data, "quantity"),
        price_id=text(data, "pricing", "price_details", "price"),
        proration=at(data, "parent", parent, "proration") is True,
        period_start=moment(at(data, "period", "start")),
        period_end=moment(at(data, "period", "end")),
        metadata={key: str(value) for key, value in metadata.items()},
    )


def refund(data: Any) -> Refund:
    return Refund(text(data, "id"), text(data, "status"), number(data, "amount"), text(data, "payment_intent"))


def dispute(data: Any) -> Dispute:
    return Dispute(text(data, "id"), text(data, "status"), number(data, "amount"), text(data, "payment_intent"))


def said(data: Any) -> Said:
    """A snapshot event, or a thin one: the latter names its object beside its data, and tells the time in words."""
    thin = text(data, "object") == "v2.core.event"
    about = at(data, "related_object") if thin else at(data, "data", "object")
    return Said(
        id=text(data, "id"),
        type=text(data, "type"),
        object_id=text(about, "id"),
        customer_id=text(about, "id") if text(about, "object") == "customer" else text(about, "customer"),
        livemode=at(data, "livemode") is True,
        api_version=text(data, "api_version"),
        created=moment(0) if thin else moment(at(data, "created")),
    )
