"""Events, to be read again."""

from __future__ import annotations

from typing import Any

from stripe.params import EventListParams, EventRetrieveParams

from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.store import Json, Store

KIND = "event"


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("event", id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    kinds = params.get("types") or ([params["type"]] if "type" in params else None)
    found = [
        one
        for one in store.all("event")
        if fits(one, params) and (kinds is None or any(_fits(one["type"], kind) for kind in kinds))
    ]
    return listed(found, params, "/v1/events", "event")


OPERATIONS = (
    Operation("GET", "/v1/events", EventListParams, find_all),
    Operation("GET", "/v1/events/{id}", EventRetrieveParams, retrieve),
)


def _fits(kind: str, wanted: str) -> bool:
    return kind == wanted or (wanted.endswith("*") and kind.startswith(wanted[:-1]))
