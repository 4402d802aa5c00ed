"""An account's entries played again: what remains of each grant, and whether the right one burnt."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from relay.audit.differences import Difference, compare

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Grant:
    row: Row[Any]
    given_pico: int = 0
    remaining_pico: int = 0

    def order(self) -> tuple[datetime, bool, bool, int]:
        """Soonest to expire first; of those alike promo, then what was not paid for, then paid, then age."""
        return (
            self.row.expires_at or _LAST,
            self.row.kind != "promo",
            self.row.kind == "topup",
            self.row.id,
        )

    def can_burn(self, held_at: datetime) -> bool:
        return self.remaining_pico > 0 and held_at < (self.row.expires_at or _LAST)


class Replay:
    """Feed it entries in the order of their ids."""

    def __init__(self, grants: list[Row[Any]]) -> None:
        self._grants = {row.id: _Grant(row) for row in grants}
        self.credit_pico = 0
        self.overage_pico = 0

    def take(self, entry: Row[Any]) -> list[Difference]:
        """`entry.held_at` is when the hold of its request was taken; None without a usage row."""
        if entry.kind == "overage":
            found = self._check_burn(entry)
            self.overage_pico -= entry.amount_pico
            return found
        grant = self._grants.get(entry.grant_id)
        if grant is None:
            return [Difference("entries.grant_id", str(entry.id), entry.grant_id, None)]
        found = self._check_burn(entry) if entry.kind == "burn" else []
        grant.given_pico += entry.amount_pico if entry.kind == "grant" else 0
        grant.remaining_pico += entry.amount_pico
        self.credit_pico += entry.amount_pico
        return found

    def _check_burn(self, entry: Row[Any]) -> list[Difference]:
        """The first live grant burns, no further than it reaches; only when none is left, overage or debt."""
        held_at: datetime = entry.held_at or entry.at
        live = [grant for grant in self._grants.values() if grant.can_burn(held_at)]
        if not live:
            return []
        first = min(live, key=_Grant.order)
        if first.row.id != entry.grant_id:
            return [Difference("entries.burn_order", str(entry.id), entry.grant_id or entry.kind, first.row.id)]
        beyond = -entry.amount_pico > first.remaining_pico
        return compare("entries.overdrawn", entry.id, -entry.amount_pico, first.remaining_pico) if beyond else []

    def differences(self) -> Iterator[Difference]:
        """Once every entry is taken: what the grants' own rows say differently."""
        for grant in self._grants.values():
            row = grant.row
            yield from compare("grants.granted_pico", row.id, row.granted_pico, grant.given_pico)
            yield from compare("grants.remaining_pico", row.id, row.remaining_pico, grant.remaining_pico)

    def next_expiry_at(self) -> datetime | None:
        """The soonest end of a grant that still has something in it."""
        ends = [g.row.expires_at for g in self._grants.values() if g.remaining_pico > 0 and not g.row.expired_at]
        return min((end for end in ends if end is not None), default=None)
