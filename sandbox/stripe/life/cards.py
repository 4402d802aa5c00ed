"""Ways to pay: Stripe's own test cards, each with what it does, and bank debits that take their time."""

from __future__ import annotations

from dataclasses import dataclass

import stripe

from sandbox.stripe.door.shape import complete
from sandbox.stripe.store import Json, Store


@dataclass(frozen=True, slots=True)
class Card:
    """`declines` is the decline code of every charge; `later` is what a bank debit comes to, days after."""

    label: str
    number: str
    token: str
    declines: str | None = None
    attaches: bool = True
    later: str | None = None
    refund: str = "succeeded"
    disputed: bool = False


CARDS = (
    Card("Pays", "4242424242424242", "pm_card_visa"),
    Card("Is declined", "4000000000000002", "pm_card_visa_chargeDeclined", "generic_decline", attaches=False),
    Card("Is saved, but declines when charged", "4000000000000341", "pm_card_chargeCustomerFail", "generic_decline"),
    Card("Has no money", "4000000000009995", "pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds", False),
    Card("Pays, and the payment is disputed", "4000000000000259", "pm_card_createDispute", disputed=True),
    Card("Pays, and a refund fails later", "4000000000005126", "pm_card_refundFail", refund="fails_later"),
    Card("Pays, and a refund takes a while", "4000000000007726", "pm_card_pendingRefund", refund="pending"),
    Card("Bank debit that arrives later", "000123456789", "pm_usBankAccount", later="succeeds"),
    Card("Bank debit that fails later", "000111111116", "pm_usBankAccount_fails", later="fails"),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {card.token: card for card in CARDS}


def method(store: Store, card: Card, customer: str | None = None) -> Json:
    """A new payment method that behaves like this card."""
    known: Json = {
        "id": store.new_id("pm"),
        "object": "payment_method",
        "created": store.now(),
        "customer": customer,
        "livemode": False,
        "metadata": {},
        "billing_details": {},
        "_number": card.number,
    }
    last4 = card.number[-4:]
    if card.later:
        bank = {
            "bank_name": "STRIPE TEST BANK",
            "last4": last4,
            "account_type": "checking",
            "routing_number": "110000000",
        }
        known |= {"type": "us_bank_account", "us_bank_account": bank}
    else:
        face = {"brand": "visa", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": last4}
        known |= {"type": "card", "card": {**face, "country": "US", "fingerprint": f"sandbox{last4}"}}
    return store.add(complete(stripe.PaymentMethod, known))


def card_of(found: Json) -> Card:
    return BY_NUMBER[found["_number"]]


def default_of(store: Store, customer: str | None, subscription: Json | None = None) -> Json | None:
    """What a payment without a card of its own is taken from: the subscription's, else the customer's."""
    owner = store.customers.get(customer or "") or {}
    chosen = (subscription or {}).get("default_payment_method") or (owner.get("invoice_settings") or {}).get(
        "default_payment_method"
    )
    return store.table("payment_method").get(chosen or "")
