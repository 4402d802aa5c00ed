"""Meters: what is counted, by the name of its events."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from stripe import billing
from stripe.params.billing import (
    MeterCreateParams,
    MeterDeactivateParams,
    MeterListParams,
    MeterReactivateParams,
    MeterRetrieveParams,
    MeterUpdateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import listed
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "billing.meter"


def create(store: Store, params: dict[str, Any]) -> Json:
    if named(store, params["event_name"]):
        raise Refused(
            400, f"An active meter already exists with event name {params['event_name']}.", param="event_name"
        )
    mapping = params.get("customer_mapping", {"event_payload_key": "stripe_customer_id", "type": "by_id"})
    made = complete(
        billing.Meter,
        {
            "id": params.get("_id") or store.new_id("mtr_test"),
            "object": "billing.meter",
            "created": store.now(),
            "updated": store.now(),
            "customer_mapping": mapping,
            "default_aggregation": params["default_aggregation"],
            "display_name": params["display_name"],
            "event_name": params["event_name"],
            "event_time_window": params.get("event_time_window"),
            "livemode": False,
            "status": "active",
            "value_settings": params.get("value_settings", {"event_payload_key": "value"}),
        },
    )
    emit(store, "billing.meter.created", store.add(made))
    return made


def named(store: Store, event_name: str) -> Json | None:
    """The active meter that counts the events of this name."""
    meters = store.all("billing.meter")
    return next((one for one in meters if one["event_name"] == event_name and one["status"] == "active"), None)


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("billing.meter", id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    meter = store.get("billing.meter", id)
    before = deepcopy(meter)
    meter |= {"display_name": params.get("display_name", meter["display_name"]), "updated": store.now()}
    emit(store, "billing.meter.updated", meter, before)
    return meter


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [one for one in store.all("billing.meter") if params.get("status") in (None, one["status"])]
    return listed(found, params, "/v1/billing/meters", "billing.meter")


def deactivate(store: Store, params: dict[str, Any], id: str) -> Json:
    return _switched(store, id, "inactive", store.now(), "billing.meter.deactivated")


def reactivate(store: Store, params: dict[str, Any], id: str) -> Json:
    return _switched(store, id, "active", None, "billing.meter.reactivated")


def _switched(store: Store, id: str, status: str, at: int | None, kind: str) -> Json:
    meter = store.get("billing.meter", id)
    if meter["status"] == status:
        raise Refused(400, f"This meter is already {status}.", param="id")
    before = deepcopy(meter)
    meter |= {"status": status, "updated": store.now(), "status_transitions": {"deactivated_at": at}}
    emit(store, kind, meter, before)
    return meter


OPERATIONS = (
    Operation("POST", "/v1/billing/meters", MeterCreateParams, create),
    Operation("GET", "/v1/billing/meters", MeterListParams, find_all),
    Operation("GET", "/v1/billing/meters/{id}", MeterRetrieveParams, retrieve),
    Operation("POST", "/v1/billing/meters/{id}", MeterUpdateParams, update),
    Operation("POST", "/v1/billing/meters/{id}/deactivate", MeterDeactivateParams, deactivate),
    Operation("POST", "/v1/billing/meters/{id}/reactivate", MeterReactivateParams, reactivate),
)
