"""The customer portal: what it allows, and a door to it for one visit."""

from __future__ import annotations

from typing import Any

from stripe import billing_portal
from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    ConfigurationUpdateParams,
    SessionCreateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = CONFIGURATION = "billing_portal.configuration"
SESSION = "billing_portal.session"
FLOWS = ("payment_method_update", "subscription_cancel", "subscription_update")
FEATURES: Json = {
    "customer_update": {"enabled": False, "allowed_updates": []},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False},
    "subscription_cancel": {
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
        "cancellation_reason": {"enabled": False, "options": []},
    },
    "subscription_pause": {"enabled": False, "duration": {"type": "indefinite"}},
    "subscription_update": {
        "enabled": False,
        "default_allowed_updates": [],
        "proration_behavior": "none",
        "products": [],
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


def configure(store: Store, params: dict[str, Any]) -> Json:
    """The first configuration is the default of those sessions that name none."""
    made = complete(
        billing_portal.Configuration,
        {
            "id": params.get("_id") or store.new_id("bpc"),
            "object": CONFIGURATION,
            "active": True,
            "business_profile": params.get("business_profile", {}),
            "created": store.now(),
            "updated": store.now(),
            "default_return_url": params.get("default_return_url"),
            "features": _features(store, FEATURES, params["features"]),
            "is_default": not store.all(CONFIGURATION),
            "livemode": False,
            "login_page": {"enabled": params.get("login_page", {}).get("enabled", False)},
            "metadata": merged({}, params.get("metadata")),
            "name": params.get("name"),
        },
    )
    emit(store, "billing_portal.configuration.created", store.add(made))
    return made


def reconfigure(store: Store, params: dict[str, Any], id: str) -> Json:
    found = store.get(CONFIGURATION, id)
    for name in ("active", "business_profile", "default_return_url", "name"):
        if name in params:
            found[name] = None if params[name] == "" else params[name]
    found["features"] = _features(store, found["features"], params.get("features", {}))
    found["metadata"] = merged(found["metadata"], params.get("metadata"))
    found["updated"] = store.now()
    emit(store, "billing_portal.configuration.updated", found)
    return found


def _features(store: Store, before: Json, asked: Json) -> Json:
    """Each feature with what was asked of it. Plans to choose from must exist."""
    for product in asked.get("subscription_update", {}).get("products") or []:
        for price in product["prices"]:
            if store.get("price", price, "features[subscription_update][products]")["product"] != product["product"]:
                raise Refused(400, f"The price {price} does not belong to the product {product['product']}.")
    named = {name: {**before[name], **asked.get(name, {})} for name in before}
    for product in named["subscription_update"]["products"] or []:
        product.setdefault("adjustable_quantity", {"enabled": False, "minimum": 1})
    made = complete(billing_portal.Configuration.Features, named)
    return {name: {key: [] if value == "" else value for key, value in one.items()} for name, one in made.items()}


def configuration(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(CONFIGURATION, id)


def configurations(store: Store, params: dict[str, Any]) -> Json:
    wanted = {name: params[name] for name in ("active", "is_default") if name in params}
    found = [one for one in store.all(CONFIGURATION) if all(one[name] == value for name, value in wanted.items())]
    return listed(found, params, "/v1/billing_portal/configurations", CONFIGURATION)


def open_session(store: Store, params: dict[str, Any]) -> Json:
    """Whoever has the address of a session is let in: it is made for one click."""
    customer = store.get("customer", params.get("customer", ""), "customer")["id"]
    chosen = _chosen(store, params)
    session_id, token = store.new_id("bps"), f"{store.new_id('test')}{store.new_id('x')[2:]}"
    made = complete(
        billing_portal.Session,
        {
            "id": session_id,
            "object": SESSION,
            "configuration": chosen["id"],
            "created": store.now(),
            "customer": customer,
            "flow": _flow(store, params.get("flow_data"), chosen),
            "livemode": False,
            "locale": params.get("locale"),
            "return_url": params.get("return_url") or chosen["default_return_url"],
            "url": f"{store.address}/p/session/{token}",
            "_token": token,
        },
    )
    emit(store, "billing_portal.session.created", store.add(made))
    return made


def _chosen(store: Store, params: dict[str, Any]) -> Json:
    if "configuration" in params:
        return store.get(CONFIGURATION, params["configuration"], "configuration")
    found = [one for one in store.all(CONFIGURATION) if one["is_default"] and one["active"]]
    if not found:
        raise Refused(
            400,
            "No configuration provided and your test mode default configuration has not been created. Provide a "
            "configuration or create your default.",
        )
    return found[0]


def _flow(store: Store, asked: dict[str, Any] | None, chosen: Json) -> Json | None:
    if asked is None:
        return None
    kind = asked["type"]
    if kind not in FLOWS:
        raise Refused(400, f"The sandbox's portal has the flows {', '.join(FLOWS)}.", param="flow_data[type]")
    if not chosen["features"][kind]["enabled"]:
        raise Refused(400, f"This flow needs the portal's {kind} feature to be enabled.", param="flow_data[type]")
    if kind != "payment_method_update":
        store.get("subscription", asked.get(kind, {}).get("subscription", ""), f"flow_data[{kind}][subscription]")
    after = asked.get("after_completion", {"type": "portal_homepage"})
    return {"type": kind, "after_completion": after, **({kind: asked[kind]} if kind in asked else {})}


OPERATIONS = (
    Operation("POST", "/v1/billing_portal/configurations", ConfigurationCreateParams, configure),
    Operation("GET", "/v1/billing_portal/configurations", ConfigurationListParams, configurations),
    Operation("GET", "/v1/billing_portal/configurations/{id}", ConfigurationRetrieveParams, configuration),
    Operation("POST", "/v1/billing_portal/configurations/{id}", ConfigurationUpdateParams, reconfigure),
    Operation("POST", "/v1/billing_portal/sessions", SessionCreateParams, open_session, gives=SESSION),
)
