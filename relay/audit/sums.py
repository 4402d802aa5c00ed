"""The sums that pages read, added up again from the usage rows that they should hold."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from relay import clock
from relay.audit.differences import Difference, compare
from relay.audit.prices import Priced
from relay.tables import EVERYBODY, Balance, UsageSum, table

sums, balances = table(UsageSum), table(Balance)

_NAMES = (
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
_ROWS_AT_ONCE = 1000


class Sums:
    """Those of one account, or of everybody. A day is two rows and an hour is two, one more for keys."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self._found: dict[tuple[str, str, datetime, str], list[int]] = {}

    def add(self, row: Row[Any], priced: Priced) -> None:
        """A usage row that the clock has come to, or that came later than it."""
        counts = (
            int(row.kind == "request"),
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_5m_tokens + row.cache_write_1h_tokens,
            priced.cost_pico,
            priced.price_pico,
            *priced.kinds,
        )
        hour = clock.hour_of(row.at)
        splits = [("", ""), ("model", row.model)]
        splits += [] if self.account_id == EVERYBODY else [("key", row.key_id)]
        for unit, since in (("hour", hour), ("day", hour.replace(hour=0))):
            for split, name in splits:
                so_far = self._found.setdefault((split, unit, since, name), [0] * len(counts))
                so_far[:] = [a + b for a, b in zip(so_far, counts, strict=True)]

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """What stands in the table against what was added here."""
        mine = select(sums).where(sums.c.account_id == self.account_id)
        for row in connection.execute(mine, execution_options={"yield_per": _ROWS_AT_ONCE}):
            key = (row.split, row.unit, row.since, row.name)
            facts = self._found.pop(key, [0] * len(_NAMES))
            yield from self._compare(key, [getattr(row, name) for name in _NAMES], facts)
        for key, facts in self._found.items():
            yield from self._compare(key, [0] * len(facts), facts)

    def _compare(self, key: tuple[Any, ...], ours: Sequence[int], facts: Sequence[int]) -> Iterator[Difference]:
        split, unit, since, name = key
        what = "/".join([self.account_id or "everybody", unit, clock.rfc3339(since), split, name])
        for column, stored, recomputed in zip(_NAMES, ours, facts, strict=True):
            yield from compare(f"usage_sums.{column}", what, stored, recomputed)


def rolled_until(connection: Connection, account_id: str) -> datetime | None:
    """Up to where an account's usage rows are in its sums."""
    return connection.execute(select(balances.c.rolled_until).where(balances.c.account_id == account_id)).scalar()
