"""Everything that the sandbox knows and a test may want to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.door.showing import shown
from sandbox.stripe.store import Json, Store

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

KINDS = ("customer", "subscription", "invoice", "invoiceitem", "charge", "refund", "dispute", "checkout.session")


def books(stripe: Stripe, customer: str | None = None) -> dict[str, Any]:
    """Meter totals by customer and event name, the objects of each kind, what was delivered, what is still to come;
    of one customer alone, if one is named.
    """
    store = stripe.store
    totals: dict[str, dict[str, int]] = {}
    for (event_name, owner), events in store.meter_events.by_customer.items():
        if customer in (None, owner):
            totals.setdefault(owner, {})[event_name] = sum(one.value for one in events if not one.cancelled)
    return {
        "now": store.exact_now(),
        "meter_totals": totals,
        **{
            f"{kind.rpartition('.')[2]}s": [
                shown(one) for one in store.all(kind) if customer in (None, _owner(store, one))
            ]
            for kind in KINDS
        },
        "events": [{"id": one["id"], "type": one["type"], "created": one["created"]} for one in store.all("event")],
        "deliveries": [
            {"event": one.event, "type": one.type, "url": one.url, "statuses": one.statuses, "done": one.done}
            for one in stripe.deliveries.log
        ],
        "due": [{"at": at, "what": what, "id": object_id} for at, _, what, object_id in sorted(store.timeline.due)],
    }


def _owner(store: Store, thing: Json) -> str | None:
    """Whose it is; a refund or dispute belongs to whom the charge does."""
    if thing["object"] == "customer":
        return thing["id"]
    if thing["object"] in ("refund", "dispute"):
        return store.table("charge")[thing["charge"]]["customer"]
    return thing["customer"]
