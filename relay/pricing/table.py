"""A published price list in memory: usage in, exact pico-dollars out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from relay.pricing.costs import BASE, KINDS, LONG_PROMPT_TOKENS, name_of, tier_name

log = structlog.get_logger(__name__)

# What upstream's usage says when nothing special applied; an older model's region is `not_available`.
PLAIN_GEOS = frozenset({"", "global", "not_available"})
PLAIN_SPEEDS = frozenset({"", "standard"})
PLAIN_SERVICE_TIERS = frozenset({"", "standard", "priority"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call used. As upstream counts it, `input` excludes cache reads and cache writes."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    web_searches: int = 0

    @property
    def prompt(self) -> int:
        """Everything that upstream had to read: what decides on the long tier."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


def tokens_of(*rows: Any) -> Tokens:
    """What usage rows counted, added up. A correction's counts are signed."""
    return Tokens(
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        sum(row.cache_read_tokens for row in rows),
        sum(row.cache_write_5m_tokens for row in rows),
        sum(row.cache_write_1h_tokens for row in rows),
        sum(row.web_searches for row in rows),
    )


class Line(NamedTuple):
    """One line of a receipt; `tokens` counts searches when `kind` is `web_search`."""

    kind: str
    tokens: int
    unit_price_pico: int
    amount_pico: int


class Charge(NamedTuple):
    """What a call cost us and what it is sold for. The lines' amounts add up to `price_pico`."""

    cost_pico: int
    price_pico: int
    lines: tuple[Line, ...]


class Unit(NamedTuple):
    """Pico-dollars for one unit of a kind."""

    cost_pico: int
    price_pico: int


class PriceRow(NamedTuple):
    """One row of a published list, as the `prices` command prints it."""

    model: str
    kind: str
    tier: str
    cost_pico: int
    price_pico: int
    source: str
    checked: str


Units = tuple[Unit, ...]
"""In the order of KINDS."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceTable:
    """One price version, immutable. Build it with `table_from_rows`."""

    version: str
    published_at: datetime
    markup_percent: int
    rows: tuple[PriceRow, ...]
    _units: Mapping[tuple[str, str], Units] = field(repr=False)
    _single: Mapping[tuple[str, str, str], Unit] = field(repr=False)
    _dearest: Mapping[tuple[str, bool], str] = field(repr=False)

    def knows(self, model: object) -> bool:
        """Whether this version can price the model, by any of its names."""
        return self.name_of(model) is not None

    def name_of(self, model: object) -> str | None:
        """The model's one name in usage rows and receipts, or None when this version does not price it."""
        name = name_of(model)
        return name if name is not None and (name, BASE) in self._units else None

    def has_tier(self, model: str, tier: str) -> bool:
        """Whether the model is sold in that tier."""
        return (model, tier) in self._units

    def unit(self, model: str, kind: str, tier: str = BASE) -> Unit:
        """Cost and price of one unit. KeyError when this version does not have it."""
        return self._single[model, kind, tier]

    def tier(
        self,
        model: str,
        tokens: Tokens,
        *,
        geo: str | None = None,
        speed: str | None = None,
        service_tier: str | None = None,
    ) -> str:
        """The tier that upstream's own words about a call put it in.

        Words that no price is known for give the dearest tier of this model for a prompt of this length,
        and a warning in the log: such a call is neither free nor lost.
        """
        long = tokens.prompt > LONG_PROMPT_TOKENS and (model, "long") in self._units
        known = (
            (geo == "us" or (geo or "") in PLAIN_GEOS)
            and (speed == "fast" or (speed or "") in PLAIN_SPEEDS)
            and (service_tier == "batch" or (service_tier or "") in PLAIN_SERVICE_TIERS)
        )
        tier = tier_name(long=long, batch=service_tier == "batch", fast=speed == "fast", us=geo == "us")
        if known and (model, tier) in self._units:
            return tier
        dearest = self._dearest[model, long]
        words = {"geo": geo, "speed": speed, "service_tier": service_tier}
        log.warning("unpriced_tier", model=model, charged_as=dearest, **words)
        return dearest

    def tier_for_length(self, model: str, tier: str, tokens: Tokens) -> str:
        """The tier of the same call with a prompt of this length."""
        parts = set(tier.split("+")) - {"long", BASE}
        long = tokens.prompt > LONG_PROMPT_TOKENS and (model, "long") in self._units
        return tier_name(long=long, batch="batch" in parts, fast="fast" in parts, us="us" in parts)

    def charge(self, model: str, tier: str, tokens: Tokens) -> Charge:
        """Cost and price of what was used. KeyError when this version does not know the model or the tier."""
        units = self._units[model, tier]
        counts = (
            tokens.input,
            tokens.output,
            tokens.cache_read,
            tokens.cache_write_5m,
            tokens.cache_write_1h,
            tokens.web_searches,
        )
        cost_pico = price_pico = 0
        lines: list[Line] = []
        for kind, count, (unit_cost, unit_price) in zip(KINDS, counts, units, strict=True):
            if count:
                amount = count * unit_price
                cost_pico += count * unit_cost
                price_pico += amount
                lines.append(Line(kind, count, unit_price, amount))
        return Charge(cost_pico, price_pico, tuple(lines))


def table_from_rows(version: str, published_at: datetime, markup_percent: int, rows: Iterable[PriceRow]) -> PriceTable:
    """Indexes the rows of one version."""
    kept = tuple(sorted(rows))
    single = {(row.model, row.kind, row.tier): Unit(row.cost_pico, row.price_pico) for row in kept}
    pairs = {(row.model, row.tier) for row in kept if row.kind in KINDS}
    units = {pair: tuple(single[pair[0], kind, pair[1]] for kind in KINDS) for pair in pairs}
    return PriceTable(version, published_at, markup_percent, kept, units, single, _dearest(units))


def _dearest(units: Mapping[tuple[str, str], Units]) -> dict[tuple[str, bool], str]:
    dearest: dict[tuple[str, bool], str] = {}
    output = KINDS.index("output")
    for model, tier in sorted(units, key=lambda pair: units[pair][output].price_pico):
        dearest[model, "long" in tier.split("+")] = tier
    return dearest
