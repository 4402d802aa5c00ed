"""The arithmetic of one metered request, and what put it right later."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from relay import pricing
from relay.errors import NotFound
from relay.pricing import Line, PriceTable
from relay.tables import Usage, table
from relay.usage.log import find

usage = table(Usage)


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


def receipt(connection: Connection, account_id: str, request_id: str) -> Receipt:
    """NotFound when the account has no such request, also when another account has."""
    row = find(connection, account_id, request_id)
    if row is None:
        raise NotFound("There is no request with this id.")
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
        lines=_lines(pricing.load(connection, row.price_version), row),
        corrections=tuple(map(_correction, corrections)),
        total_pico=row.price_pico + sum(correction.price_pico for correction in corrections),
    )


def _lines(prices: PriceTable, row: Row[Any]) -> tuple[Line, ...]:
    """An hour of storage is one line, in byte-seconds at the price of a GB-month, and a second one for what credit did
    not reach for. What dividing leaves over is carried from hour to hour: so a line may be a pico-dollar more or less.
    """
    if row.service != "storage":
        return prices.charge(row.model, row.tier, pricing.tokens_of(row)).lines
    unit_pico = prices.unit(pricing.STORAGE_MODEL, pricing.STORAGE_KIND).price_pico
    kept = Line(pricing.STORAGE_KIND, row.storage_byte_seconds, unit_pico, row.held_pico)
    short = row.held_pico - row.price_pico
    return (kept, Line("not_paid", row.storage_byte_seconds, 0, -short)) if short else (kept,)


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
