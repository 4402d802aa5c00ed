"""Subscriptions: made, looked at, changed, cancelled."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionItemListParams,
    SubscriptionItemRetrieveParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from sandbox.stripe.door.errors import Refused, missing
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.life import changing, subscribing
from sandbox.stripe.life.cards import default_of
from sandbox.stripe.store import Json, Store

KIND = "subscription"
ITEMS_MAX = 20
DAY = 86_400


def create(store: Store, params: dict[str, Any]) -> Json:
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    items = [{**one, "price": _recurring(store, one.get("price", ""))} for one in params.get("items", [])]
    if not 1 <= len(items) <= ITEMS_MAX:
        raise Refused(400, "Missing required param: items.", code="parameter_missing", param="items")
    about: dict[str, Any] = {"metadata": merged({}, params.get("metadata"))}
    if trial_end := trial_end_of(store, params):
        about["trial_end"] = trial_end
    for name in ("default_payment_method", "cancel_at_period_end", "description", "cancel_at"):
        if name in params:
            about[name] = params[name]
    if "default_payment_method" in about:
        store.get("payment_method", about["default_payment_method"], "default_payment_method")
    if params.get("payment_behavior") in ("error_if_incomplete", "pending_if_incomplete"):
        raise Refused(400, f"The sandbox does not have {params['payment_behavior']}.", param="payment_behavior")
    waits = params.get("payment_behavior") in ("default_incomplete", "allow_incomplete")
    if not (trial_end or waits or default_of(store, customer, about)):
        raise Refused(
            400,
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method.",
            code="resource_missing",
        )
    return subscribing.begin(store, customer, items, **about)


def trial_end_of(store: Store, params: dict[str, Any]) -> int | None:
    """When the trial ends that was asked for, if one was."""
    if params.get("trial_end") == "now":
        return None
    if params.get("trial_end"):
        if params["trial_end"] <= store.now():
            raise Refused(400, "Invalid timestamp: must be in the future", param="trial_end")
        return params["trial_end"]
    return store.now() + params["trial_period_days"] * DAY if params.get("trial_period_days") else None


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    found = store.table("subscription").get(id)
    if found is None:
        raise missing("subscription", id)
    return found


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    subscription = retrieve(store, {}, id)
    if subscription["status"] in subscribing.OVER and params.keys() - {"metadata", "cancellation_details", "expand"}:
        raise Refused(
            400,
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="resource_missing",
        )
    return changing.change(store, subscription, params)


def cancel(store: Store, params: dict[str, Any], id: str) -> Json:
    subscription = retrieve(store, {}, id)
    if subscription["status"] in subscribing.OVER:
        raise missing("subscription", id)
    details = {**(subscription["cancellation_details"] or {}), **params.get("cancellation_details", {})}
    subscription["cancellation_details"] = details
    if params.get("prorate"):
        changing.credit_the_rest(store, subscription)
    return subscribing.cancel(store, subscription, bill=params.get("invoice_now", False))


def find_all(store: Store, params: dict[str, Any]) -> Json:
    status = params.get("status")
    found = [
        one
        for one in store.table("subscription").values()
        if _fits(one, status)
        and fits(one, params, "customer")
        and (not params.get("price") or any(i["price"]["id"] == params["price"] for i in one["items"]["data"]))
    ]
    return listed(found, params, "/v1/subscriptions", "subscription")


def items(store: Store, params: dict[str, Any]) -> Json:
    subscription = retrieve(store, {}, params["subscription"])
    return listed(subscription["items"]["data"][::-1], params, "/v1/subscription_items", "subscription_item")


def item(store: Store, params: dict[str, Any], id: str) -> Json:
    for subscription in store.table("subscription").values():
        for one in subscription["items"]["data"]:
            if one["id"] == id:
                return deepcopy(one)
    raise missing("subscription item", id)


OPERATIONS = (
    Operation("POST", "/v1/subscriptions", SubscriptionCreateParams, create),
    Operation("GET", "/v1/subscriptions", SubscriptionListParams, find_all),
    Operation("GET", "/v1/subscriptions/{id}", SubscriptionRetrieveParams, retrieve),
    Operation("POST", "/v1/subscriptions/{id}", SubscriptionUpdateParams, update),
    Operation("DELETE", "/v1/subscriptions/{id}", SubscriptionCancelParams, cancel),
    Operation("GET", "/v1/subscription_items", SubscriptionItemListParams, items),
    Operation("GET", "/v1/subscription_items/{id}", SubscriptionItemRetrieveParams, item),
)


def _recurring(store: Store, price_id: str) -> Json:
    price = store.get("price", price_id, "items[0][price]")
    if price["type"] != "recurring":
        raise Refused(
            400,
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param="items[0][price]",
        )
    return price


def _fits(one: Json, status: str | None) -> bool:
    """Cancelled ones are told only to who asks for them."""
    if status is None:
        return one["status"] not in ("canceled",)
    if status == "ended":
        return one["status"] in subscribing.OVER
    return status in ("all", one["status"])
