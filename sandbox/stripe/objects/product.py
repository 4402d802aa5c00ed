"""Products: what is sold."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import stripe
from stripe.params import ProductCreateParams, ProductListParams, ProductRetrieveParams, ProductUpdateParams

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.objects import price
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "product"

PLAIN = ("active", "description", "images", "name", "statement_descriptor", "unit_label", "url", "tax_code")


def create(store: Store, params: dict[str, Any]) -> Json:
    if params.get("id") in store.table("product"):
        raise Refused(400, "Product already exists.", code="resource_already_exists", param="id")
    known = {name: params[name] for name in PLAIN if name in params}
    made = complete(
        stripe.Product,
        {
            "active": True,
            **known,
            "id": params.get("id") or store.new_id("prod"),
            "object": "product",
            "created": store.now(),
            "updated": store.now(),
            "livemode": False,
            "metadata": merged({}, params.get("metadata")),
            "type": params.get("type", "service"),
        },
    )
    emit(store, "product.created", store.add(made))
    if "default_price_data" in params:
        first = price.create(store, {**params["default_price_data"], "product": made["id"]})
        made["default_price"] = first["id"]
    return made


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("product", id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    product = store.get("product", id)
    before = deepcopy(product)
    if params.get("default_price"):
        store.get("price", params["default_price"], "default_price")
    for name in (*PLAIN, "default_price"):
        if name in params:
            product[name] = None if params[name] == "" else params[name]
    product["metadata"] = merged(product["metadata"], params.get("metadata"))
    product["updated"] = store.now()
    emit(store, "product.updated", product, before)
    return product


def find_all(store: Store, params: dict[str, Any]) -> Json:
    ids = params.get("ids")
    found = [one for one in store.all("product") if fits(one, params, "active") and (ids is None or one["id"] in ids)]
    return listed(found, params, "/v1/products", "product")


OPERATIONS = (
    Operation("POST", "/v1/products", ProductCreateParams, create),
    Operation("GET", "/v1/products", ProductListParams, find_all),
    Operation("GET", "/v1/products/{id}", ProductRetrieveParams, retrieve),
    Operation("POST", "/v1/products/{id}", ProductUpdateParams, update),
)
