"""The store as a file, so that a restart does not lose the customers whose ids somebody else has kept."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import orjson

from sandbox.stripe.life.metering import Counted
from sandbox.stripe.store import Kept, Store
from sandbox.stripe.webhooks.deliveries import Deliveries, Delivery


def save(path: Path, store: Store, deliveries: Deliveries) -> None:
    """Writes everything into a new file and puts it in the old one's place: never half of it."""
    whole = {
        "ahead": store.ahead,
        "tables": store.tables,
        "answers": {key: asdict(kept) for key, kept in store.answers.items() if kept.expires_at > store.exact_now()},
        "meter_events": [asdict(event) for event in store.meter_events.events],
        "due": store.timeline.due,
        "order": store.timeline.order,
        "undelivered": [asdict(one) for one in deliveries.log if not one.done],
    }
    new = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with new.open("wb") as file:
        file.write(orjson.dumps(whole))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def load(path: Path, store: Store, deliveries: Deliveries) -> None:
    """Reads what `save` has written, if it has."""
    if not path.exists():
        return
    whole = orjson.loads(path.read_bytes())
    store.ahead = whole["ahead"]
    store.tables = whole["tables"]
    store.index = {one["id"]: one for table in store.tables.values() for one in table.values()}
    store.answers = {key: Kept(**kept) for key, kept in whole["answers"].items()}
    for event in whole["meter_events"]:
        store.meter_events.take(Counted(**event))
    store.timeline.due = [(at, order, name, object_id) for at, order, name, object_id in whole["due"]]
    store.timeline.order = whole["order"]
    deliveries.log = [Delivery(**one) for one in whole["undelivered"]]
