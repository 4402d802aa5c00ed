"""Stripe's events: stored before they are believed, then worked from the store, each by fetching its object afresh."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, or_, select, update

from relay import clock
from relay.billing.handlers import NotOurs, handle
from relay.billing.office import Office
from relay.errors import NotFound
from relay.gateways.payments import Said
from relay.tables import StripeEvent, table, upsert

events = table(StripeEvent)
CLAIM_SECONDS = 120
ATTEMPTS_MAX = 12
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 2, 6 * 3600
AT_ONCE = 4
OPEN = ("received", "failed")
log = structlog.get_logger(__name__)


def store(connection: Connection, said: Said, livemode: bool) -> bool:
    """Keeps the event, once; False when it is known. One of the other mode is set aside."""
    now = clock.now()
    is_ours = said.livemode == livemode
    row = {
        "id": said.id,
        "type": said.type,
        "object_id": said.object_id,
        "customer_id": said.customer_id,
        "livemode": said.livemode,
        "api_version": said.api_version,
        "created_at": said.created,
        "received_at": now,
        "state": "received" if is_ours else "set_aside",
        "attempts": 0,
        "next_try_at": now,
        "error": "" if is_ours else f"It is of {'live' if said.livemode else 'test'} mode, and our key is not.",
    }
    kept = upsert(connection, events).values(row).on_conflict_do_nothing(index_elements=["id"])
    return connection.execute(kept.returning(events.c.id)).first() is not None


async def work_through(office: Office) -> int:
    """Handles everything that is due, a few at a time and those of one customer in turn; how many were handled."""
    handled = 0
    while rows := await office.database.write(_claim):
        by_customer: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_customer.setdefault(row.customer_id or row.id, []).append(row)
        await asyncio.gather(*(_in_turn(office, group) for group in by_customer.values()))
        handled += len(rows)
    return handled


async def _in_turn(office: Office, rows: list[Row[Any]]) -> None:
    for row in rows:
        await _work(office, row)


def _claim(connection: Connection) -> list[Row[Any]]:
    """The oldest due events. A claim that lapses belongs to a process that died."""
    now = clock.now()
    free = or_(events.c.claimed_until.is_(None), events.c.claimed_until <= now)
    due = select(events.c.id).where(events.c.state.in_(OPEN), events.c.next_try_at <= now, free)
    ids = list(connection.execute(due.order_by(events.c.received_at).limit(AT_ONCE).with_for_update()).scalars())
    if not ids:
        return []
    mine = events.c.id.in_(ids)
    connection.execute(update(events).where(mine).values(claimed_until=now + clock.seconds(CLAIM_SECONDS)))
    return list(connection.execute(select(events).where(mine).order_by(events.c.received_at)).all())


async def _work(office: Office, row: Row[Any]) -> None:
    try:
        await handle(office, row.type, row.object_id)
    except NotOurs as reason:
        outcome = {"state": "set_aside", "error": str(reason)}
    except Exception as error:
        outcome = _failure(row, error)
    else:
        outcome = {"state": "done", "error": ""}
    await office.database.write(partial(_close, event_id=row.id, attempts=row.attempts + 1, outcome=outcome))


def _failure(row: Row[Any], error: Exception) -> dict[str, Any]:
    """Tried again with growing patience; after the last try a person must look."""
    wait = min(WAIT_SECONDS_MAX, WAIT_SECONDS_MIN * 4 ** min(row.attempts, 8))
    given_up = row.attempts + 1 >= ATTEMPTS_MAX
    reason = f"{type(error).__name__}: {error}".replace("\0", "")[:500]
    log.warning("stripe_event_failed", event_id=row.id, type=row.type, reason=reason, given_up=given_up)
    state = "set_aside" if given_up else "failed"
    return {"state": state, "error": reason, "next_try_at": clock.now() + clock.seconds(wait)}


def _close(connection: Connection, event_id: str, attempts: int, outcome: dict[str, Any]) -> None:
    closed = update(events).where(events.c.id == event_id)
    connection.execute(closed.values(**outcome, attempts=attempts, claimed_until=None))


def listed(connection: Connection, limit: int = 100, states: tuple[str, ...] = ()) -> list[Row[Any]]:
    """The newest events, of some states or of all."""
    query = select(events).order_by(events.c.received_at.desc(), events.c.id).limit(limit)
    return list(connection.execute(query.where(events.c.state.in_(states)) if states else query).all())


def replay(connection: Connection, event_id: str) -> None:
    """Has an event worked once more, whatever its state. NotFound when there is none with this id."""
    again = update(events).where(events.c.id == event_id).values(_afresh())
    if not connection.execute(again).rowcount:
        raise NotFound(f"There is no event {event_id}.")


def replay_failed(connection: Connection) -> list[str]:
    """Has every event that failed, or was given up after failing, worked once more; their ids."""
    failed = or_(events.c.state == "failed", (events.c.state == "set_aside") & (events.c.attempts >= ATTEMPTS_MAX))
    return list(connection.execute(update(events).where(failed).values(_afresh()).returning(events.c.id)).scalars())


def states_of(connection: Connection, event_ids: list[str]) -> dict[str, str]:
    """What became of these events, by id."""
    found = select(events.c.id, events.c.state).where(events.c.id.in_(event_ids))
    return {row[0]: row[1] for row in connection.execute(found)}


def _afresh() -> dict[str, Any]:
    now: datetime = clock.now()
    return {"state": "received", "attempts": 0, "next_try_at": now, "claimed_until": None, "error": ""}
