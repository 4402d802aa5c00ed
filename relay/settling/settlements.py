"""From what was learnt of a call to its settlement; and the sweep of calls whose process died."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import structlog
from sqlalchemy import Connection, Executable, Row, func, select

from relay import clock, ledger, pricing
from relay.database import Database
from relay.ledger import Settle, Settled
from relay.metering import Learnt
from relay.pricing import PriceTable
from relay.settling.keeping import OpenCall
from relay.tables import Hold, Usage, table

holds, usage = table(Hold), table(Usage)
SWEEP_MAX = 1000
_HELD = select(
    holds.c.request_id, holds.c.account_id, holds.c.model, holds.c.max_tokens, holds.c.price_version,
    func.coalesce(holds.c.journal, ""),
)  # fmt: skip
"""Holds as open calls: in the order of their fields."""
log = structlog.get_logger(__name__)


async def sweep(database: Database, alive: Collection[str] = ()) -> int:
    """Settles every hold that has expired; how many there were. A live call renews its hold, so it is not touched."""
    swept, after = 0, ""
    while calls := await database.read(partial(_expired, after=after)):
        dead = [call for call in calls if call.request_id not in alive]
        commands = await database.read(partial(_commands, calls=dead))
        for command, outcome in zip(commands, await _settle_all(database, commands), strict=True):
            if isinstance(outcome, BaseException):
                log.error("cannot_be_swept", request_id=command.request_id, error=repr(outcome))
            else:
                swept += outcome.first
        after = calls[-1].request_id
    return swept


async def _settle_all(database: Database, commands: list[Settle]) -> list[Settled | BaseException]:
    settling = (database.batch(ledger.post, command) for command in commands)
    return await asyncio.gather(*settling, return_exceptions=True)


def _expired(connection: Connection, after: str) -> list[OpenCall]:
    """The next holds in the order of their ids: one that cannot be settled is passed by, and does not stop the rest."""
    expired = _HELD.where(holds.c.expires_at <= clock.now(), holds.c.request_id > after)
    return _calls(connection, expired.order_by(holds.c.request_id).limit(SWEEP_MAX))


def _calls(connection: Connection, held: Executable) -> list[OpenCall]:
    return [OpenCall(*row) for row in connection.execute(held)]


def _commands(connection: Connection, calls: Sequence[OpenCall]) -> list[Settle]:
    commands: list[Settle] = []
    load = cache(partial(pricing.load, connection))
    for call in calls:
        try:
            commands.append(settlement_from_journal(call, load(call.price_version)))
        except Exception:
            log.exception("cannot_be_swept", request_id=call.request_id)
    return commands


def settlements_of_the_dead(connection: Connection, calls: Sequence[OpenCall]) -> list[Settle]:
    """For calls of which their process had noted beside the database what it knew: by the newer of two journals.

    A sweep may have been first, and is put right when it knew less. What the process booked itself is the last word.
    """
    ids = [call.request_id for call in calls]
    with_hold = {held.request_id: held for held in _calls(connection, _HELD.where(holds.c.request_id.in_(ids)))}
    newest = [_newer(with_hold.get(call.request_id), call) for call in calls]
    found = select(usage).where(usage.c.request_id.in_(ids), usage.c.kind == "request")
    booked = {row.request_id: row for row in connection.execute(found)}
    return [
        replace(command, swept=False)
        for command in _commands(connection, newest)
        if (row := booked.get(command.request_id)) is None or _knew_less(row, command)
    ]


def _knew_less(booked: Row[Any], command: Settle) -> bool:
    """Only a sweep books without the status of an answer."""
    return booked.status == 0 and booked.price_pico < command.price_pico


def _newer(held: OpenCall | None, call: OpenCall) -> OpenCall:
    if held is None or Learnt.from_journal(held.journal).journals < Learnt.from_journal(call.journal).journals:
        return call
    return held


def settlement_from_journal(call: OpenCall, prices: PriceTable) -> Settle:
    """What is known of a call that nobody can ask any more: without a journal nothing, not even that it was free."""
    learnt = Learnt.from_journal(call.journal)
    learnt.unsure = learnt.unsure or not learnt.started
    found = settlement(
        learnt, prices, request_id=call.request_id, account_id=call.account_id, model=call.model,
        max_tokens=call.max_tokens, ended="process_died", status=0,
    )  # fmt: skip
    return replace(found, swept=True)


def settlement(
    learnt: Learnt,
    prices: PriceTable,
    *,
    request_id: str,
    account_id: str,
    model: str,
    max_tokens: int,
    ended: ledger.Ended,
    status: int,
) -> Settle:
    """The true price of what was learnt, as the ledger wants it."""
    tokens = _used(learnt, model, max_tokens) if learnt.started else pricing.Tokens()
    tier = prices.tier(model, tokens, geo=learnt.geo, speed=learnt.speed, service_tier=learnt.service_tier)
    charge = prices.charge(model, tier, tokens)
    return Settle(
        request_id=request_id,
        account_id=account_id,
        at=clock.now(),
        ended=ended,
        cost_pico=charge.cost_pico,
        price_pico=charge.price_pico,
        tokens=tokens,
        tier=tier,
        estimated=learnt.estimated,
        unsplit_cache_writes=learnt.unsplit,
        status=status,
        first_token_ms=learnt.first_token_ms,
        stop_reason=learnt.stop_reason,
        upstream_request_id=learnt.upstream_request_id,
    )


def _used(learnt: Learnt, model: str, max_tokens: int) -> pricing.Tokens:
    sold = pricing.model_of(model) if learnt.passes else None
    return learnt.tokens(max_tokens, sold.context_tokens) if sold else learnt.tokens(max_tokens)
