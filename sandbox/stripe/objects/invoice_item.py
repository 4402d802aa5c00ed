"""Invoice items: amounts that wait for the customer's next invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import stripe
from stripe.params import (
    InvoiceItemCreateParams,
    InvoiceItemDeleteParams,
    InvoiceItemListParams,
    InvoiceItemRetrieveParams,
    InvoiceItemUpdateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.life import lines
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "invoiceitem"
LISTED_KIND = "invoice item"


def add(store: Store, customer: str, amount: int, description: str | None, **about: Any) -> Json:
    """A pending item; `about` may name its price, quantity, subscription (item), period, metadata, proration."""
    price, subscription = about.get("price"), about.get("subscription")
    quantity = about.get("quantity") or 1
    owner = {"subscription": subscription, "subscription_item": about.get("subscription_item")}
    made = complete(
        stripe.InvoiceItem,
        {
            "id": store.new_id("ii"),
            "object": "invoiceitem",
            "amount": amount,
            "currency": price["currency"] if price else "usd",
            "customer": customer,
            "date": store.now(),
            "description": description,
            "discountable": not about.get("proration", False),
            "discounts": [],
            "invoice": about.get("invoice"),
            "livemode": False,
            "metadata": about.get("metadata", {}),
            "net_amount": amount,
            "parent": {"type": "subscription_details", "subscription_details": owner} if subscription else None,
            "period": about.get("period") or {"start": store.now(), "end": store.now()},
            "pricing": lines.pricing(price)
            if price
            else {"type": "price_details", "unit_amount_decimal": str(Decimal(amount) / quantity)},
            "proration": about.get("proration", False),
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": [],
        },
    )
    emit(store, "invoiceitem.created", store.add(made))
    return made


def create(store: Store, params: dict[str, Any]) -> Json:
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    if params.get("currency", "usd") != "usd":
        raise Refused(400, f"The sandbox bills in usd, not in {params['currency'][:10]}.", param="currency")
    price_id = params.get("pricing", {}).get("price")
    price = store.get("price", price_id, "pricing[price]") if price_id else None
    quantity = params.get("quantity", 1)
    if (price is None) == ("amount" not in params) and "unit_amount_decimal" not in params:
        raise Refused(400, "You must specify an amount or a price.", code="parameter_missing", param="amount")
    if "amount" in params and "currency" not in params:
        raise Refused(400, "Missing required param: currency.", code="parameter_missing", param="currency")
    amount = lines.cents(price, quantity) if price else params.get("amount")
    if amount is None:
        amount = int(Decimal(params["unit_amount_decimal"]) * quantity)
    _check_parents(store, params)
    made = add(
        store,
        customer,
        amount,
        params.get("description"),
        invoice=params.get("invoice"),
        metadata=merged({}, params.get("metadata")),
        period=params.get("period"),
        price=price,
        quantity=quantity,
        subscription=params.get("subscription"),
    )
    if made["invoice"]:
        invoice = store.table("invoice")[made["invoice"]]
        invoice["_specs"].append(lines.for_item(store, made))
        lines.fill(store, invoice)
    return made


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(KIND, id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    item = _editable(store, id)
    for name in ("amount", "description", "period"):
        if name in params:
            item[name] = params[name]
    item["metadata"] = merged(item["metadata"], params.get("metadata"))
    return item


def delete(store: Store, params: dict[str, Any], id: str) -> Json:
    item = _editable(store, id)
    if item["invoice"]:
        invoice = store.table("invoice")[item["invoice"]]
        invoice["_specs"] = [spec for spec in invoice["_specs"] if spec.get("invoiceitem") != id]
        lines.fill(store, invoice)
    emit(store, "invoiceitem.deleted", item)
    return store.drop(KIND, id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [
        one
        for one in store.all(KIND)
        if fits(one, params, "customer", "invoice", at="date")
        and params.get("pending", one["invoice"] is None) == (one["invoice"] is None)
    ]
    return listed(found, params, "/v1/invoiceitems", LISTED_KIND)


OPERATIONS = (
    Operation("POST", "/v1/invoiceitems", InvoiceItemCreateParams, create),
    Operation("GET", "/v1/invoiceitems", InvoiceItemListParams, find_all),
    Operation("GET", "/v1/invoiceitems/{id}", InvoiceItemRetrieveParams, retrieve),
    Operation("POST", "/v1/invoiceitems/{id}", InvoiceItemUpdateParams, update),
    Operation("DELETE", "/v1/invoiceitems/{id}", InvoiceItemDeleteParams, delete),
)


def _check_parents(store: Store, params: dict[str, Any]) -> None:
    if params.get("subscription"):
        found = store.get("subscription", params["subscription"], "subscription")
        if found["status"] in ("canceled", "incomplete_expired"):
            raise Refused(400, "The subscription has been canceled.", param="subscription")
    if params.get("invoice") and store.get("invoice", params["invoice"], "invoice")["status"] != "draft":
        raise Refused(400, "This invoice is no longer editable.", code="invoice_not_editable", param="invoice")


def _editable(store: Store, item_id: str) -> Json:
    item = store.get(KIND, item_id)
    if item["invoice"] and store.table("invoice")[item["invoice"]]["status"] != "draft":
        raise Refused(400, "This invoice is no longer editable.", code="invoice_not_editable")
    return item
