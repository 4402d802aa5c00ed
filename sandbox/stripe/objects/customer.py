"""Customers: create, read, update, delete, list and search."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerSearchParams,
    CustomerUpdateParams,
)

from sandbox.stripe.door.errors import Refused, missing
from sandbox.stripe.door.lists import fits, listed, searched
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "customer"

EMAIL = re.compile(r"^[^\s@]+@[^\s@]+\.?[^\s@]+$")
SEARCHABLE = frozenset({"email", "name", "phone", "metadata", "created"})
SETTABLE = frozenset(
    (
        *("address", "balance", "business_name", "description", "email", "individual_name", "invoice_prefix"),
        *("invoice_settings", "metadata", "name", "next_invoice_sequence", "phone", "preferred_locales"),
        *("shipping", "tax_exempt"),
    )
)


def create(store: Store, params: dict[str, Any]) -> Json:
    _check_values(store, params)
    made = _change(_blank(store), params)
    emit(store, "customer.created", store.add(made))
    return made


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    if id not in store.customers:
        raise missing("customer", id)
    return store.customers[id]


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    customer = store.get("customer", id)
    _check_values(store, params)
    before = deepcopy(customer)
    _change(customer, params)
    if customer != before:
        emit(store, "customer.updated", customer, before)
    return customer


def delete(store: Store, params: dict[str, Any], id: str) -> Json:
    """A deleted customer's subscriptions end at once."""
    customer = store.get("customer", id)
    for hook in BEFORE_DELETE:
        hook(store, customer)
    emit(store, "customer.deleted", customer)
    return store.drop("customer", id)


BEFORE_DELETE: list[Callable[[Store, Json], None]] = []


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [one for one in store.all("customer") if fits(one, params, "email")]
    return listed(found, params, "/v1/customers", "customer")


def search(store: Store, params: dict[str, Any]) -> Json:
    return searched(store.all("customer"), params, "/v1/customers/search", SEARCHABLE)


OPERATIONS = (
    Operation("POST", "/v1/customers", CustomerCreateParams, create),
    Operation("GET", "/v1/customers", CustomerListParams, find_all),
    Operation("GET", "/v1/customers/search", CustomerSearchParams, search),
    Operation("GET", "/v1/customers/{id}", CustomerRetrieveParams, retrieve),
    Operation("POST", "/v1/customers/{id}", CustomerUpdateParams, update),
    Operation("DELETE", "/v1/customers/{id}", CustomerDeleteParams, delete),
)


def _blank(store: Store) -> Json:
    made = store.new_id("cus")
    return {
        "id": made,
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": store.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": made[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _change(customer: Json, params: dict[str, Any]) -> Json:
    for name in SETTABLE & params.keys():
        value = params[name]
        if name == "metadata":
            customer["metadata"] = merged(customer["metadata"], value)
        elif name == "invoice_settings":
            changed = {key: None if inner == "" else inner for key, inner in value.items()}
            customer["invoice_settings"] = {**customer["invoice_settings"], **changed}
        else:
            # An empty string unsets a field.
            customer[name] = None if value == "" else value
    return customer


def _check_values(store: Store, params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and (len(email) > 512 or not EMAIL.match(email)):
        raise Refused(400, f"Invalid email address: {email[:100]}", code="email_invalid", param="email")
    for name in ("source", "payment_method", "test_clock"):
        if params.get(name):
            raise missing(name.replace("_", " "), params[name], name)
    card = params.get("invoice_settings", {}).get("default_payment_method")
    if card:
        store.get("payment_method", card, "invoice_settings[default_payment_method]")
