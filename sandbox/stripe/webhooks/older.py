"""Events in the shape of an older API version: what an endpoint gets that was made long ago and never upgraded."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.store import Json

VERSION = "2023-10-16"


def older(event: Json) -> Json:
    """The event as it would have been: the fields of today that were somewhere else then are where they were."""
    thing: Json = event["data"]["object"]
    move = {"invoice": _invoice, "subscription": _subscription}.get(thing.get("object", ""))
    data = {**event["data"], "object": move(dict(thing)) if move else thing}
    return {**event, "api_version": VERSION, "data": data}


def _invoice(invoice: Json) -> Json:
    """The subscription, and whether it was paid, stood in the invoice itself."""
    parent: dict[str, Any] = invoice.pop("parent", None) or {}
    details = parent.get("subscription_details") or {}
    lines = invoice.get("lines") or {"data": []}
    return {
        **invoice,
        "charge": None,
        "paid": invoice.get("status") == "paid",
        "payment_intent": None,
        "subscription": details.get("subscription"),
        "lines": {**lines, "data": [_line(one) for one in lines["data"]]},
    }


def _line(line: Json) -> Json:
    kept = {name: value for name, value in line.items() if name not in ("parent", "pricing")}
    price = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
    return {**kept, "price": {"id": price, "object": "price"} if price else None, "type": "subscription"}


def _subscription(subscription: Json) -> Json:
    """The period belonged to the whole subscription."""
    items: list[Json] = subscription["items"]["data"]
    names = ("current_period_start", "current_period_end")
    period = {name: items[0][name] for name in names if items}
    kept = [{name: value for name, value in item.items() if name not in names} for item in items]
    return {**subscription, **period, "items": {**subscription["items"], "data": kept}}
