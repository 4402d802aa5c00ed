"""Changes of a running subscription: another price, a pause, an end, a longer trial."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.life import invoicing, lines, subscribing
from sandbox.stripe.life.calendar import next_boundary
from sandbox.stripe.objects import invoice_item
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

PLAIN = ("default_payment_method", "description", "collection_method", "days_until_due", "payment_settings")


def change(store: Store, subscription: Json, params: dict[str, Any]) -> Json:
    """Does what an update asks for, and tells of it in one event."""
    before = deepcopy(subscription)
    if params.get("default_payment_method"):
        store.get("payment_method", params["default_payment_method"], "default_payment_method")
    for name in PLAIN:
        if name in params:
            subscription[name] = None if params[name] == "" else params[name]
    subscription["metadata"] = merged(subscription["metadata"], params.get("metadata"))
    if details := params.get("cancellation_details"):
        subscription["cancellation_details"] = {**(subscription["cancellation_details"] or {}), **details}
    _set_end(store, subscription, params)
    _set_pause(store, subscription, params)
    _set_trial(store, subscription, params)
    if "items" in params:
        _set_items(store, subscription, params)
    if subscription != before:
        emit(store, "customer.subscription.updated", subscription, before)
    return subscription


def _set_end(store: Store, subscription: Json, params: dict[str, Any]) -> None:
    _, end = subscribing.period(subscription)
    if "cancel_at_period_end" in params:
        ends = params["cancel_at_period_end"]
        details = {**(subscription["cancellation_details"] or {}), "reason": "cancellation_requested" if ends else None}
        subscription |= {
            "cancel_at_period_end": ends,
            "cancel_at": end if ends else None,
            "canceled_at": store.now() if ends else None,
            "cancellation_details": details,
        }
    if "cancel_at" in params:
        at = {"": None, "min_period_end": end, "max_period_end": end}.get(params["cancel_at"], params["cancel_at"])
        if at is not None and at <= store.now():
            raise Refused(400, "cancel_at must be in the future.", param="cancel_at")
        subscription |= {"cancel_at": at, "canceled_at": store.now() if at else None, "cancel_at_period_end": False}
        if at is not None:
            store.timeline.plan(at, "cancel_at", subscription["id"])


def _set_pause(store: Store, subscription: Json, params: dict[str, Any]) -> None:
    if "pause_collection" not in params:
        return
    pause = params["pause_collection"] or None
    subscription["pause_collection"] = {"resumes_at": None, **pause} if pause else None
    if pause and pause.get("resumes_at"):
        store.timeline.plan(pause["resumes_at"], "resume_collection", subscription["id"])


@subscribing.happening("resume_collection")
def _resume(store: Store, subscription_id: str) -> None:
    subscription = store.table("subscription")[subscription_id]
    pause = subscription["pause_collection"]
    if pause and (pause["resumes_at"] or 0) <= store.now():
        subscribing.change(store, subscription, pause_collection=None)


def _set_trial(store: Store, subscription: Json, params: dict[str, Any]) -> None:
    if "trial_end" not in params or subscription["status"] != "trialing":
        return
    end = store.now() if params["trial_end"] == "now" else params["trial_end"]
    if end < store.now():
        raise Refused(400, "Invalid timestamp: must be in the future", param="trial_end")
    subscription |= {"trial_end": end, "billing_cycle_anchor": end}
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end
    store.timeline.plan(end, "renew", subscription["id"])


def _set_items(store: Store, subscription: Json, params: dict[str, Any]) -> None:
    behavior = params.get("proration_behavior", "create_prorations")
    at = params.get("proration_date", store.now())
    for asked in params["items"]:
        item = _item(subscription, asked.get("id"))
        if asked.get("deleted"):
            if item is None:
                raise Refused(400, "Pass the id of the item to delete.", param="items[0][id]")
            _prorate(store, subscription, item, None, at, behavior)
            subscription["items"]["data"].remove(item)
        elif item is None:
            _add(store, subscription, asked, at, behavior)
        else:
            _replace(store, subscription, item, asked, at, behavior)
    if not subscription["items"]["data"]:
        raise Refused(400, "A subscription must have at least one item.", param="items")
    subscription["items"]["total_count"] = len(subscription["items"]["data"])
    if behavior == "always_invoice":
        _bill_now(store, subscription)


def _item(subscription: Json, item_id: str | None) -> Json | None:
    if item_id is None:
        return None
    found = [one for one in subscription["items"]["data"] if one["id"] == item_id]
    if not found:
        raise Refused(404, f"No such subscription item: '{item_id}'", code="resource_missing", param="items[0][id]")
    return found[0]


def _add(store: Store, subscription: Json, asked: Json, at: int, behavior: str) -> None:
    price = store.get("price", asked.get("price", ""), "items[0][price]")
    if any(one["price"]["id"] == price["id"] for one in subscription["items"]["data"]):
        raise Refused(400, "Cannot add multiple subscription items with the same price.", param="items[0][price]")
    made = subscribing.item_of(store, subscription["id"], {**asked, "price": price}, *subscribing.period(subscription))
    subscription["items"]["data"].append(made)
    _prorate(store, subscription, None, made, at, behavior)


def _replace(store: Store, subscription: Json, item: Json, asked: Json, at: int, behavior: str) -> None:
    """Another price or quantity. One of another interval begins a new period now."""
    before = deepcopy(item)
    price = store.get("price", asked["price"], "items[0][price]") if "price" in asked else item["price"]
    start, end = subscribing.period(subscription)
    made = subscribing.item_of(
        store, subscription["id"], {"quantity": item["quantity"], **asked, "price": price}, start, end
    )
    item |= {**made, "id": item["id"], "created": item["created"]}
    if "metadata" in asked:
        item["metadata"] = merged(before["metadata"], asked["metadata"])
    if _interval(before) != _interval(item):
        _restart(store, subscription)
    _prorate(store, subscription, before, item, at, behavior)


def _interval(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _restart(store: Store, subscription: Json) -> None:
    item = subscription["items"]["data"][0]
    end = next_boundary(store.now(), *_interval(item), store.now())
    subscription["billing_cycle_anchor"] = store.now()
    for one in subscription["items"]["data"]:
        one |= {"current_period_start": store.now(), "current_period_end": end}
    store.timeline.plan(end, "renew", subscription["id"])


def _prorate(store: Store, subscription: Json, old: Json | None, new: Json | None, at: int, behavior: str) -> None:
    """The unused time of the old item back, the remaining time of the new one due: two pending items."""
    if behavior == "none" or subscription["status"] == "trialing":
        return
    for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
        if item is None or item["price"]["recurring"]["usage_type"] == "metered":
            continue
        start, end = item["current_period_start"], item["current_period_end"]
        if not start <= at <= end:
            raise Refused(400, "Cannot prorate outside of the current period.", param="proration_date")
        whole = lines.cents(item["price"], item["quantity"])
        amount = sign * _share(whole, end - at, end - start)
        name = store.table("product")[item["price"]["product"]].get("name", "")
        invoice_item.add(
            store,
            subscription["customer"],
            amount,
            f"{words} {name}",
            subscription=subscription["id"],
            subscription_item=item["id"],
            price=item["price"],
            quantity=item["quantity"],
            period={"start": at, "end": end},
            proration=True,
        )


def _share(whole: int, part: int, of: int) -> int:
    """To the nearest cent, halves up."""
    return (2 * whole * part + of) // (2 * of)


def credit_the_rest(store: Store, subscription: Json) -> None:
    """What was paid beforehand and is not used any more, as pending items."""
    for item in subscription["items"]["data"]:
        _prorate(store, subscription, item, None, store.now(), "create_prorations")


def _bill_now(store: Store, subscription: Json) -> None:
    specs = subscribing.pending(store, subscription)
    if not specs:
        return
    invoice = invoicing.draft(
        store,
        subscription["customer"],
        specs,
        "subscription_update",
        parent=invoicing.of_subscription(subscription),
        auto_advance=False,
    )
    invoice["auto_advance"] = True
    subscription["latest_invoice"] = invoice["id"]
    invoicing.finalize(store, invoice)
