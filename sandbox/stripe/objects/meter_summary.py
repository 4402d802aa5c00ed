"""What a meter has counted for a customer, in all or by hour or day."""

from __future__ import annotations

from typing import Any

from stripe import billing
from stripe.params.billing import MeterListEventSummariesParams

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import listed
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.life.metering import Counted, aggregated
from sandbox.stripe.store import Json, Store

KIND = "billing.meter_event_summary"

WINDOWS = {"hour": 3600, "day": 86_400}


def find_all(store: Store, params: dict[str, Any], id: str) -> Json:
    """Newest first. With a grouping, windows in which nothing was counted are left out."""
    meter = store.get("billing.meter", id)
    store.get("customer", params["customer"], "customer")
    start, end, window = params["start_time"], params["end_time"], params.get("value_grouping_window")
    _check_bounds(start, end, window)
    seen_by = store.exact_now() - store.options.aggregation_seconds
    events = store.meter_events.within(meter["event_name"], params["customer"], start, end, seen_by)
    length = WINDOWS[window] if window else end - start
    grouped: dict[int, list[Counted]] = {} if window else {start: []}
    for event in events:
        grouped.setdefault(start + (event.at - start) // length * length, []).append(event)
    found = [_summary(store, meter, at, at + length, grouped[at]) for at in sorted(grouped)]
    return listed(found, params, f"/v1/billing/meters/{id}/event_summaries", "billing.meter_event_summary")


OPERATIONS = (Operation("GET", "/v1/billing/meters/{id}/event_summaries", MeterListEventSummariesParams, find_all),)


def _check_bounds(start: int, end: int, window: str | None) -> None:
    step = WINDOWS[window] if window else 60
    name = {60: "minute", 3600: "hour", 86_400: "day"}[step]
    for param, at in (("start_time", start), ("end_time", end)):
        if at % step:
            raise Refused(400, f"{param} must be aligned with {name} boundaries.", param=param)
    if end <= start:
        raise Refused(400, "end_time must be after start_time.", param="end_time")


def _summary(store: Store, meter: Json, start: int, end: int, events: list[Counted]) -> Json:
    return complete(
        billing.MeterEventSummary,
        {
            "id": f"mtrusg_test_{meter['id'][-8:]}{start:x}{end - start:x}",
            "object": "billing.meter_event_summary",
            "aggregated_value": float(aggregated(events, meter["default_aggregation"]["formula"])),
            "end_time": end,
            "livemode": False,
            "meter": meter["id"],
            "start_time": start,
        },
    )
