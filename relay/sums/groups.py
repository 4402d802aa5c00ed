"""Usage rows as sums: one group for each account, hour, model and key, and the price of each kind of token."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    TextClause,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from relay.tables import Price, Usage, table

usage, prices = table(Usage), table(Price)

COUNTS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_pico",
    "price_pico",
    "input_pico",
    "output_pico",
    "cache_read_pico",
    "cache_write_pico",
)
"""What is summed, in the order of a group's `sums`. The last four are the price of that kind of token."""
HOURLY_COUNTS = COUNTS[:7]
"""Those of them that `usage_hours` has too."""
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
Unit = tuple[int, ...]
"""The price of one token of each of KINDS."""


class Group(NamedTuple):
    account_id: str
    hour: datetime
    model: str
    key_id: str
    sums: tuple[int, ...]


def grouped(connection: Connection, *which: ColumnElement[bool] | TextClause) -> list[Group]:
    """The usage rows that meet the conditions, summed; an hour, model and key may come more than once."""
    rows = connection.execute(_query(connection.dialect.name).where(*which)).all()
    if not rows:
        return []
    units = _units(connection, rows)
    return [_group(row, _corrected(connection, row, units) if row.correction else _kinds(row, units)) for row in rows]


def merged(groups: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Sums of sums."""
    return tuple(map(sum, zip(*groups, strict=True))) or (0,) * len(COUNTS)


@cache
def _query(dialect: str) -> Select[Any]:
    # A correction is a group of its own: what it is worth depends on the rows before it.
    correction = case((usage.c.kind == "correction", usage.c.request_id), else_=literal(""))
    names = (usage.c.account_id, _hour(dialect), usage.c.model, usage.c.key_id, usage.c.price_version, usage.c.tier)
    sums = [func.sum(usage.c[name]).label(name) for name in (*TOKENS, "cost_pico", "price_pico")]
    requests = func.sum(case((usage.c.kind == "request", 1), else_=0)).label("requests")
    last = func.max(usage.c.id).label("last_id"), func.max(usage.c.amends).label("amends")
    return select(*names, correction.label("correction"), requests, *sums, *last).group_by(*names, correction)


def _hour(dialect: str) -> ColumnElement[str]:
    if dialect == "sqlite":
        return func.substr(cast(usage.c.at, Text), 1, 13).label("hour")
    return func.to_char(func.timezone("UTC", usage.c.at), "YYYY-MM-DD HH24").label("hour")


def _units(connection: Connection, rows: Sequence[Row[Any]]) -> dict[tuple[str, str, str], Unit]:
    """What a token of each kind costs, by price version, model and tier."""
    asked = {"versions": list({row.price_version for row in rows}), "models": list({row.model for row in rows})}
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for version, model, tier, kind, price_pico in connection.execute(_PRICES, asked):
        found.setdefault((version, model, tier), {})[kind] = price_pico
    return {name: tuple(kinds.get(kind, 0) for kind in KINDS) for name, kinds in found.items()}


_PRICES = select(prices.c.version, prices.c.model, prices.c.tier, prices.c.kind, prices.c.price_pico).where(
    prices.c.version.in_(bindparam("versions", expanding=True)),
    prices.c.model.in_(bindparam("models", expanding=True)),
    prices.c.kind.in_(KINDS),
)


def _kinds(row: Any, units: dict[tuple[str, str, str], Unit]) -> tuple[int, ...]:
    """What the tokens of these rows cost, by kind. Tokens that have no price stand in none of them."""
    unit = units.get((row.price_version, row.model, row.tier), (0,) * len(KINDS))
    each = [int(getattr(row, name)) * price for name, price in zip(TOKENS, unit, strict=True)]
    return (*each[:3], each[3] + each[4])


class _All(NamedTuple):
    price_version: str
    model: str
    tier: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0


def _corrected(connection: Connection, row: Row[Any], units: dict[tuple[str, str, str], Unit]) -> tuple[int, ...]:
    """By how much a correction changed what each kind costs: another tier changes it without another token."""
    columns = (usage.c.id, usage.c.tier, *(usage.c[name] for name in TOKENS))
    amended = or_(usage.c.request_id == row.amends, usage.c.amends == row.amends)
    of = select(*columns).where(amended, usage.c.id <= row.last_id).order_by(usage.c.id)
    rows = connection.execute(of).all()
    before, after = (_kinds(_in_all(row, some), units) for some in (rows[:-1], rows))
    return tuple(b - a for a, b in zip(before, after, strict=True))


def _in_all(correction: Row[Any], rows: Sequence[Row[Any]]) -> _All:
    tier = rows[-1].tier if rows else ""
    tokens = (sum(getattr(row, name) for row in rows) for name in TOKENS)
    return _All(correction.price_version, correction.model, tier, *tokens)


def _group(row: Row[Any], kinds: tuple[int, ...]) -> Group:
    hour = datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC)
    writes = row.cache_write_5m_tokens + row.cache_write_1h_tokens
    counts = (row.requests, row.input_tokens, row.output_tokens, row.cache_read_tokens, writes)
    # PostgreSQL sums to NUMERIC, which arrives as Decimal.
    sums = tuple(int(value) for value in (*counts, row.cost_pico, row.price_pico, *kinds))
    return Group(row.account_id, hour, row.model, row.key_id, sums)
