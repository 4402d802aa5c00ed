"""The lines of an invoice: what each one is for, and what it comes to.

An invoice keeps the plan of its lines as `_specs`, and works the lines out of them as long as it is a draft: usage that
arrives until then is counted.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import stripe

from sandbox.stripe.door.shape import complete
from sandbox.stripe.life.metering import aggregated
from sandbox.stripe.store import Json, Store

EMBEDDED_MAX = 10


def for_items(store: Store, subscription: Json, start: int, end: int) -> list[Json]:
    """What a new period costs beforehand: the licensed items, from `start` to `end`."""
    return [
        _spec(store, subscription, item, start, end)
        for item in subscription["items"]["data"]
        if item["price"]["recurring"]["usage_type"] == "licensed"
    ]


def for_usage(store: Store, subscription: Json, start: int, end: int) -> list[Json]:
    """What was used in a period that is over."""
    return [
        _spec(store, subscription, item, start, end)
        for item in subscription["items"]["data"]
        if item["price"]["recurring"]["usage_type"] == "metered"
    ]


def for_item(store: Store, item: Json) -> Json:
    """A pending invoice item."""
    return {"id": store.new_id("il"), "invoiceitem": item["id"]}


def trial(store: Store, subscription: Json, start: int, end: int) -> list[Json]:
    return [{**spec, "free": True} for spec in for_items(store, subscription, start, end)]


def fill(store: Store, invoice: Json) -> None:
    """Works out the lines and the totals of a draft."""
    lines = [_line(store, invoice, spec) for spec in invoice["_specs"]]
    total = sum(line["amount"] for line in lines)
    invoice["_lines"] = lines
    invoice["lines"] = {
        "object": "list",
        "data": lines[:EMBEDDED_MAX],
        "has_more": len(lines) > EMBEDDED_MAX,
        "total_count": len(lines),
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
    customer = store.customers.get(invoice["customer"] or "") or {}
    balance = customer.get("balance", 0)
    due = max(0, total + balance)
    invoice |= {
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "starting_balance": balance,
        "amount_due": due,
        "amount_remaining": due,
    }


def _spec(store: Store, subscription: Json, item: Json, start: int, end: int) -> Json:
    return {
        "id": store.new_id("il"),
        "subscription": subscription["id"],
        "item": item["id"],
        "price": item["price"]["id"],
        "quantity": item["quantity"],
        "start": start,
        "end": end,
        "metadata": dict(item["metadata"]),
    }


def _line(store: Store, invoice: Json, spec: Json) -> Json:
    if "invoiceitem" in spec:
        return _line_of_item(store, invoice, spec["id"], store.table("invoiceitem")[spec["invoiceitem"]])
    price = store.table("price")[spec["price"]]
    quantity = _used(store, invoice, price, spec) if spec["quantity"] is None else spec["quantity"]
    amount = 0 if spec.get("free") else cents(price, quantity)
    details = {"proration": False, "subscription": spec["subscription"], "subscription_item": spec["item"]}
    return _made(
        store,
        invoice,
        spec["id"],
        amount=amount,
        description=_described(store, price, quantity, free=bool(spec.get("free"))),
        metadata=spec["metadata"],
        parent={"type": "subscription_item_details", "subscription_item_details": details},
        period={"start": spec["start"], "end": spec["end"]},
        pricing=pricing(price),
        quantity=quantity,
        subscription=spec["subscription"],
    )


def _line_of_item(store: Store, invoice: Json, line_id: str, item: Json) -> Json:
    owner = (item["parent"] or {}).get("subscription_details") or {}
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "subscription": owner.get("subscription"),
    }
    return _made(
        store,
        invoice,
        line_id,
        amount=item["amount"],
        description=item["description"],
        metadata=item["metadata"],
        parent={"type": "invoice_item_details", "invoice_item_details": details},
        period=dict(item["period"]),
        pricing=item["pricing"],
        quantity=item["quantity"],
        subscription=owner.get("subscription"),
    )


def _made(store: Store, invoice: Json, line_id: str, **known: Any) -> Json:
    return complete(
        stripe.InvoiceLineItem,
        {
            "id": line_id,
            "object": "line_item",
            "currency": invoice["currency"],
            "discountable": True,
            "invoice": invoice["id"],
            "livemode": False,
            "subtotal": known["amount"],
            "quantity_decimal": None if known["quantity"] is None else str(known["quantity"]),
            **known,
        },
    )


def _used(store: Store, invoice: Json, price: Json, spec: Json) -> int:
    """What the meter had counted by now; less than nothing is nothing."""
    meter = store.table("billing.meter")[price["recurring"]["meter"]]
    seen_by = store.exact_now() - store.options.aggregation_seconds
    events = store.meter_events.within(meter["event_name"], invoice["customer"], spec["start"], spec["end"], seen_by)
    return max(0, aggregated(events, meter["default_aggregation"]["formula"]))


def cents(price: Json, quantity: int) -> int:
    """What so many cost, in whole cents."""
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def pricing(price: Json) -> Json:
    details = {"price": price["id"], "product": price["product"]}
    return {"type": "price_details", "price_details": details, "unit_amount_decimal": price["unit_amount_decimal"]}


def _described(store: Store, price: Json, quantity: int, *, free: bool) -> str:
    name = store.table("product")[price["product"]].get("name", "")
    if free:
        return f"Trial period for {name}"
    dollars = Decimal(price["unit_amount_decimal"]) / 100
    return f"{quantity} × {name} (at ${dollars:.2f} / {price['recurring']['interval']})"
