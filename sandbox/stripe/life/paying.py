"""What happens when somebody has filled in the checkout page."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.life import charging, invoicing, lines, subscribing
from sandbox.stripe.life.cards import Card, method
from sandbox.stripe.life.charging import MESSAGES
from sandbox.stripe.objects import customer as customers
from sandbox.stripe.objects import invoice_item
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit


def pay(store: Store, session: Json, card: Card) -> None:
    """Completes the session with this card; a card error leaves it open."""
    if session["status"] != "open":
        raise Refused(400, "This page is no longer open.", code="resource_missing")
    if card.declines and (session["amount_total"] or not card.attaches):
        _decline(store, session, card)
    _own_customer(store, session)
    chosen = method(store, card, session["customer"])
    if session["mode"] == "subscription":
        _subscribe(store, session, chosen)
    else:
        _buy(store, session, chosen)
    session |= {"status": "complete", "url": None}
    emit(store, "checkout.session.completed", session)


def _decline(store: Store, session: Json, card: Card) -> None:
    """A purchase leaves a failed payment behind; a subscription is not even begun."""
    if session["mode"] == "payment":
        intent = _intent(store, session)
        charging.attempt(store, intent, method(store, card))
    raise Refused(402, MESSAGES[card.declines or ""], code="card_declined", kind="card_error")


def _own_customer(store: Store, session: Json) -> None:
    if session["customer"] or (session["mode"] == "payment" and session["customer_creation"] == "if_required"):
        return
    session["customer"] = customers.create(store, {"email": session["customer_email"] or "guest@example.com"})["id"]


def _intent(store: Store, session: Json) -> Json:
    """Made at the first attempt to pay, as Stripe does it; the same for every further one."""
    if session["payment_intent"]:
        return store.table("payment_intent")[session["payment_intent"]]
    about = session["_about"]
    intent = charging.intend(
        store,
        session["amount_total"],
        session["currency"],
        session["customer"],
        description=about.get("description"),
        metadata=merged({}, about.get("metadata")),
        receipt_email=about.get("receipt_email"),
        _session=session["id"],
    )
    session["payment_intent"] = intent["id"]
    return intent


def _buy(store: Store, session: Json, chosen: Json) -> None:
    intent = _intent(store, session)
    charging.attempt(store, intent, chosen)
    if intent["status"] == "succeeded":
        _bought(store, session)


def _bought(store: Store, session: Json) -> None:
    session["payment_status"] = "paid"
    if session["invoice_creation"]["enabled"]:
        session["invoice"] = _invoice(store, session)["id"]


def _invoice(store: Store, session: Json) -> Json:
    """The invoice of a purchase: made after the payment, and paid by it."""
    items = [
        invoice_item.add(
            store,
            session["customer"],
            one["amount_total"],
            one["description"],
            price=one["price"],
            quantity=one["quantity"],
        )
        for one in session["_items"]
    ]
    data = session["invoice_creation"]["invoice_data"]
    invoice = invoicing.draft(
        store,
        session["customer"],
        [lines.for_item(store, one) for one in items],
        "manual",
        auto_advance=False,
        currency=session["currency"],
        metadata=data["metadata"],
        description=data["description"],
    )
    return invoicing.finalize(store, invoice, paid_by=store.table("payment_intent")[session["payment_intent"]])


def _subscribe(store: Store, session: Json, chosen: Json) -> None:
    about = session["_about"]
    items = [
        {"price": one["price"], "quantity": one["quantity"], "metadata": one["metadata"]}
        for one in session["_items"]
        if one["price"]["recurring"]
    ]
    for one in session["_items"]:
        if not one["price"]["recurring"]:
            invoice_item.add(store, session["customer"], one["amount_total"], one["description"], price=one["price"])
    chosen_for: dict[str, Any] = {"default_payment_method": chosen["id"], "description": about.get("description")}
    if session["_trial_end"]:
        chosen_for["trial_end"] = session["_trial_end"]
    made = subscribing.begin(
        store, session["customer"], items, metadata=merged({}, about.get("metadata")), **chosen_for
    )
    session |= {"subscription": made["id"], "invoice": made["latest_invoice"]}
    paid = store.table("invoice")[made["latest_invoice"]]["status"] == "paid"
    session["payment_status"] = "no_payment_required" if session["_trial_end"] else "paid" if paid else "unpaid"


def _settled(store: Store, intent: Json) -> None:
    """A bank debit that came to something, days after the page was left."""
    session = _session_of(store, intent)
    if session is None or session["payment_status"] == "paid" or session["status"] != "complete":
        return
    if intent["status"] != "succeeded":
        emit(store, "checkout.session.async_payment_failed", session)
        return
    if session["mode"] == "payment":
        _bought(store, session)
    session["payment_status"] = "paid"
    emit(store, "checkout.session.async_payment_succeeded", session)


def _session_of(store: Store, intent: Json) -> Json | None:
    sessions = store.table("checkout.session")
    if "_session" in intent:
        return sessions.get(intent["_session"])
    invoice = intent.get("_invoice")
    return next((one for one in sessions.values() if invoice and one["invoice"] == invoice), None)


charging.SETTLED.append(_settled)
