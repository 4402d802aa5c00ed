"""The log of metered requests, newest first, and the arithmetic of one of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from relay import pricing
from relay.errors import BadInput, NotFound
from relay.pricing import Line, Tokens
from relay.tables import Usage, table

usage = table(Usage)
LIMIT_MAX = 200
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
class CorrectionView:
    """What was booked later to put a request right. Its figures are signed: less is negative."""

    id: str
    at: datetime
    reason: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    price_pico: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one request cost and why; the amounts of `lines` add up to `price_pico`, and with those of `corrections`
    to `total_pico`. `estimated` is False too when a correction brought the true figures.

    `unsplit_cache_writes`: upstream did not say how long its cache writes live; they cost as 5-minute ones.
    """

    request_id: str
    at: datetime
    model: str
    tier: str
    ended: str
    estimated: bool
    unsplit_cache_writes: bool
    price_version: str
    held_pico: int
    price_pico: int
    lines: tuple[Line, ...]
    corrections: tuple[CorrectionView, ...]
    total_pico: int


def requests(connection: Connection, account_id: str, before: str | None = None, limit: int = 50) -> RequestsView:
    """A page of at most `limit` (1 to 200). BadInput when `before` is not the `next` of an earlier page."""
    # One more than asked for tells whether there is another page.
    query = select(usage).where(usage.c.account_id == account_id, usage.c.kind == "request")
    if before is not None:
        query = query.where(usage.c.id < _place_of(connection, account_id, before))
    rows = connection.execute(query.order_by(usage.c.id.desc()).limit(min(limit, LIMIT_MAX) + 1)).all()
    page = rows[: min(limit, LIMIT_MAX)]
    more = len(rows) > len(page)
    corrected = _corrected_pico(connection, [row.request_id for row in page])
    views = tuple(_view(row, row.price_pico + corrected.get(row.request_id, 0)) for row in page)
    return RequestsView(views, page[-1].request_id if more else None)


def receipt(connection: Connection, account_id: str, request_id: str) -> Receipt:
    """NotFound when the account has no such request, also when another account has."""
    row = _find(connection, account_id, request_id)
    if row is None:
        raise NotFound("There is no request with this id.")
    prices = pricing.load(connection, row.price_version)
    charge = prices.charge(row.model, row.tier, tokens_of(row))
    amends = select(usage).where(usage.c.amends == request_id, usage.c.account_id == account_id).order_by(usage.c.id)
    corrections = connection.execute(amends).all()
    return Receipt(
        request_id=row.request_id,
        at=row.at,
        model=row.model,
        tier=row.tier,
        ended=row.ended,
        estimated=[row, *corrections][-1].estimated,
        unsplit_cache_writes=row.unsplit_cache_writes,
        price_version=row.price_version,
        held_pico=row.held_pico,
        price_pico=row.price_pico,
        lines=charge.lines,
        corrections=tuple(map(_correction, corrections)),
        total_pico=row.price_pico + sum(correction.price_pico for correction in corrections),
    )


def _corrected_pico(connection: Connection, request_ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    if not request_ids:
        return found
    query = select(usage.c.amends, usage.c.price_pico).where(usage.c.amends.in_(request_ids))
    for amends, price_pico in connection.execute(query):
        found[amends] = found.get(amends, 0) + price_pico
    return found


def _correction(row: Row[Any]) -> CorrectionView:
    return CorrectionView(
        row.request_id,
        row.at,
        row.reason,
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_5m_tokens + row.cache_write_1h_tokens,
        row.price_pico,
    )


def tokens_of(row: Row[Any]) -> Tokens:
    """The token counts of a usage row."""
    return Tokens(
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_5m_tokens,
        row.cache_write_1h_tokens,
        row.web_searches,
    )


def _place_of(connection: Connection, account_id: str, before: str) -> int:
    row = _find(connection, account_id, before)
    if row is None:
        raise BadInput("`before` is the `next` of an earlier answer.", field="before")
    return row.id


def _find(connection: Connection, account_id: str, request_id: str) -> Row[Any] | None:
    if not _ID.fullmatch(request_id):
        return None
    return connection.execute(
        select(usage).where(
            usage.c.request_id == request_id, usage.c.kind == "request", usage.c.account_id == account_id
        )
    ).one_or_none()


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
