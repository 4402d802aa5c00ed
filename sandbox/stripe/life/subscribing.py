"""The life of a subscription: trial, periods one after the other, trouble with the card, the end."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import stripe

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.shape import complete, listing
from sandbox.stripe.door.showing import included
from sandbox.stripe.life import invoicing, lines
from sandbox.stripe.life.calendar import next_boundary
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.objects import customer as customers
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

OVER = ("canceled", "incomplete_expired")
INCOMPLETE_SECONDS = 23 * 3600
TRIAL_NOTICE_SECONDS = 3 * 86_400
DAY = 86_400
AT_FIRST = {
    "automatic_tax": {"enabled": False},
    "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
    "cancel_at_period_end": False,
    "cancellation_details": {},
    "collection_method": "charge_automatically",
    "invoice_settings": {"issuer": {"type": "self"}},
    "livemode": False,
    "metadata": {},
    "payment_settings": {"save_default_payment_method": "off"},
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
}


def begin(store: Store, customer: str, items: list[Json], **about: Any) -> Json:
    """A new subscription with its first invoice, which is finalised and charged at once.

    `items` have a `price` and a `quantity`; `trial_end` in `about` puts the first period off until then.
    """
    now, trial_end = store.now(), about.get("trial_end")
    interval = _interval(items)
    anchor = trial_end or about.pop("billing_cycle_anchor", None) or now
    end = anchor if anchor > now else next_boundary(anchor, *interval, now)
    subscription_id = store.new_id("sub")
    made = complete(
        stripe.Subscription,
        {
            "id": subscription_id,
            "object": "subscription",
            "billing_cycle_anchor": anchor,
            "created": now,
            "currency": items[0]["price"]["currency"],
            "customer": customer,
            "items": listing(
                f"/v1/subscription_items?subscription={subscription_id}",
                [item_of(store, subscription_id, one, now, end) for one in items],
            ),
            "start_date": now,
            "status": "trialing" if trial_end else "incomplete",
            "trial_start": now if trial_end else None,
            **deepcopy(AT_FIRST),
            **about,
        },
    )
    store.add(made)
    emit(store, "customer.subscription.created", made)
    _plan_ahead(store, made)
    _first_invoice(store, made)
    return made


def _interval(items: list[Json]) -> tuple[str, int]:
    kinds = {(one["price"]["recurring"]["interval"], one["price"]["recurring"]["interval_count"]) for one in items}
    if len(kinds) != 1:
        raise Refused(400, "The sandbox bills all items of a subscription in the same interval.", param="items")
    return kinds.pop()


def item_of(store: Store, subscription_id: str, asked: Json, start: int, end: int) -> Json:
    price = asked["price"]
    metered = price["recurring"]["usage_type"] == "metered"
    return complete(
        stripe.SubscriptionItem,
        {
            "id": store.new_id("si"),
            "object": "subscription_item",
            "created": store.now(),
            "current_period_start": start,
            "current_period_end": end,
            "metadata": asked.get("metadata", {}),
            "plan": _plan(price),
            "price": deepcopy(price),
            "quantity": None if metered else asked.get("quantity", 1),
            "subscription": subscription_id,
            "tax_rates": [],
        },
    )


def _plan(price: Json) -> Json:
    """The same price in its older shape, which items still carry."""
    recurring = price["recurring"]
    names = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    return complete(
        stripe.Plan,
        {
            "object": "plan",
            **{name: price[name] for name in names},
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"],
            "meter": recurring["meter"],
            "usage_type": recurring["usage_type"],
        },
    )


def period(subscription: Json) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def _plan_ahead(store: Store, subscription: Json) -> None:
    _, end = period(subscription)
    if subscription["status"] == "trialing" and end - TRIAL_NOTICE_SECONDS > store.now():
        store.timeline.plan(end - TRIAL_NOTICE_SECONDS, "trial_will_end", subscription["id"])
    store.timeline.plan(end, "renew", subscription["id"])


def _first_invoice(store: Store, subscription: Json) -> None:
    start, end = period(subscription)
    build = lines.trial if subscription["status"] == "trialing" else lines.for_items
    specs = [*build(store, subscription, start, end), *pending(store, subscription)]
    invoice = _invoice(store, subscription, specs, "subscription_create", auto_advance=False)
    invoice["auto_advance"] = True
    invoicing.finalize(store, invoice)
    if subscription["status"] != "incomplete":
        return
    payment = store.table("invoice_payment")[invoice["_payment"]] if "_payment" in invoice else None
    intent = store.table("payment_intent")[payment["payment"]["payment_intent"]] if payment else None
    if intent is not None and intent["status"] == "processing":
        # A bank debit on its way counts as good until it is known to have failed.
        change(store, subscription, status="active")
    elif invoice["status"] == "open":
        store.timeline.plan(store.now() + INCOMPLETE_SECONDS, "expire_incomplete", subscription["id"])


def _invoice(store: Store, subscription: Json, specs: list[Json], reason: str, **about: Any) -> Json:
    about |= {"parent": invoicing.of_subscription(subscription), "currency": subscription["currency"]}
    invoice = invoicing.draft(store, subscription["customer"], specs, reason, **about)
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def pending(store: Store, subscription: Json) -> list[Json]:
    """The customer's invoice items that wait for an invoice, but for those of another subscription."""
    return [
        lines.for_item(store, item)
        for item in store.all("invoiceitem")
        if item["customer"] == subscription["customer"]
        and item["invoice"] is None
        and ((item["parent"] or {}).get("subscription_details") or {}).get("subscription") in (None, subscription["id"])
    ]


def change(store: Store, subscription: Json, **values: Any) -> None:
    """Sets fields, and tells of it if anything is different now."""
    before = deepcopy(subscription)
    subscription |= values
    if subscription != before:
        emit(store, "customer.subscription.updated", subscription, before)


@happening("trial_will_end")
def _trial_will_end(store: Store, subscription_id: str) -> None:
    subscription = store.table("subscription")[subscription_id]
    if subscription["status"] == "trialing":
        emit(store, "customer.subscription.trial_will_end", subscription)


@happening("renew")
def renew(store: Store, subscription_id: str) -> None:
    """The period is over: another one begins with a draft invoice, or the subscription ends."""
    subscription = store.table("subscription")[subscription_id]
    start, end = period(subscription)
    if subscription["status"] in OVER or subscription["status"] == "incomplete" or end > store.now():
        return
    if subscription["cancel_at_period_end"] or (subscription["cancel_at"] or end + 1) <= end:
        cancel(store, subscription, at=end)
        return
    _next_period(store, subscription, end)
    pause, unpaid = subscription["pause_collection"] or {}, subscription["status"] == "unpaid"
    goes_on = not unpaid and pause.get("behavior") != "keep_as_draft"
    specs = [
        *lines.for_items(store, subscription, *period(subscription)),
        *lines.for_usage(store, subscription, start, end),
        *pending(store, subscription),
    ]
    about = {"period_start": start, "period_end": end, "auto_advance": goes_on}
    _invoice(store, subscription, specs, "subscription_cycle", **about)
    _plan_ahead(store, subscription)


def next_end(subscription: Json) -> int:
    """When the period after this one will end."""
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    _, end = period(subscription)
    return next_boundary(subscription["billing_cycle_anchor"], recurring["interval"], recurring["interval_count"], end)


def _next_period(store: Store, subscription: Json, end: int) -> None:
    before = deepcopy(subscription)
    until = next_end(subscription)
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": end, "current_period_end": until}
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    emit(store, "customer.subscription.updated", subscription, before)


def cancel(
    store: Store, subscription: Json, *, at: int | None = None, bill: bool = True, reason: str | None = None
) -> Json:
    """The end. What was used in the last period is billed by a last invoice, unless `bill` is False."""
    start, _ = period(subscription)
    ended = at or store.now()
    details = {**(subscription["cancellation_details"] or {})}
    details["reason"] = reason or details.get("reason") or "cancellation_requested"
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or store.now(),
        "ended_at": ended,
        "cancellation_details": details,
    }
    emit(store, "customer.subscription.deleted", subscription)
    specs = [*lines.for_usage(store, subscription, start, ended), *pending(store, subscription)] if bill else []
    if specs:
        about = {"period_start": start, "period_end": ended}
        _invoice(store, subscription, specs, "subscription_cycle", **about)
    return subscription


@happening("cancel_at")
def _cancel_at(store: Store, subscription_id: str) -> None:
    subscription = store.table("subscription")[subscription_id]
    due = subscription["cancel_at"]
    if subscription["status"] not in OVER and due is not None and due <= store.now():
        cancel(store, subscription, at=due)


@happening("expire_incomplete")
def _expire(store: Store, subscription_id: str) -> None:
    subscription = store.table("subscription")[subscription_id]
    if subscription["status"] == "incomplete":
        change(store, subscription, status="incomplete_expired", ended_at=store.now())
        invoicing.void(store, store.table("invoice")[subscription["latest_invoice"]])


def _paid(store: Store, invoice: Json) -> None:
    """A paid invoice makes good what an unpaid one had done."""
    subscription = invoicing.subscription_of(store, invoice)
    if subscription is None or subscription["status"] not in ("incomplete", "past_due", "unpaid"):
        return
    if subscription["status"] == "incomplete" or subscription["latest_invoice"] == invoice["id"]:
        change(store, subscription, status="active")


def _unpaid(store: Store, invoice: Json) -> None:
    subscription = invoicing.subscription_of(store, invoice)
    if subscription is None or subscription["status"] in (*OVER, "incomplete", "unpaid"):
        return
    if invoice["next_payment_attempt"]:
        change(store, subscription, status="past_due")
    elif store.options.after_retries == "cancel":
        cancel(store, subscription, bill=False, reason="payment_failed")
    else:
        change(store, subscription, status=store.options.after_retries)


def _before_delete(store: Store, customer: Json) -> None:
    for subscription in store.all("subscription"):
        if subscription["customer"] == customer["id"] and subscription["status"] not in OVER:
            cancel(store, subscription, bill=False)


invoicing.PAID.append(_paid)
invoicing.UNPAID.append(_unpaid)
customers.BEFORE_DELETE.append(_before_delete)


@included("customer", "subscriptions")
def _subscriptions(store: Store, customer: Json) -> Json:
    found = [one for one in store.all("subscription") if one["customer"] == customer["id"]]
    living = [one for one in found if one["status"] not in OVER]
    return listing(f"/v1/customers/{customer['id']}/subscriptions", living)
