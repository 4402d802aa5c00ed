"""Checkout sessions: a visit to the page on which somebody pays."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from stripe import checkout
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListLineItemsParams,
    SessionListParams,
    SessionRetrieveParams,
    SessionUpdateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete, listing
from sandbox.stripe.door.showing import included
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.objects import price as prices
from sandbox.stripe.objects import subscription as subscriptions
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "checkout.session"
EXPIRES_SECONDS, EXPIRES_SECONDS_MIN = 24 * 3600, 30 * 60
CENTS_MIN, CENTS_MAX = 50, 99_999_999
# Parameters that belong to one mode alone.
OWN = {
    "payment": ("payment_intent_data", "invoice_creation", "customer_creation", "submit_type"),
    "subscription": ("subscription_data", "payment_method_collection"),
}
AS_ASKED = ("cancel_url", "client_reference_id", "customer_email", "locale", "success_url")
ALWAYS = {
    "automatic_tax": {"enabled": False},
    "livemode": False,
    "payment_method_types": ["card", "us_bank_account"],
    "payment_status": "unpaid",
    "status": "open",
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
}


def create(store: Store, params: dict[str, Any]) -> Json:
    mode = _mode(params)
    customer = _customer(store, params)
    items = [_item(store, number, one) for number, one in enumerate(params["line_items"])]
    _check_items(mode, items)
    subtotal = sum(one["_amount"] for one in items)
    trial_end = subscriptions.trial_end_of(store, params.get("subscription_data", {}))
    total = 0 if trial_end else subtotal
    if mode == "payment":
        _check_amount(total)
    session_id = f"cs_test_{store.new_id('x')[2:]}{store.new_id('x')[2:]}"
    made = complete(
        checkout.Session,
        {
            "id": session_id,
            "object": KIND,
            "amount_subtotal": total,
            "amount_total": total,
            "created": store.now(),
            "currency": items[0]["currency"],
            "customer": customer,
            "customer_creation": params.get("customer_creation", "if_required") if mode == "payment" else "always",
            "customer_details": _details(store, customer, params.get("customer_email")),
            "expires_at": _expires_at(store, params),
            "invoice_creation": _invoice_creation(params) if mode == "payment" else None,
            "metadata": merged({}, params.get("metadata")),
            "mode": mode,
            "payment_method_collection": "always" if mode == "subscription" else "if_required",
            "url": f"{store.address}/c/pay/{session_id}",
            "_items": items,
            "_trial_end": trial_end,
            "_about": params.get("subscription_data" if mode == "subscription" else "payment_intent_data", {}),
            **{name: params.get(name) for name in AS_ASKED},
            **deepcopy(ALWAYS),
        },
    )
    store.timeline.plan(made["expires_at"], "expire_session", session_id)
    return store.add(made)


def _mode(params: dict[str, Any]) -> str:
    mode = params.get("mode", "payment")
    if mode == "setup":
        raise Refused(400, "The sandbox has no checkout that only saves a card.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise Refused(400, "The sandbox has no other checkout than the hosted page.", param="ui_mode")
    for other, names in OWN.items():
        for name in names:
            if other != mode and name in params:
                raise Refused(400, f"You can not pass `{name}` in `{mode}` mode.", param=name)
    for name in ("line_items", "success_url"):
        if not params.get(name):
            raise Refused(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    if not params["success_url"].startswith(("http://", "https://")):
        raise Refused(400, "Not a valid URL", code="url_invalid", param="success_url")
    return mode


def _customer(store: Store, params: dict[str, Any]) -> str | None:
    if "customer" not in params:
        return None
    if "customer_email" in params:
        raise Refused(400, "You may only specify one of these parameters: customer, customer_email.", param="customer")
    return store.get("customer", params["customer"], "customer")["id"]


def _item(store: Store, number: int, asked: dict[str, Any]) -> Json:
    where = f"line_items[{number}]"
    if ("price" in asked) == ("price_data" in asked):
        raise Refused(400, f"You must pass exactly one of {where}[price] and {where}[price_data].", param=where)
    price = store.get("price", asked["price"], f"{where}[price]") if "price" in asked else None
    price = price or prices.create(store, {**asked["price_data"], "active": False})
    metered = (price["recurring"] or {}).get("usage_type") == "metered"
    if metered == ("quantity" in asked):
        words = (
            "Quantity should not be specified where usage_type is `metered`." if metered else "Quantity is required."
        )
        raise Refused(400, f"{words} Add or remove `quantity` in `{where}`.", param=f"{where}[quantity]")
    quantity = asked.get("quantity")
    amount = 0 if metered else (price["unit_amount"] or 0) * (quantity or 0)
    shape = {"amount_discount": 0, "amount_tax": 0, "amount_subtotal": amount, "amount_total": amount}
    return {
        "id": store.new_id("li"),
        "object": "item",
        **shape,
        "adjustable_quantity": None,
        "currency": price["currency"],
        "description": store.table("product")[price["product"]]["name"],
        "metadata": asked.get("metadata", {}),
        "price": price,
        "quantity": quantity,
        "_amount": amount,
    }


def _check_items(mode: str, items: list[Json]) -> None:
    recurring = [one for one in items if one["price"]["recurring"]]
    if mode == "payment" and recurring:
        raise Refused(
            400,
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` "
            "mode or use only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not recurring:
        raise Refused(
            400,
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            param="line_items",
        )
    if len({one["currency"] for one in items}) > 1:
        raise Refused(400, "All prices on a Checkout Session must be of one currency.", param="line_items")


def _check_amount(total: int) -> None:
    if total < CENTS_MIN:
        raise Refused(
            400,
            "The Checkout Session's total amount due must add up to at least $0.50 usd",
            code="amount_too_small",
            param="line_items",
        )
    if total > CENTS_MAX:
        raise Refused(
            400,
            "The Checkout Session's total amount due must be no more than $999,999.99",
            code="amount_too_large",
            param="line_items",
        )


def _expires_at(store: Store, params: dict[str, Any]) -> int:
    at = params.get("expires_at", store.now() + EXPIRES_SECONDS)
    if not store.now() + EXPIRES_SECONDS_MIN - 5 <= at <= store.now() + EXPIRES_SECONDS + 5:
        raise Refused(
            400,
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout "
            "Session creation.",
            param="expires_at",
        )
    return at


def _invoice_creation(params: dict[str, Any]) -> Json:
    asked = params.get("invoice_creation", {})
    data = asked.get("invoice_data", {})
    return {
        "enabled": asked.get("enabled", False),
        "invoice_data": {"metadata": data.get("metadata", {}), "description": data.get("description")},
    }


def _details(store: Store, customer: str | None, email: str | None) -> Json | None:
    known = store.customers.get(customer or "", {})
    address = known.get("email") or email
    return {"email": address, "name": known.get("name"), "tax_exempt": "none"} if address else None


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(KIND, id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    filters = ("customer", "payment_intent", "status", "subscription")
    found = [one for one in store.all(KIND) if fits(one, params, *filters)]
    return listed(found, params, "/v1/checkout/sessions", KIND)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    session = store.get(KIND, id)
    session["metadata"] = merged(session["metadata"], params.get("metadata"))
    return session


def line_items(store: Store, params: dict[str, Any], id: str) -> Json:
    items = store.get(KIND, id)["_items"]
    return listed(items[::-1], params, f"/v1/checkout/sessions/{id}/line_items", "item")


@included(KIND, "line_items")
def _included_items(store: Store, session: Json) -> Json:
    return listing(f"/v1/checkout/sessions/{session['id']}/line_items", session["_items"])


def expire(store: Store, params: dict[str, Any], id: str) -> Json:
    session = store.get(KIND, id)
    if session["status"] != "open":
        raise Refused(
            400,
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session '
            f"has a status of {session['status']}.",
        )
    session |= {"status": "expired", "url": None}
    emit(store, "checkout.session.expired", session)
    return session


@happening("expire_session")
def _expire_later(store: Store, session_id: str) -> None:
    if store.table(KIND)[session_id]["status"] == "open":
        expire(store, {}, session_id)


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", SessionCreateParams, create),
    Operation("GET", "/v1/checkout/sessions", SessionListParams, find_all),
    Operation("GET", "/v1/checkout/sessions/{id}", SessionRetrieveParams, retrieve),
    Operation("POST", "/v1/checkout/sessions/{id}", SessionUpdateParams, update),
    Operation("GET", "/v1/checkout/sessions/{id}/line_items", SessionListLineItemsParams, line_items),
    Operation("POST", "/v1/checkout/sessions/{id}/expire", SessionExpireParams, expire),
)
