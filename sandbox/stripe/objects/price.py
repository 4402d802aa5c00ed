"""Prices: once, each period, or for each unit that a meter counts."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import stripe
from stripe.params import PriceCreateParams, PriceListParams, PriceRetrieveParams, PriceUpdateParams

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "price"


def create(store: Store, params: dict[str, Any]) -> Json:
    """A price; one that a checkout describes in `price_data` is made in the same way."""
    product = _product_of(store, params)
    recurring = _recurring(store, params.get("recurring"))
    cents, exact = _amounts(params)
    _take_lookup_key(store, params)
    made = complete(
        stripe.Price,
        {
            "id": params.get("_id") or store.new_id("price"),
            "object": "price",
            "active": params.get("active", True),
            "billing_scheme": "per_unit",
            "created": store.now(),
            "currency": params["currency"].lower(),
            "livemode": False,
            "lookup_key": params.get("lookup_key"),
            "metadata": merged({}, params.get("metadata")),
            "nickname": params.get("nickname"),
            "product": product,
            "recurring": recurring,
            "tax_behavior": params.get("tax_behavior", "unspecified"),
            "type": "recurring" if recurring else "one_time",
            "unit_amount": cents,
            "unit_amount_decimal": exact,
        },
    )
    emit(store, "price.created", store.add(made))
    return made


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("price", id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    price = store.get("price", id)
    before = deepcopy(price)
    _take_lookup_key(store, params)
    for name in ("active", "nickname", "lookup_key", "tax_behavior"):
        if name in params:
            price[name] = None if params[name] == "" else params[name]
    price["metadata"] = merged(price["metadata"], params.get("metadata"))
    emit(store, "price.updated", price, before)
    return price


def find_all(store: Store, params: dict[str, Any]) -> Json:
    keys, recurring = params.get("lookup_keys"), params.get("recurring", {})
    found = [
        one
        for one in store.all("price")
        if fits(one, params, "active", "currency", "product", "type")
        and (keys is None or one["lookup_key"] in keys)
        and all((one["recurring"] or {}).get(name) == value for name, value in recurring.items())
    ]
    return listed(found, params, "/v1/prices", "price")


OPERATIONS = (
    Operation("POST", "/v1/prices", PriceCreateParams, create),
    Operation("GET", "/v1/prices", PriceListParams, find_all),
    Operation("GET", "/v1/prices/{id}", PriceRetrieveParams, retrieve),
    Operation("POST", "/v1/prices/{id}", PriceUpdateParams, update),
)


def _product_of(store: Store, params: dict[str, Any]) -> str:
    data = params.get("product_data")
    if (data is None) == (params.get("product") is None):
        raise Refused(400, "You must pass exactly one of product or product_data.", param="product")
    if data is None:
        return store.get("product", params["product"], "product")["id"]
    # The two files need each other: a product may bring its first price, and a price its product.
    from sandbox.stripe.objects import product

    return product.create(store, data)["id"]


def _recurring(store: Store, asked: dict[str, Any] | None) -> Json | None:
    if asked is None:
        return None
    metered, meter = asked.get("usage_type") == "metered", asked.get("meter")
    if metered and not meter:
        raise Refused(
            400, "Metered prices must be bound to a meter: pass recurring[meter].", param="recurring[usage_type]"
        )
    if meter and not metered:
        raise Refused(400, "recurring[meter] needs recurring[usage_type]=metered.", param="recurring[meter]")
    if meter and store.get("billing.meter", meter, "recurring[meter]")["status"] != "active":
        raise Refused(400, f"The meter {meter} is not active.", param="recurring[meter]")
    return {
        "interval": asked["interval"],
        "interval_count": asked.get("interval_count", 1),
        "meter": meter,
        "trial_period_days": asked.get("trial_period_days"),
        "usage_type": asked.get("usage_type", "licensed"),
    }


def _amounts(params: dict[str, Any]) -> tuple[int | None, str]:
    """Whole cents, if they are whole, and the exact amount as a decimal."""
    cents, exact = params.get("unit_amount"), params.get("unit_amount_decimal")
    if (cents is None) == (exact is None):
        raise Refused(400, "Pass exactly one of unit_amount and unit_amount_decimal.", param="unit_amount")
    amount = Decimal(exact or cents or 0)
    if amount < 0:
        raise Refused(400, "Invalid non-negative integer", code="parameter_invalid_integer", param="unit_amount")
    return (int(amount) if amount == amount.to_integral_value() else None), format(amount, "f")


def _take_lookup_key(store: Store, params: dict[str, Any]) -> None:
    key = params.get("lookup_key")
    owner = next((one for one in store.all("price") if key and one["lookup_key"] == key), None)
    if owner is None:
        return
    if not params.get("transfer_lookup_key"):
        raise Refused(400, f"A price (`{owner['id']}`) already uses that lookup key.", param="lookup_key")
    owner["lookup_key"] = None
