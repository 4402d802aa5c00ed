"""Storage recomputed: every hour's price from its byte-seconds, and all byte-seconds from the files themselves."""

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import Any

from sqlalchemy import Connection, Row, select

from relay.audit.differences import Difference, compare
from relay.audit.prices import Priced, Prices
from relay.ledger import NOT_PAID
from relay.pricing import STORAGE_KIND, STORAGE_MODEL, Unit
from relay.tables import Asset, StorageMeter, table

assets, meters = table(Asset), table(StorageMeter)
SECONDS = 30 * 86400


class Storage:
    """One account's. Feed it usage rows in the order of their ids: the price of all hours so far is one exact sum."""

    def __init__(self, connection: Connection, account_id: str, prices: Prices) -> None:
        self._connection, self._id, self._prices = connection, account_id, prices
        self._byte_seconds = 0
        self._exact = {"cost": Fraction(), "price": Fraction()}

    def price(self, row: Row[Any]) -> Priced:
        """What the hour came to, which is in `held_pico`; what was paid may be less where the row says so."""
        unit = self._unit(row)
        if unit is None:
            unknown = Difference("usage.price_version", row.request_id, f"{row.price_version} storage", None)
            return Priced(row.cost_pico, row.price_pico, [unknown])
        self._byte_seconds += row.storage_byte_seconds
        due = self._whole("price", row, unit.price_pico)
        cost_pico = self._whole("cost", row, unit.cost_pico)
        differences = [
            *compare("usage.cost_pico", row.request_id, row.cost_pico, cost_pico),
            *compare("usage.held_pico", row.request_id, row.held_pico, due),
        ]
        short = 0 <= row.price_pico < due and row.reason == NOT_PAID
        if not short:
            differences += compare("usage.price_pico", row.request_id, row.price_pico, due)
        return Priced(cost_pico, row.price_pico if short else due, differences)

    def _whole(self, what: str, row: Row[Any], unit_pico: int) -> int:
        """Whole pico-dollars that this hour added to the exact sum of all."""
        before = self._exact[what]
        self._exact[what] = before + Fraction(row.storage_byte_seconds * unit_pico, 10**9 * SECONDS)
        return floor(self._exact[what]) - floor(before)

    def _unit(self, row: Row[Any]) -> Unit | None:
        table_of = self._prices.table(row.price_version)
        return table_of.unit(STORAGE_MODEL, STORAGE_KIND) if table_of else None

    def differences(self) -> Iterator[Difference]:
        """Once every row is taken: what the files and the meter say differently."""
        meter = self._connection.execute(select(meters).where(meters.c.account_id == self._id)).one_or_none()
        if meter is None:
            yield from compare("storage_meters.account_id", self._id, self._byte_seconds, 0)
            return
        kept = self._connection.execute(
            select(assets).where(assets.c.account_id == self._id, assets.c.since < meter.booked_until)
        )
        all_kept = sum(
            row.bytes * int((min(row.until or meter.booked_until, meter.booked_until) - row.since).total_seconds())
            for row in kept
        )
        booked = self._byte_seconds + meter.owed_byte_seconds
        yield from compare("usage.storage_byte_seconds", self._id, booked, all_kept)
        for name, carry in (("price", meter.price_carry), ("cost", meter.cost_carry)):
            left = (self._exact[name] - floor(self._exact[name])) * 10**9 * SECONDS
            yield from compare(f"storage_meters.{name}_carry", self._id, carry, int(left))
