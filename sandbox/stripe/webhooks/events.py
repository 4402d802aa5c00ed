"""Events: what has happened, with the object as it was at that moment."""

from __future__ import annotations

from typing import Any

import stripe
from stripe._api_version import _ApiVersion

from sandbox.stripe.door.shape import complete
from sandbox.stripe.door.showing import shown
from sandbox.stripe.store import Json, Store

API_VERSION = _ApiVersion.CURRENT
EVENTS_MAX = 20_000


def emit(store: Store, kind: str, thing: Json, before: Json | None = None) -> Json:
    """Tells of `thing`. `before` is a copy of it from before a change, for `previous_attributes`."""
    data: Json = {"object": shown(thing)}
    if before is not None:
        data["previous_attributes"] = changes(shown(before), data["object"])
    known = {
        "id": store.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": store.now(),
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": store.caller.id, "idempotency_key": store.caller.idempotency_key},
        "type": kind,
    }
    event = {**complete(stripe.Event, {**known, "data": {"object": {}}}), "data": data}
    return tell(store, event)


def tell(store: Store, event: Json) -> Json:
    """Keeps an event and lets everybody know who listens."""
    events = store.table(event["object"])
    store.add(event)
    if len(events) > EVENTS_MAX:
        oldest = next(iter(events))
        del events[oldest], store.index[oldest]
    for listener in store.told:
        listener(event)
    return event


def changes(before: Json, after: Json) -> Json:
    """What had another value before."""
    found: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and "object" not in old:
            found[name] = changes(old, new)
        else:
            found[name] = old
    return found
