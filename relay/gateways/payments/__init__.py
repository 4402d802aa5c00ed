"""Stripe: customers, checkouts, subscriptions, invoices, the meter, and the signatures of its events."""

from relay.errors import BadSignature
from relay.gateways.payments.client import Payments
from relay.gateways.payments.failures import AlreadyTold, Missing, PaymentsFailed
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
)

__all__ = [
    "AlreadyTold",
    "BadSignature",
    "CheckoutSession",
    "Customer",
    "Dispute",
    "Invoice",
    "Item",
    "Line",
    "Missing",
    "Payments",
    "PaymentsFailed",
    "Refund",
    "Said",
    "Subscription",
]
