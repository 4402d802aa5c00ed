"""Usage rows priced again, each by the version that it names."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, or_, select

from relay import pricing
from relay.audit.differences import Difference, compare
from relay.errors import NotFound
from relay.pricing import PriceTable, Tokens
from relay.tables import Usage, table

usage = table(Usage)


NOTHING = (0, 0, 0, 0)
_KIND_PLACES = {"input": 0, "output": 1, "cache_read": 2, "cache_write_5m": 3, "cache_write_1h": 3}


class Priced(NamedTuple):
    """`kinds` is how much of the price is for input, output, cache reads and cache writes."""

    cost_pico: int
    price_pico: int
    differences: list[Difference]
    kinds: tuple[int, ...] = NOTHING


class Prices:
    """Price versions never change, so each is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[str, PriceTable | None] = {}

    def price(self, row: Row[Any]) -> Priced:
        """What the row's tokens cost by its own version. A correction of the price alone is taken at its word."""
        if row.kind == "correction":
            return self._correction(row)
        if row.kind != "request" or row.service != "claude":
            return Priced(row.cost_pico, row.price_pico, [])
        tokens = pricing.tokens_of(row)
        return self._compare(row, tokens, 0, 0)._replace(kinds=self._kinds(row, row.tier, tokens))

    def _correction(self, row: Row[Any]) -> Priced:
        """With the rows before it, it must come to the price of all their tokens."""
        earlier = self._connection.execute(
            select(usage)
            .where(usage.c.id < row.id, usage.c.account_id == row.account_id)
            .where(or_(usage.c.request_id == row.amends, usage.c.amends == row.amends))
            .order_by(usage.c.id)
        ).all()
        if not any(found.kind != "correction" for found in earlier):
            nothing = Difference("usage.amends", row.request_id, row.amends, None)
            return Priced(row.cost_pico, row.price_pico, [nothing])
        every = pricing.tokens_of(*earlier, row)
        was = self._kinds(row, earlier[-1].tier, pricing.tokens_of(*earlier))
        now = self._kinds(row, row.tier, every)
        kinds = tuple(b - a for a, b in zip(was, now, strict=True))
        if pricing.tokens_of(row) == Tokens() or row.service != "claude":
            return Priced(row.cost_pico, row.price_pico, [], kinds)
        before = (sum(found.cost_pico for found in earlier), sum(found.price_pico for found in earlier))
        return self._compare(row, every, *before)._replace(kinds=kinds)

    def _kinds(self, row: Row[Any], tier: str, tokens: Tokens) -> tuple[int, ...]:
        """How much tokens cost by kind in that tier; nothing where it has no price."""
        prices = self.table(row.price_version)
        if prices is None or not prices.has_tier(row.model, tier):
            return NOTHING
        found = [0, 0, 0, 0]
        for line in prices.charge(row.model, tier, tokens).lines:
            if (place := _KIND_PLACES.get(line.kind)) is not None:
                found[place] += line.amount_pico
        return tuple(found)

    def _compare(self, row: Row[Any], tokens: Tokens, cost_before: int, price_before: int) -> Priced:
        prices = self.table(row.price_version)
        if prices is None or not prices.has_tier(row.model, row.tier):
            unknown = f"{row.price_version} {row.model} {row.tier}"
            return Priced(
                row.cost_pico,
                row.price_pico,
                [Difference("usage.price_version", row.request_id, unknown, None)],
            )
        charge = prices.charge(row.model, row.tier, tokens)
        cost_pico, price_pico = charge.cost_pico - cost_before, charge.price_pico - price_before
        differences = [
            *compare("usage.cost_pico", row.request_id, row.cost_pico, cost_pico),
            *compare("usage.price_pico", row.request_id, row.price_pico, price_pico),
        ]
        return Priced(cost_pico, price_pico, differences)

    def table(self, version: str) -> PriceTable | None:
        """None when no such version was ever published."""
        if version not in self._tables:
            try:
                self._tables[version] = pricing.load(self._connection, version)
            except NotFound:
                self._tables[version] = None
        return self._tables[version]
