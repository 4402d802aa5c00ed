"""The life of an invoice: draft, finalised an hour later, paid or tried again, void."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import stripe

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.shape import complete
from sandbox.stripe.door.showing import included
from sandbox.stripe.life import charging, lines
from sandbox.stripe.life.cards import default_of
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

DRAFT_SECONDS = 3600
DAY = 86_400
# Who wants to know that an invoice was paid, or could not be: `(store, invoice)`.
PAID: list[Callable[[Store, Json], None]] = []
UNPAID: list[Callable[[Store, Json], None]] = []


def draft(store: Store, customer: str, specs: list[Json], reason: str, **about: Any) -> Json:
    """A new draft with these lines. One that advances by itself is finalised an hour later."""
    made = blank(store, store.new_id("in"), customer, specs, reason, **about)
    lines.fill(store, store.add(made))
    for spec in specs:
        if "invoiceitem" in spec:
            store.table("invoiceitem")[spec["invoiceitem"]]["invoice"] = made["id"]
    if made["auto_advance"]:
        made["automatically_finalizes_at"] = store.now() + DRAFT_SECONDS
        store.timeline.plan(made["automatically_finalizes_at"], "finalize_invoice", made["id"])
    emit(store, "invoice.created", made)
    return made


def blank(store: Store, invoice_id: str, customer: str, specs: list[Json], reason: str, **about: Any) -> Json:
    """An invoice without figures yet; a preview is one that is not kept."""
    owner = store.get("customer", customer, "customer")
    return complete(
        stripe.Invoice,
        {
            "id": invoice_id,
            "object": "invoice",
            "account_country": "US",
            "account_name": "Sandbox",
            **dict.fromkeys(AMOUNTS, 0),
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": True,
            "automatic_tax": {"enabled": False},
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": store.now(),
            "currency": "usd",
            "customer": customer,
            "customer_email": owner["email"],
            "customer_name": owner["name"],
            "customer_tax_exempt": owner["tax_exempt"],
            "customer_tax_ids": [],
            "issuer": {"type": "self"},
            "lines": {},
            "livemode": False,
            "metadata": {},
            "payment_settings": {},
            "period_start": store.now(),
            "period_end": store.now(),
            "status": "draft",
            "_specs": specs,
            **about,
        },
    )


AMOUNTS = (
    *("amount_due", "amount_overpaid", "amount_paid", "amount_remaining", "amount_shipping", "starting_balance"),
    *("post_payment_credit_notes_amount", "pre_payment_credit_notes_amount", "subtotal", "total"),
)


def of_subscription(subscription: Json) -> Json:
    """The parent of an invoice that a subscription makes."""
    details = {"subscription": subscription["id"], "metadata": dict(subscription["metadata"])}
    return {"type": "subscription_details", "subscription_details": details}


def subscription_of(store: Store, invoice: Json) -> Json | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return store.table("subscription").get(details.get("subscription") or "")


def refreshed(store: Store, invoice: Json) -> Json:
    """A draft's figures are worked out whenever somebody looks."""
    if invoice["status"] == "draft":
        lines.fill(store, invoice)
    return invoice


@happening("finalize_invoice")
def _finalize_later(store: Store, invoice_id: str) -> None:
    invoice = store.table("invoice")[invoice_id]
    if invoice.get("status") == "draft" and invoice["auto_advance"]:
        finalize(store, invoice)


def finalize(store: Store, invoice: Json, paid_by: Json | None = None) -> Json:
    """The figures stand from now on, and the money is asked for, unless it is there."""
    if invoice["status"] != "draft":
        raise Refused(400, "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    lines.fill(store, invoice)
    customer = store.get("customer", invoice["customer"], "customer")
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    # What is left of the customer's credit; a negative invoice adds to it.
    customer["balance"] = min(0, invoice["total"] + invoice["starting_balance"]) if invoice["lines"]["data"] else 0
    invoice |= {
        "status": "open",
        "number": invoice["number"] or number,
        "effective_at": store.now(),
        "ending_balance": customer["balance"],
        "automatically_finalizes_at": None,
        "hosted_invoice_url": f"{store.address}/i/{invoice['id']}",
        "invoice_pdf": f"{store.address}/i/{invoice['id']}/pdf",
    }
    invoice["status_transitions"]["finalized_at"] = store.now()
    emit(store, "invoice.finalized", invoice)
    if paid_by is not None:
        _pay_by(store, invoice, paid_by)
        mark_paid(store, invoice)
    elif not _is_paused(store, invoice):
        _ask_for_money(store, invoice)
    return invoice


def _is_paused(store: Store, invoice: Json) -> bool:
    """An invoice of a subscription whose collection is paused ends otherwise than by a payment."""
    pause = (subscription_of(store, invoice) or {}).get("pause_collection")
    if not pause:
        return False
    if pause["behavior"] == "void":
        void(store, invoice)
    elif pause["behavior"] == "mark_uncollectible":
        give_up(store, invoice)
    return True


def _ask_for_money(store: Store, invoice: Json) -> None:
    if invoice["amount_due"] == 0:
        mark_paid(store, invoice)
        return
    about = {"description": f"Payment for invoice {invoice['number']}", "_invoice": invoice["id"]}
    due = (invoice["amount_due"], invoice["currency"], invoice["customer"])
    _pay_by(store, invoice, charging.intend(store, *due, **about))
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        collect(store, invoice)


def _pay_by(store: Store, invoice: Json, intent: Json) -> None:
    payment = complete(
        stripe.InvoicePayment,
        {
            "id": store.new_id("inpay"),
            "object": "invoice_payment",
            "amount_requested": invoice["amount_due"],
            "created": store.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
        },
    )
    store.add(payment)
    invoice["_payment"] = payment["id"]


def collect(store: Store, invoice: Json, method: Json | None = None) -> None:
    """One attempt to get the money, by the card given or the one that is kept."""
    payment = store.table("invoice_payment")[invoice["_payment"]]
    intent = store.table("payment_intent")[payment["payment"]["payment_intent"]]
    if intent["status"] == "processing":
        return
    chosen = method or store.table("payment_method").get(invoice["default_payment_method"] or "")
    chosen = chosen or default_of(store, invoice["customer"], subscription_of(store, invoice))
    invoice["attempted"] = True
    charging.attempt(store, intent, chosen)
    if intent["status"] != "processing":
        _settled(store, intent)


def _settled(store: Store, intent: Json) -> None:
    invoice = store.table("invoice").get(intent.get("_invoice", ""))
    if invoice is None or invoice["status"] not in ("open", "uncollectible"):
        return
    if intent["status"] == "succeeded":
        mark_paid(store, invoice)
    else:
        _put_off(store, invoice)


charging.SETTLED.append(_settled)


def mark_paid(store: Store, invoice: Json, *, outside: bool = False) -> None:
    """Paid: by the card, by the customer's credit, or outside of Stripe."""
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + (0 if outside or not invoice["amount_due"] else 1),
        "next_payment_attempt": None,
        "auto_advance": False,
    }
    if outside:
        invoice["amount_paid_off_stripe"] = invoice["amount_due"]
    invoice["status_transitions"]["paid_at"] = store.now()
    payment = store.table("invoice_payment").get(invoice.get("_payment", ""))
    if payment is not None:
        payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        payment["status_transitions"]["paid_at"] = store.now()
        emit(store, "invoice_payment.paid", payment)
    emit(store, "invoice.paid", invoice)
    emit(store, "invoice.payment_succeeded", invoice)
    for paid in PAID:
        paid(store, invoice)


def _put_off(store: Store, invoice: Json) -> None:
    """The card did not pay: it is tried again in a few days, and then no more."""
    days, tried = store.options.retry_days, invoice["attempt_count"]
    # Who is buying gets to choose another card; nobody waits days for a first payment.
    again = store.now() + days[tried] * DAY if tried < len(days) and not is_first(invoice) else None
    invoice |= {"attempt_count": tried + 1, "next_payment_attempt": again}
    if again:
        store.timeline.plan(again, "retry_invoice", invoice["id"])
    emit(store, "invoice.payment_failed", invoice)
    for unpaid in UNPAID:
        unpaid(store, invoice)


def is_first(invoice: Json) -> bool:
    return invoice["billing_reason"] == "subscription_create"


@happening("retry_invoice")
def _retry(store: Store, invoice_id: str) -> None:
    invoice = store.table("invoice")[invoice_id]
    due = invoice.get("next_payment_attempt")
    if invoice.get("status") == "open" and due is not None and due <= store.now():
        collect(store, invoice)


def void(store: Store, invoice: Json) -> Json:
    """Never to be paid. Its pending items do not come back."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise Refused(400, f"You can only pass in open or uncollectible invoices. This one is {invoice['status']}.")
    invoice |= {"status": "void", "next_payment_attempt": None, "auto_advance": False}
    invoice["status_transitions"]["voided_at"] = store.now()
    _cancel_payment(store, invoice)
    emit(store, "invoice.voided", invoice)
    return invoice


def give_up(store: Store, invoice: Json) -> Json:
    if invoice["status"] != "open":
        raise Refused(400, f"You can only mark open invoices as uncollectible. This one is {invoice['status']}.")
    invoice |= {"status": "uncollectible", "next_payment_attempt": None, "auto_advance": False}
    invoice["status_transitions"]["marked_uncollectible_at"] = store.now()
    emit(store, "invoice.marked_uncollectible", invoice)
    return invoice


def _cancel_payment(store: Store, invoice: Json) -> None:
    payment = store.table("invoice_payment").get(invoice.get("_payment", ""))
    if payment is None:
        return
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = store.now()
    intent = store.table("payment_intent")[payment["payment"]["payment_intent"]]
    before = deepcopy(intent)
    intent |= {"status": "canceled", "canceled_at": store.now(), "cancellation_reason": "void_invoice"}
    emit(store, "payment_intent.canceled", intent, before)


@included("invoice", "payments")
def _payments(store: Store, invoice: Json) -> Json:
    found = [one for one in store.all("invoice_payment") if one["invoice"] == invoice["id"]]
    return {"object": "list", "data": found, "has_more": False, "url": f"/v1/invoice_payments?invoice={invoice['id']}"}
