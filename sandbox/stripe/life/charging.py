"""Taking money: payment intents and the charges that they lead to, at once or days later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import stripe

from sandbox.stripe.door.shape import complete
from sandbox.stripe.life.cards import Card, card_of
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "debit_not_authorized": "The bank debit was not authorized.",
}
FEE_CENTS, FEE_PERMILLE = 30, 29
# Who wants to know that a payment has come to something after all: `(store, payment intent)`.
SETTLED: list[Callable[[Store, Json], None]] = []
CHARGED: list[Callable[[Store, Json], None]] = []


def intend(store: Store, amount: int, currency: str, customer: str | None, **about: Any) -> Json:
    """A payment that is still to be made."""
    made = complete(
        stripe.PaymentIntent,
        {
            "id": store.new_id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "amount_details": {"tip": {}},
            "automatic_payment_methods": None,
            "capture_method": "automatic_async",
            "client_secret": store.new_id("pi_secret"),
            "confirmation_method": "automatic",
            "created": store.now(),
            "currency": currency,
            "customer": customer,
            "livemode": False,
            "metadata": {},
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            **about,
        },
    )
    emit(store, "payment_intent.created", store.add(made))
    return made


def attempt(store: Store, intent: Json, method: Json | None) -> Json:
    """Charges the card; the intent, whose status says what came of it."""
    if method is None:
        return intent
    card = card_of(method)
    intent["payment_method"] = method["id"]
    intent["payment_method_types"] = [method["type"]]
    if card.later:
        intent["status"] = "processing"
        emit(store, "payment_intent.processing", intent)
        store.timeline.plan(store.exact_now() + store.options.delayed_payment_seconds, "settle_payment", intent["id"])
        return intent
    return _charge(store, intent, method, card.declines)


@happening("settle_payment")
def _settle(store: Store, intent_id: str) -> None:
    intent = store.table("payment_intent")[intent_id]
    method = store.table("payment_method").get(intent["payment_method"] or "")
    if intent["status"] != "processing" or method is None:
        return
    _charge(store, intent, method, "debit_not_authorized" if card_of(method).later == "fails" else None)
    for settled in SETTLED:
        settled(store, intent)


def _charge(store: Store, intent: Json, method: Json, declines: str | None) -> Json:
    charge = _charge_object(store, intent, method, declines)
    intent["latest_charge"] = charge["id"]
    if declines:
        intent |= {"status": "requires_payment_method", "payment_method": None}
        intent["last_payment_error"] = complete(
            stripe.PaymentIntent.LastPaymentError,
            {
                "charge": charge["id"],
                "code": "card_declined",
                "decline_code": declines,
                "message": MESSAGES[declines],
                "type": "card_error",
            },
        )
        emit(store, "charge.failed", charge)
        emit(store, "payment_intent.payment_failed", intent)
        return intent
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    emit(store, "charge.succeeded", charge)
    emit(store, "payment_intent.succeeded", intent)
    for charged in CHARGED:
        charged(store, charge)
    return intent


def _charge_object(store: Store, intent: Json, method: Json, declines: str | None) -> Json:
    charge_id = store.new_id("ch")
    good = declines is None
    outcome = {"network_status": "approved_by_network" if good else "declined_by_network", "reason": declines}
    made = complete(
        stripe.Charge,
        {
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if good else 0,
            "amount_refunded": 0,
            "balance_transaction": book(store, intent["amount"], "charge", charge_id)["id"] if good else None,
            "billing_details": {},
            "captured": good,
            "created": store.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": None if good else "card_declined",
            "failure_message": MESSAGES[declines] if declines else None,
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "outcome": {**outcome, "type": "authorized" if good else "issuer_declined"},
            "paid": good,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(method),
            "receipt_url": f"{store.address}/receipts/{charge_id}",
            "refunded": False,
            "status": "succeeded" if good else "failed",
        },
    )
    return store.add(made)


def _details(method: Json) -> Json:
    kind = method["type"]
    names = ("brand", "exp_month", "exp_year", "funding", "last4", "country", "fingerprint")
    if kind != "card":
        names = ("bank_name", "last4", "account_type", "routing_number")
    return {"type": kind, kind: {name: method[kind][name] for name in names}}


def book(store: Store, amount: int, kind: str, source: str, category: str | None = None) -> Json:
    """A line of our balance at Stripe. Stripe keeps its fee of a charge, also when the charge is refunded."""
    fee = FEE_CENTS + amount * FEE_PERMILLE // 1000 if kind == "charge" else 0
    return store.add(
        complete(
            stripe.BalanceTransaction,
            {
                "id": store.new_id("txn"),
                "object": "balance_transaction",
                "amount": amount,
                "available_on": store.now() + 2 * 86_400,
                "balance_type": "payments",
                "created": store.now(),
                "currency": "usd",
                "fee": fee,
                "fee_details": [],
                "net": amount - fee,
                "reporting_category": category or kind,
                "source": source,
                "status": "pending",
                "type": kind,
            },
        )
    )


def card_of_charge(store: Store, charge: Json) -> Card:
    return card_of(store.table("payment_method")[charge["payment_method"]])
