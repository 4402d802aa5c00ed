"""Customers: create, read, update, delete, list and search."""

from __future__ import annotations

import re
from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerSearchParams,
    CustomerUpdateParams,
)

from sandbox.stripe.errors import Refused, missing
from sandbox.stripe.forms import Form
from sandbox.stripe.lists import listed, searched, within
from sandbox.stripe.operation import Operation
from sandbox.stripe.store import Json, Store
from sandbox.stripe.validate import check

EMAIL = re.compile(r"^[^\s@]+@[^\s@]+\.?[^\s@]+$")
SEARCHABLE = frozenset({"email", "name", "phone", "metadata", "created"})
EXPANDABLE = frozenset({"default_source", "sources", "subscriptions", "tax", "tax_ids", "cash_balance", "test_clock"})
SETTABLE = frozenset(
    (
        *("address", "balance", "business_name", "description", "email", "individual_name", "invoice_prefix"),
        *("invoice_settings", "metadata", "name", "next_invoice_sequence", "phone", "preferred_locales"),
        *("shipping", "tax_exempt"),
    )
)
METADATA_KEYS_MAX = 50


def create(store: Store, form: Form) -> Json:
    params = check(CustomerCreateParams, form)
    made = _blank(store)
    store.customers[made["id"]] = made
    try:
        return _change(made, params)
    except Refused:
        del store.customers[made["id"]]
        raise


def retrieve(store: Store, form: Form, id: str) -> Json:
    _check_expand(check(CustomerRetrieveParams, form))
    if id not in store.customers:
        raise missing("customer", id)
    return store.customers[id]


def update(store: Store, form: Form, id: str) -> Json:
    params = check(CustomerUpdateParams, form)
    return _change(_living(store, id), params)


def delete(store: Store, form: Form, id: str) -> Json:
    check(CustomerDeleteParams, form)
    _living(store, id)
    store.customers[id] = {"id": id, "object": "customer", "deleted": True}
    return store.customers[id]


def find_all(store: Store, form: Form) -> Json:
    params = check(CustomerListParams, form)
    email, created = params.get("email"), params.get("created")
    found = [one for one in _all_living(store) if email in (None, one["email"]) and within(one["created"], created)]
    return listed(found, params, "/v1/customers", "customer")


def search(store: Store, form: Form) -> Json:
    return searched(_all_living(store), check(CustomerSearchParams, form), "/v1/customers/search", SEARCHABLE)


OPERATIONS = (
    Operation("POST", "/v1/customers", create),
    Operation("GET", "/v1/customers", find_all),
    Operation("GET", "/v1/customers/search", search),
    Operation("GET", "/v1/customers/{id}", retrieve),
    Operation("POST", "/v1/customers/{id}", update),
    Operation("DELETE", "/v1/customers/{id}", delete),
)


def _all_living(store: Store) -> list[Json]:
    return [one for one in store.customers.values() if not one.get("deleted")]


def _living(store: Store, customer_id: str) -> Json:
    found = store.customers.get(customer_id)
    if found is None or found.get("deleted"):
        raise missing("customer", customer_id)
    return found


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
    _check_expand(params)
    _check_values(params)
    for name in SETTABLE & params.keys():
        value = params[name]
        if name == "metadata":
            customer["metadata"] = _merged(customer["metadata"], value)
        elif name == "invoice_settings":
            customer["invoice_settings"] = {**customer["invoice_settings"], **value}
        else:
            # An empty string unsets a field.
            customer[name] = None if value == "" else value
    return customer


def _check_values(params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and (len(email) > 512 or not EMAIL.match(email)):
        raise Refused(400, f"Invalid email address: {email[:100]}", code="email_invalid", param="email")
    if params.get("tax_exempt", "none") not in ("", "none", "exempt", "reverse"):
        raise Refused(400, "Invalid tax_exempt: must be one of none, exempt, or reverse", param="tax_exempt")
    for name in ("source", "payment_method", "test_clock"):
        if params.get(name):
            raise missing(name.replace("_", " "), params[name], name)


def _check_expand(params: dict[str, Any]) -> None:
    for name in params.get("expand", []):
        if name.split(".")[0] not in EXPANDABLE:
            raise Refused(400, f"This property cannot be expanded ({name[:100]}).", param="expand")


def _merged(before: dict[str, str], change: dict[str, str] | str) -> dict[str, str]:
    """Metadata with the change in it: an empty value removes a key, an empty string removes them all."""
    if not isinstance(change, dict):
        return {}
    merged = {key: value for key, value in {**before, **change}.items() if value != ""}
    if len(merged) > METADATA_KEYS_MAX or any(len(key) > 40 or len(value) > 500 for key, value in merged.items()):
        raise Refused(400, "Metadata takes 50 keys of 40 characters, with values of 500.", param="metadata")
    return merged
