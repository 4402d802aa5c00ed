"""One account: its facts read once, in order, and its caches compared with them."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from relay import clock
from relay.audit.differences import Difference, compare
from relay.audit.prices import Priced, Prices
from relay.audit.replay import Replay
from relay.audit.storage import Storage
from relay.audit.sums import Sums, rolled_until
from relay.sums import HOURLY_COUNTS
from relay.tables import ApiKey, Balance, Entry, Grant, Hold, Usage, UsageHour, table

balances, grants, entries, holds = table(Balance), table(Grant), table(Entry), table(Hold)
usage, hours, keys = table(Usage), table(UsageHour), table(ApiKey)

_HOUR_KEY = ("hour", "service", "model", "key_id")
_ROWS_AT_ONCE = 1000


def audit_account(connection: Connection, account_id: str, prices: Prices, everybody: Sums) -> Iterator[Difference]:
    """Every difference of one account. What its own sums lack is told to those of `everybody`."""
    account = _Account(connection, account_id, prices, everybody)
    yield from account.read()
    yield from account.replay.differences()
    yield from account.unpaid_differences()
    yield from account.balance_differences()
    yield from account.hour_differences()
    yield from account.sums.differences(connection)
    yield from account.key_differences()
    yield from account.storage.differences()


class _Account:
    def __init__(self, connection: Connection, account_id: str, prices: Prices, everybody: Sums) -> None:
        self._connection = connection
        self._id = account_id
        self._prices = prices
        self.storage = Storage(connection, account_id, prices)
        self.sums = Sums(account_id, everybody)
        self._rolled_until = rolled_until(connection, account_id)
        self._hours: dict[tuple[Any, ...], list[int]] = {}
        self._spent: dict[str, int] = {}
        self._unpaid: dict[str, list[int]] = {}
        mine = select(grants).where(grants.c.account_id == account_id)
        self.replay = Replay(list(connection.execute(mine)))

    def read(self) -> Iterator[Difference]:
        """Usage rows and entries side by side: both in the order of settling, so few wait for the other."""
        all_entries = iter(self._stream(self._entries()))
        for row in self._stream(select(usage).where(usage.c.account_id == self._id).order_by(usage.c.id)):
            priced = (self.storage if row.kind == "storage" else self._prices).price(row)
            yield from priced.differences
            self._add(row, priced)
            while row.request_id in self._unpaid and (entry := next(all_entries, None)):
                yield from self._take(entry)
        for entry in all_entries:
            yield from self._take(entry)

    def _entries(self) -> Any:
        its_row = and_(
            usage.c.request_id == entries.c.request_id, usage.c.kind.in_(("request", "storage", "correction"))
        )
        return (
            select(entries, usage.c.started_at.label("held_at"))
            .select_from(entries.outerjoin(usage, its_row))
            .where(entries.c.account_id == self._id)
            .order_by(entries.c.id)
        )

    def _add(self, row: Row[Any], priced: Priced) -> None:
        key = (clock.hour_of(row.at), row.service, row.model, row.key_id)
        added = (
            1 if row.kind == "request" else 0,
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_5m_tokens + row.cache_write_1h_tokens,
            priced.cost_pico,
            priced.price_pico,
        )
        so_far = self._hours.get(key, [0] * len(added))
        self._hours[key] = [a + b for a, b in zip(so_far, added, strict=True)]
        if self._rolled_until is not None and row.at < self._rolled_until:
            self.sums.add(row, priced)
        self._spent[row.key_id] = self._spent.get(row.key_id, 0) + priced.price_pico
        self._owe(row.request_id, priced.price_pico, 0)

    def _take(self, entry: Row[Any]) -> list[Difference]:
        if entry.request_id is not None:
            self._owe(entry.request_id, 0, -entry.amount_pico)
        return self.replay.take(entry)

    def _owe(self, request_id: str, price_pico: int, paid_pico: int) -> None:
        """Remembers a request only while its price and its entries do not match."""
        price, paid = self._unpaid.pop(request_id, [0, 0])
        price, paid = price + price_pico, paid + paid_pico
        if price != paid:
            self._unpaid[request_id] = [price, paid]

    def unpaid_differences(self) -> Iterator[Difference]:
        for request_id, (price, paid) in self._unpaid.items():
            yield Difference("entries.amount_pico", request_id, paid, price)

    def balance_differences(self) -> Iterator[Difference]:
        row = self._connection.execute(select(balances).where(balances.c.account_id == self._id)).one_or_none()
        if row is None:
            yield Difference("balances.account_id", self._id, None, self._id)
            return
        reserved = select(func.coalesce(func.sum(holds.c.amount_pico), 0)).where(holds.c.account_id == self._id)
        held_pico = int(self._connection.execute(reserved).scalar_one())
        yield from compare("balances.credit_pico", self._id, row.credit_pico, self.replay.credit_pico)
        yield from compare("balances.held_pico", self._id, row.held_pico, held_pico)
        yield from compare("balances.overage_pico", self._id, row.overage_pico, self.replay.overage_pico)
        # Too early costs one look in vain, once a grant is used up; too late keeps dead credit.
        due = self.replay.next_expiry_at()
        if due is not None and (row.next_expiry_at is None or row.next_expiry_at > due):
            ours = row.next_expiry_at and clock.rfc3339(row.next_expiry_at)
            yield Difference("balances.next_expiry_at", self._id, ours, clock.rfc3339(due))

    def hour_differences(self) -> Iterator[Difference]:
        for row in self._stream(select(hours).where(hours.c.account_id == self._id)):
            key = tuple(getattr(row, name) for name in _HOUR_KEY)
            facts = self._hours.pop(key, [0] * len(HOURLY_COUNTS))
            yield from self._compare_hour(key, [getattr(row, name) for name in HOURLY_COUNTS], facts)
        for key, facts in self._hours.items():
            yield from self._compare_hour(key, [0] * len(facts), facts)

    def _compare_hour(self, key: tuple[Any, ...], ours: list[int], facts: list[int]) -> Iterator[Difference]:
        name = "/".join([self._id, clock.rfc3339(key[0]), *key[1:]])
        for column, stored, recomputed in zip(HOURLY_COUNTS, ours, facts, strict=True):
            yield from compare(f"usage_hours.{column}", name, stored, recomputed)

    def key_differences(self) -> Iterator[Difference]:
        for row in self._connection.execute(select(keys).where(keys.c.account_id == self._id)):
            yield from compare("api_keys.spent_pico", row.id, row.spent_pico, self._spent.get(row.id, 0))

    def _stream(self, query: Any) -> Any:
        return self._connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE})
