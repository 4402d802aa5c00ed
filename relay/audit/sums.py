"""The sums that pages read, added up again: an account's from the usage rows that they should hold, and everybody's
from the accounts', as their own rows would have them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from relay import clock
from relay.audit.differences import Difference, compare
from relay.audit.prices import Priced
from relay.sums import COUNTS
from relay.tables import EVERYBODY, Balance, UsageSum, table

sums, balances = table(UsageSum), table(Balance)

_ROWS_AT_ONCE = 1000


HALF = 10**6
"""A sum over many accounts may pass 64 bits, which SQLite refuses: it is summed in two halves, joined in Python."""


class Sums:
    """Those of one account, or of everybody. A day is two rows and an hour is two, one more for keys."""

    def __init__(self, account_id: str, everybody: "Sums | None" = None) -> None:
        """`everybody` is told what an account's own sums lack: its whole is compared without their faults."""
        self.account_id, self._everybody = account_id, everybody
        self._found: dict[tuple[Any, ...], list[int]] = {}

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
        for unit, since in (("hour", hour), ("day", hour.replace(hour=0))):
            for split, name in (("", ""), ("model", row.model), ("key", row.key_id)):
                self._put((split, unit, since, name), counts)

    def add_accounts(self, connection: Connection) -> None:
        """What stands in the table for every account, into everybody's. A key means nothing there."""
        key = (sums.c.split, sums.c.unit, sums.c.since, sums.c.name)
        halves = [func.sum(half) for name in COUNTS for half in (sums.c[name] // HALF, sums.c[name] % HALF)]
        of_all = select(*key, *halves).where(sums.c.account_id != EVERYBODY, sums.c.split != "key").group_by(*key)
        for row in connection.execute(of_all, execution_options={"yield_per": _ROWS_AT_ONCE}):
            each = [int(half) for half in row[len(key) :]]
            self._put(tuple(row[: len(key)]), [a * HALF + b for a, b in zip(each[::2], each[1::2], strict=True)])

    def _put(self, key: tuple[Any, ...], counts: Sequence[int]) -> None:
        so_far = self._found.setdefault(key, [0] * len(counts))
        so_far[:] = [a + b for a, b in zip(so_far, counts, strict=True)]

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """What stands in the table against what was added here."""
        mine = select(sums).where(sums.c.account_id == self.account_id)
        for row in connection.execute(mine, execution_options={"yield_per": _ROWS_AT_ONCE}):
            key = (row.split, row.unit, row.since, row.name)
            facts = self._found.pop(key, [0] * len(COUNTS))
            yield from self._compare(key, [getattr(row, name) for name in COUNTS], facts)
        for key, facts in self._found.items():
            yield from self._compare(key, [0] * len(facts), facts)

    def _compare(self, key: tuple[Any, ...], ours: Sequence[int], facts: Sequence[int]) -> Iterator[Difference]:
        split, unit, since, name = key
        if self._everybody is not None and split != "key" and list(ours) != list(facts):
            self._everybody._put(key, [b - a for a, b in zip(ours, facts, strict=True)])
        what = "/".join([self.account_id or "everybody", unit, clock.rfc3339(since), split, name])
        for column, stored, recomputed in zip(COUNTS, ours, facts, strict=True):
            yield from compare(f"usage_sums.{column}", what, stored, recomputed)


def rolled_until(connection: Connection, account_id: str) -> datetime | None:
    """Up to where an account's usage rows are in its sums."""
    return connection.execute(select(balances.c.rolled_until).where(balances.c.account_id == account_id)).scalar()
