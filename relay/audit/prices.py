"""Usage rows priced again, each by the version that it names."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from relay import pricing
from relay.audit.differences import Difference, compare
from relay.errors import NotFound
from relay.pricing import PriceTable, Tokens


class Priced(NamedTuple):
    cost_pico: int
    price_pico: int
    differences: list[Difference]


class Prices:
    """Price versions never change, so each is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[str, PriceTable | None] = {}

    def price(self, row: Row[Any]) -> Priced:
        """What the row's tokens cost by its own version. Corrections and storage are taken at their word."""
        if row.kind != "request" or row.service != "claude":
            return Priced(row.cost_pico, row.price_pico, [])
        tokens = Tokens(
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_5m_tokens,
            row.cache_write_1h_tokens,
            row.web_searches,
        )
        prices = self._table(row.price_version)
        if prices is None or not prices.has_tier(row.model, row.tier):
            unknown = f"{row.price_version} {row.model} {row.tier}"
            return Priced(
                row.cost_pico,
                row.price_pico,
                [Difference("usage.price_version", row.request_id, unknown, None)],
            )
        charge = prices.charge(row.model, row.tier, tokens)
        differences = [
            *compare("usage.cost_pico", row.request_id, row.cost_pico, charge.cost_pico),
            *compare("usage.price_pico", row.request_id, row.price_pico, charge.price_pico),
        ]
        return Priced(charge.cost_pico, charge.price_pico, differences)

    def _table(self, version: str) -> PriceTable | None:
        if version not in self._tables:
            try:
                self._tables[version] = pricing.load(self._connection, version)
            except NotFound:
                self._tables[version] = None
        return self._tables[version]
