"""Thin events: what went wrong with meter events after they had been taken, and who is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stripe.params.v2.core import (
    EventDestinationCreateParams,
    EventDestinationDeleteParams,
    EventDestinationListParams,
    EventDestinationRetrieveParams,
    EventListParams,
    EventRetrieveParams,
)
from stripe.v2.core import EventDestination

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.life.metering import Counted
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import tell

KIND = EVENT = "v2.core.event"
DESTINATION = "v2.core.event_destination"
MESSAGES = {
    "meter_event_customer_not_found": "The customer of the meter event does not exist.",
    "no_meter": "There is no active meter with this event name.",
}


def report(store: Store, meter: Json, code: str, event: Counted) -> Json:
    """The error report of a meter: Stripe sends one for all the errors of a span of time, here of one event."""
    url = f"/v1/billing/meters/{meter['id']}"
    related = {"id": meter["id"], "type": "billing.meter", "url": url}
    return _tell(store, "v1.billing.meter.error_report_triggered", code, event, related)


def no_meter_found(store: Store, event: Counted) -> Json:
    return _tell(store, "v1.billing.meter.no_meter_found", "no_meter", event, None)


def _tell(store: Store, kind: str, code: str, event: Counted, related: Json | None) -> Json:
    sample = {"error_message": MESSAGES[code], "request": {"identifier": event.identifier}}
    reason = {"error_count": 1, "error_types": [{"code": code, "error_count": 1, "sample_errors": [sample]}]}
    made: Json = {
        "id": store.new_id("evt_test"),
        "object": EVENT,
        "changes": None,
        "context": None,
        "created": moment(store),
        "livemode": False,
        "reason": None,
        "snapshot_event": None,
        "type": kind,
        "data": {
            "developer_message_summary": f"There is 1 invalid event: {MESSAGES[code]}",
            "reason": reason,
            "validation_start": _iso(event.received_at),
            "validation_end": moment(store),
        },
    }
    if related:
        made["related_object"] = related
    return tell(store, made)


def notification(event: Json) -> Json:
    """What is posted of a thin event: all but its data, which the receiver fetches."""
    return {name: value for name, value in event.items() if name not in ("data", "changes", "reason")}


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(EVENT, id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    """A page of the second API: no cursors by id, the addresses of the pages around it."""
    wanted, related = params.get("types"), params.get("object_id")
    found = [
        one
        for one in reversed(store.all(EVENT))
        if (wanted is None or one["type"] in wanted) and related in (None, one.get("related_object", {}).get("id"))
    ]
    return _page(found[: params.get("limit", 20)])


def add_destination(store: Store, params: dict[str, Any]) -> Json:
    if params["type"] != "webhook_endpoint" or "webhook_endpoint" not in params:
        raise Refused(400, "The sandbox delivers to webhook endpoints alone.", param="type")
    secret = f"whsec_{store.new_id('x')[2:]}"
    made = complete(
        EventDestination,
        {
            "id": store.new_id("ed_test"),
            "object": DESTINATION,
            "created": moment(store),
            "updated": moment(store),
            "description": params.get("description", ""),
            "enabled_events": params["enabled_events"],
            "event_payload": params["event_payload"],
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "name": params["name"],
            "snapshot_api_version": params.get("snapshot_api_version"),
            "status": "enabled",
            "type": "webhook_endpoint",
            "webhook_endpoint": {"signing_secret": None, "url": params["webhook_endpoint"]["url"]},
            "_secret": params.get("_secret", secret),
        },
    )
    store.add(made)
    # As with v1's endpoints, the secret is told once, and only to whoever asks for it.
    wanted = "webhook_endpoint.signing_secret" in params.get("include", [])
    told = {"signing_secret": made["_secret"] if wanted else None, "url": params["webhook_endpoint"]["url"]}
    return {**made, "webhook_endpoint": told}


def destination(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(DESTINATION, id)


def destinations(store: Store, params: dict[str, Any]) -> Json:
    return _page(list(reversed(store.all(DESTINATION)))[: params.get("limit", 20)])


def remove_destination(store: Store, params: dict[str, Any], id: str) -> Json:
    store.get(DESTINATION, id)
    return store.drop(DESTINATION, id)


OPERATIONS = (
    Operation("GET", "/v2/core/events", EventListParams, find_all),
    Operation("GET", "/v2/core/events/{id}", EventRetrieveParams, retrieve),
    Operation("POST", "/v2/core/event_destinations", EventDestinationCreateParams, add_destination),
    Operation("GET", "/v2/core/event_destinations", EventDestinationListParams, destinations),
    Operation("GET", "/v2/core/event_destinations/{id}", EventDestinationRetrieveParams, destination),
    Operation("DELETE", "/v2/core/event_destinations/{id}", EventDestinationDeleteParams, remove_destination),
)


def moment(store: Store) -> str:
    """The second API writes its times out."""
    return _iso(store.exact_now())


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _page(found: list[Json]) -> Json:
    return {"data": found, "next_page_url": None, "previous_page_url": None}
