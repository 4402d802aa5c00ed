"""The log of metered requests, newest first, a page at a time: whole, or what was asked for of it.

Every page costs about the same, however long the history and however rare what is asked for: moments and endings have
indexes, and the sums and roll-ups tell on which days and in which hours a model or a key was used at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from relay.errors import BadInput
from relay.tables import Usage, table
from relay.tables.metered import CUT_SHORT
from relay.usage.hours import EVER, HOUR, hours_with
from relay.usage.spans import latest_within
from relay.usage.summed import Fresh

usage = table(Usage)
LIMIT_MAX = 200
SERVICES = {"claude": "request", "storage": "storage"}
"""What a service's usage rows are called that are no corrections."""

# PostgreSQL refuses text that holds a NUL: nothing but the form of an id gets there.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RequestView:
    """`duration_ms` is from the hold to the settlement; `total_pico` is the price with its corrections."""

    request_id: str
    at: datetime
    started_at: datetime
    model: str
    ended: str
    estimated: bool
    status: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    price_pico: int
    total_pico: int
    first_token_ms: int | None
    duration_ms: int
    key_id: str


@dataclass(frozen=True, slots=True)
class RequestsView:
    """`next` is what to pass as `before` for the following page; None on the last."""

    requests: tuple[RequestView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests: those in [start, end), of one model, of one key, or that ended in one way. None: all of them.

    `service` is `claude` for calls, or `storage` for hours of storage: those are many, and asked for by themselves.
    """

    start: datetime | None = None
    end: datetime | None = None
    model: str | None = None
    key_id: str | None = None
    ended: str | None = None
    service: str = "claude"

    @property
    def names_hours(self) -> bool:
        return self.model is not None or self.key_id is not None


EVERYTHING = Wanted()


def requests(
    connection: Connection,
    account_id: str,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
    fresh: Fresh | None = None,
) -> RequestsView:
    """A page of at most `limit` (1 to 200). BadInput when `before` is not the `next` of an earlier page. `fresh` covers
    what is wanted, where it is given.
    """
    limit = min(limit, LIMIT_MAX)
    conditions = _conditions(account_id, wanted)
    if before is not None:
        row = find(connection, account_id, before)
        if row is None:
            raise BadInput("`before` is the `next` of an earlier answer.", field="before")
        conditions.append(tuple_(usage.c.at, usage.c.id) < tuple_(row.at, row.id))
        wanted = _until(wanted, row.at)
    # One more than asked for tells whether there is another page.
    rows = _rows(connection, account_id, wanted, conditions, limit + 1, fresh)
    page = rows[:limit]
    corrected = _corrected_pico(connection, [row.request_id for row in page])
    views = tuple(_view(row, row.price_pico + corrected.get(row.request_id, 0)) for row in page)
    return RequestsView(views, page[-1].request_id if len(rows) > limit else None)


def find(connection: Connection, account_id: str, request_id: str) -> Row[Any] | None:
    """The usage row of a request of this account."""
    if not _ID.fullmatch(request_id):
        return None
    return connection.execute(
        select(usage).where(
            usage.c.request_id == request_id, usage.c.kind.in_(SERVICES.values()), usage.c.account_id == account_id
        )
    ).one_or_none()


def _conditions(account_id: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [usage.c.account_id == account_id, usage.c.kind == SERVICES[wanted.service]]
    if wanted.start is not None:
        found.append(usage.c.at >= wanted.start)
    if wanted.end is not None:
        found.append(usage.c.at < wanted.end)
    if wanted.model is not None:
        found.append(usage.c.model == wanted.model)
    if wanted.key_id is not None:
        found.append(usage.c.key_id == wanted.key_id)
    if wanted.ended is not None:
        found.append(usage.c.ended == wanted.ended)
    return found


def _until(wanted: Wanted, at: datetime) -> Wanted:
    return replace(wanted, end=at + timedelta(microseconds=1))


def _rows(
    connection: Connection,
    account_id: str,
    wanted: Wanted,
    conditions: list[ColumnElement[bool]],
    count: int,
    fresh: Fresh | None,
) -> Sequence[Row[Any]]:
    newest = select(usage).order_by(usage.c.at.desc(), usage.c.id.desc())
    if wanted.ended not in (None, "complete"):
        return connection.execute(newest.where(CUT_SHORT, *conditions).limit(count)).all()
    if not wanted.names_hours:
        return connection.execute(newest.where(*conditions).limit(count)).all()
    rows: list[Row[Any]] = []
    span = wanted.start or EVER[0], wanted.end or EVER[1]
    for hours in hours_with(connection, account_id, wanted.model, wanted.key_id, span, count, fresh):
        if hours:
            spans = [(hour, hour + HOUR) for hour in hours]
            order = (usage.c.at, usage.c.id)
            found = latest_within(connection, select(usage), conditions, spans, order, count - len(rows))
            rows += connection.execute(found).all()
        if len(rows) >= count:
            break
    return rows


def _corrected_pico(connection: Connection, request_ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    if not request_ids:
        return found
    query = select(usage.c.amends, usage.c.price_pico).where(usage.c.amends.in_(request_ids))
    for amends, price_pico in connection.execute(query):
        found[amends] = found.get(amends, 0) + price_pico
    return found


def _view(row: Row[Any], total_pico: int) -> RequestView:
    return RequestView(
        request_id=row.request_id,
        at=row.at,
        started_at=row.started_at,
        model=row.model,
        ended=row.ended,
        estimated=row.estimated,
        status=row.status,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_5m_tokens + row.cache_write_1h_tokens,
        price_pico=row.price_pico,
        total_pico=total_pico,
        first_token_ms=row.first_token_ms,
        duration_ms=max(0, (row.at - row.started_at) // timedelta(milliseconds=1)),
        key_id=row.key_id,
    )
