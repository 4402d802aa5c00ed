"""Invoices: looked at, foreseen, made by hand, paid, voided."""

from __future__ import annotations

from typing import Any

from stripe.params import (
    InvoiceCreateParams,
    InvoiceCreatePreviewParams,
    InvoiceDeleteParams,
    InvoiceFinalizeInvoiceParams,
    InvoiceListLinesParams,
    InvoiceListParams,
    InvoiceMarkUncollectibleParams,
    InvoicePayParams,
    InvoiceRetrieveParams,
    InvoiceUpdateParams,
    InvoiceVoidInvoiceParams,
)

from sandbox.stripe.door.errors import Refused, missing
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.life import invoicing, lines, subscribing
from sandbox.stripe.life.cards import default_of
from sandbox.stripe.life.charging import MESSAGES
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "invoice"
ALWAYS_EDITABLE = {"metadata", "auto_advance", "default_payment_method", "expand"}


def create(store: Store, params: dict[str, Any]) -> Json:
    """A one-off invoice, with the pending items if `pending_invoice_items_behavior` is `include`."""
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    subscription = (
        store.get("subscription", params["subscription"], "subscription") if "subscription" in params else None
    )
    specs = [
        lines.for_item(store, item)
        for item in store.all("invoiceitem")
        if params.get("pending_invoice_items_behavior") == "include" and _waits(item, customer, subscription)
    ]
    about: dict[str, Any] = {
        "auto_advance": params.get("auto_advance", False),
        "metadata": merged({}, params.get("metadata")),
        "parent": invoicing.of_subscription(subscription) if subscription else None,
    }
    for name in ("description", "collection_method", "due_date", "default_payment_method", "footer"):
        if name in params:
            about[name] = params[name]
    return invoicing.draft(store, customer, specs, "manual", **about)


def _waits(item: Json, customer: str, subscription: Json | None) -> bool:
    owner = ((item["parent"] or {}).get("subscription_details") or {}).get("subscription")
    wanted = subscription["id"] if subscription else None
    return item["customer"] == customer and item["invoice"] is None and owner == wanted


def preview(store: Store, params: dict[str, Any]) -> Json:
    """What the next invoice would be, if the period ended with what has been used so far."""
    subscription = _previewed(store, params)
    start, end = subscribing.period(subscription)
    ends = subscription["cancel_at_period_end"] or (subscription["cancel_at"] or end + 1) <= end
    usage = lines.for_usage(store, subscription, start, end)
    if subscription["status"] in subscribing.OVER or (ends and not usage):
        raise Refused(404, "No upcoming invoices for customer.", code="invoice_upcoming_none")
    specs = [
        *([] if ends else lines.for_items(store, subscription, end, subscribing.next_end(subscription))),
        *usage,
        *subscribing.pending(store, subscription),
    ]
    made = invoicing.blank(
        store,
        store.new_id("upcoming_in"),
        subscription["customer"],
        specs,
        "upcoming",
        created=end,
        next_payment_attempt=end + invoicing.DRAFT_SECONDS,
        parent=invoicing.of_subscription(subscription),
        period_start=start,
        period_end=end,
    )
    lines.fill(store, made)
    return made


def _previewed(store: Store, params: dict[str, Any]) -> Json:
    if params.keys() - {"customer", "subscription", "preview_mode", "expand", "currency"}:
        raise Refused(400, "The sandbox previews the next invoice of a subscription as it is, without changes to it.")
    if "subscription" in params:
        found = store.table("subscription").get(params["subscription"])
        if found is None or params.get("customer") not in (None, found["customer"]):
            raise missing("subscription", params["subscription"], "subscription")
        return found
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    living = [
        one
        for one in store.all("subscription")
        if one["customer"] == customer and one["status"] not in subscribing.OVER
    ]
    if not living:
        raise Refused(404, "No upcoming invoices for customer: " + customer, code="invoice_upcoming_none")
    return min(living, key=lambda one: subscribing.period(one)[1])


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return invoicing.refreshed(store, store.get(KIND, id))


def line_items(store: Store, params: dict[str, Any], id: str) -> Json:
    found = retrieve(store, {}, id)["_lines"]
    return listed(found[::-1], params, f"/v1/invoices/{id}/lines", "line_item")


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [
        invoicing.refreshed(store, one)
        for one in store.all(KIND)
        if fits(one, params, "customer", "status", "collection_method")
        and params.get("subscription") in (None, (invoicing.subscription_of(store, one) or {}).get("id"))
    ]
    return listed(found, params, "/v1/invoices", KIND)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    invoice = store.get(KIND, id)
    if invoice["status"] != "draft" and params.keys() - ALWAYS_EDITABLE:
        raise Refused(400, "Finalized invoices can't be updated in this way.", code="invoice_not_editable")
    for name in ("auto_advance", "description", "footer", "default_payment_method", "due_date"):
        if name in params:
            invoice[name] = None if params[name] == "" else params[name]
    if params.get("auto_advance") and invoice["status"] == "draft":
        invoice["automatically_finalizes_at"] = store.now() + invoicing.DRAFT_SECONDS
        store.timeline.plan(invoice["automatically_finalizes_at"], "finalize_invoice", id)
    invoice["metadata"] = merged(invoice["metadata"], params.get("metadata"))
    emit(store, "invoice.updated", invoice)
    return invoice


def finalize(store: Store, params: dict[str, Any], id: str) -> Json:
    invoice = store.get(KIND, id)
    if "auto_advance" in params:
        invoice["auto_advance"] = params["auto_advance"]
    return invoicing.finalize(store, invoice)


def pay(store: Store, params: dict[str, Any], id: str) -> Json:
    """A 402 when the card declines, as for every payment that somebody waits for."""
    invoice = store.get(KIND, id)
    if invoice["status"] == "draft":
        invoice["auto_advance"] = False
        invoicing.finalize(store, invoice)
    if invoice["status"] not in ("open", "uncollectible"):
        raise Refused(400, f"Invoice is already {invoice['status']}", code="invoice_already_paid")
    if params.get("paid_out_of_band"):
        invoicing.mark_paid(store, invoice, outside=True)
        return invoice
    chosen = params.get("payment_method")
    method = store.get("payment_method", chosen, "payment_method") if chosen else None
    default = default_of(store, invoice["customer"], invoicing.subscription_of(store, invoice))
    if method is None and default is None and invoice["default_payment_method"] is None:
        raise Refused(
            400,
            "There is no default payment method set on this Customer or Invoice. Please set one.",
            code="resource_missing",
        )
    invoicing.collect(store, invoice, method)
    if invoice["status"] == "open" and _intent(store, invoice)["last_payment_error"]:
        error = _intent(store, invoice)["last_payment_error"]
        raise Refused(
            402,
            MESSAGES[error["decline_code"]],
            code="card_declined",
            kind="card_error",
            decline_code=error["decline_code"],
            charge=error["charge"],
        )
    return invoice


def _intent(store: Store, invoice: Json) -> Json:
    payment = store.table("invoice_payment")[invoice["_payment"]]
    return store.table("payment_intent")[payment["payment"]["payment_intent"]]


def void(store: Store, params: dict[str, Any], id: str) -> Json:
    return invoicing.void(store, store.get(KIND, id))


def give_up(store: Store, params: dict[str, Any], id: str) -> Json:
    return invoicing.give_up(store, store.get(KIND, id))


def delete(store: Store, params: dict[str, Any], id: str) -> Json:
    invoice = store.get(KIND, id)
    if invoice["status"] != "draft" or invoice["parent"]:
        raise Refused(400, "You can only delete draft invoices that no subscription made.")
    for item in store.all("invoiceitem"):
        if item["invoice"] == id:
            item["invoice"] = None
    emit(store, "invoice.deleted", invoice)
    return store.drop(KIND, id)


OPERATIONS = (
    Operation("POST", "/v1/invoices", InvoiceCreateParams, create),
    Operation("GET", "/v1/invoices", InvoiceListParams, find_all),
    Operation("POST", "/v1/invoices/create_preview", InvoiceCreatePreviewParams, preview),
    Operation("GET", "/v1/invoices/{id}", InvoiceRetrieveParams, retrieve),
    Operation("POST", "/v1/invoices/{id}", InvoiceUpdateParams, update),
    Operation("DELETE", "/v1/invoices/{id}", InvoiceDeleteParams, delete),
    Operation("GET", "/v1/invoices/{id}/lines", InvoiceListLinesParams, line_items),
    Operation("POST", "/v1/invoices/{id}/finalize", InvoiceFinalizeInvoiceParams, finalize),
    Operation("POST", "/v1/invoices/{id}/pay", InvoicePayParams, pay),
    Operation("POST", "/v1/invoices/{id}/void", InvoiceVoidInvoiceParams, void),
    Operation("POST", "/v1/invoices/{id}/mark_uncollectible", InvoiceMarkUncollectibleParams, give_up),
)
