"""Meter events: taken at once, checked and counted a little later, as Stripe does it."""

from __future__ import annotations

import re
from typing import Any

from stripe import billing
from stripe.params.billing import MeterEventAdjustmentCreateParams, MeterEventCreateParams

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.life.metering import Counted
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.objects import meter, thin_event
from sandbox.stripe.store import Json, Store

KIND = "billing.meter_event"

VALUE = re.compile(r"^-?\d{1,15}$")
IDENTIFIER_LENGTH_MAX = 100
IDENTIFIER_SECONDS = CANCEL_SECONDS = 24 * 3600
PAST_SECONDS_MAX, FUTURE_SECONDS_MAX = 35 * 86_400, 300


def create(store: Store, params: dict[str, Any]) -> Json:
    """One event. An unknown customer or meter is accepted here and reported by a thin event."""
    identifier = params.get("identifier") or store.new_id("evt")
    at = params.get("timestamp", store.now())
    _check_identifier(store, identifier)
    _check_time(store, at)
    counter = meter.named(store, params["event_name"])
    value, customer = _counted(params["payload"], counter)
    event = Counted(identifier, params["event_name"], customer, value, at, store.exact_now())
    store.meter_events.take(event)
    store.timeline.plan(store.exact_now() + store.options.aggregation_seconds, "check_meter_event", identifier)
    return complete(
        billing.MeterEvent,
        {
            "object": "billing.meter_event",
            "created": store.now(),
            "event_name": params["event_name"],
            "identifier": identifier,
            "livemode": False,
            "payload": params["payload"],
            "timestamp": at,
        },
    )


def lock(params: dict[str, Any]) -> str:
    """Calls for the same customer and meter take turns, or are refused."""
    payload = params["payload"]
    return f"meter {params['event_name']} {payload.get('stripe_customer_id', '')}"


def adjust(store: Store, params: dict[str, Any]) -> Json:
    """Cancels one event, within a day of its arrival."""
    identifier = params.get("cancel", {}).get("identifier")
    if not identifier:
        raise Refused(
            400, "Missing required param: cancel[identifier].", code="parameter_missing", param="cancel[identifier]"
        )
    event = store.meter_events.latest(identifier)
    if event is None or event.event_name != params["event_name"] or event.cancelled:
        raise Refused(
            404, f"No event found with identifier {identifier}.", code="resource_missing", param="cancel[identifier]"
        )
    if event.received_at + CANCEL_SECONDS < store.exact_now():
        raise Refused(400, "Events can only be cancelled within 24 hours of their arrival.", param="cancel[identifier]")
    event.cancelled = True
    return complete(
        billing.MeterEventAdjustment,
        {
            "object": "billing.meter_event_adjustment",
            "cancel": {"identifier": identifier},
            "event_name": params["event_name"],
            "livemode": False,
            "status": "pending",
            "type": "cancel",
        },
    )


OPERATIONS = (
    Operation("POST", "/v1/billing/meter_events", MeterEventCreateParams, create, lock),
    Operation("POST", "/v1/billing/meter_event_adjustments", MeterEventAdjustmentCreateParams, adjust),
)


def _check_identifier(store: Store, identifier: str) -> None:
    if len(identifier) > IDENTIFIER_LENGTH_MAX:
        raise Refused(
            400, "Invalid identifier: must be 100 characters at most.", code="string_too_long", param="identifier"
        )
    known = store.meter_events.latest(identifier)
    if known is not None and known.received_at + IDENTIFIER_SECONDS > store.exact_now():
        raise Refused(400, f"An event already exists with identifier {identifier}.")


def _check_time(store: Store, at: int) -> None:
    if at < store.now() - PAST_SECONDS_MAX:
        raise Refused(
            400,
            "The timestamp must be within the past 35 calendar days.",
            code="timestamp_too_far_in_past",
            param="timestamp",
        )
    if at > store.now() + FUTURE_SECONDS_MAX:
        raise Refused(
            400,
            "The timestamp must not be more than 5 minutes in the future.",
            code="timestamp_in_future",
            param="timestamp",
        )


def _counted(payload: dict[str, str], counter: Json | None) -> tuple[int, str]:
    """The value, and the id of a customer who need not exist."""
    value_key = counter["value_settings"]["event_payload_key"] if counter else "value"
    customer_key = counter["customer_mapping"]["event_payload_key"] if counter else "stripe_customer_id"
    for key in (customer_key, *([value_key] if _needs_value(counter) else [])):
        if key not in payload:
            raise Refused(
                400, f"Missing required payload key: {key}.", code="parameter_missing", param=f"payload[{key}]"
            )
    value = payload.get(value_key, "1")
    if not VALUE.match(value):
        raise Refused(
            400,
            f"Invalid value {value[:40]}: must be a whole number of 15 digits at most.",
            code="meter_event_invalid_value",
            param=f"payload[{value_key}]",
        )
    return int(value), payload[customer_key]


def _needs_value(counter: Json | None) -> bool:
    return counter is not None and counter["default_aggregation"]["formula"] != "count"


@happening("check_meter_event")
def _check_later(store: Store, identifier: str) -> None:
    event = store.meter_events.latest(identifier)
    if event is None:
        return
    counter, customer = meter.named(store, event.event_name), store.customers.get(event.customer)
    if counter is None:
        thin_event.no_meter_found(store, event)
    elif customer is None or customer.get("deleted"):
        thin_event.report(store, counter, "meter_event_customer_not_found", event)
