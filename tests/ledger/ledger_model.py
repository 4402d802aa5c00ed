"""What the ledger should do, said once more in plain Python: no database, no batches, no snapshots."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)
BURNS_FIRST = ["promo", "monthly", "topup"]


@dataclass
class ModelGrant:
    key: str
    kind: str
    granted: int
    expires_at: datetime
    age: int
    left: int = 0
    burnt: int = 0
    expired: int = 0

    def order(self) -> tuple[datetime, int, int]:
        return (self.expires_at, BURNS_FIRST.index(self.kind), self.age)


@dataclass
class ModelHold:
    amount: int
    at: datetime
    until: datetime
    journalled: int = 0


@dataclass
class Model:
    """One account. Amounts are pico-dollars; every method takes the moment at which it happens."""

    grants: list[ModelGrant] = field(default_factory=list[ModelGrant])
    holds: dict[str, ModelHold] = field(default_factory=dict[str, ModelHold])
    booked: dict[str, int] = field(default_factory=dict[str, int])
    corrected: set[str] = field(default_factory=set[str])
    died: set[str] = field(default_factory=set[str])
    overage: int = 0
    cap: int = 0
    has_plan: bool = False
    ever_owed: bool = False

    @property
    def credit(self) -> int:
        return sum(grant.left for grant in self.grants)

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds.values())

    @property
    def available(self) -> int:
        if self.credit < 0:
            return 0
        room = max(0, self.cap - self.overage) if self.has_plan else 0
        return max(0, self.credit - self.held + room)

    def grant(self, key: str, kind: str, amount: int, expires_at: datetime | None) -> bool:
        if any(grant.key == key for grant in self.grants):
            return False
        new = ModelGrant(key, kind, amount, expires_at or NEVER, len(self.grants), amount)
        for debtor in self.grants:
            if debtor.left < 0:
                repaid = min(-debtor.left, new.left)
                debtor.left, new.left = debtor.left + repaid, new.left - repaid
        self.grants.append(new)
        return True

    def hold(self, request_id: str, amount: int, at: datetime, until: datetime) -> bool:
        if request_id in self.holds:
            return True
        self.expire(at)
        if amount > self.available:
            return False
        self.holds[request_id] = ModelHold(amount, at, until)
        return True

    def settle(self, request_id: str, price: int, now: datetime) -> bool:
        """False, and nothing booked, when it was booked before."""
        hold = self.holds.pop(request_id, None)
        if hold is None:
            self.expire(now)
            return False
        self.booked[request_id] = price
        self._burn(price, hold.at)
        self.expire(now)
        return True

    def correct(self, request_id: str, price: int, key: str, now: datetime) -> bool:
        """What was too much comes back as a grant; what was too little is paid from what lives now."""
        if key in self.corrected:
            return False
        more, self.booked[request_id] = price - self.booked[request_id], price
        self.corrected.add(key)
        self.died.discard(request_id)
        if more < 0:
            self.grant(f"correction:{key}", "promo", -more, None)
        else:
            self._burn(more, now)
        return True

    def settle_late(self, request_id: str, price: int, now: datetime) -> None:
        """Its own process speaks of a call that was swept: the truth is booked, once."""
        if request_id in self.died and price != self.booked[request_id]:
            self.correct(request_id, price, f"cor_late:{request_id}", now)
        self.expire(now)

    def _burn(self, price: int, held_at: datetime) -> None:
        for grant in sorted(self.grants, key=ModelGrant.order):
            if grant.left > 0 and held_at < grant.expires_at:
                part = min(price, grant.left)
                grant.left, grant.burnt, price = grant.left - part, grant.burnt + part, price - part
        if price and self.has_plan:
            self.overage += price
        elif price:
            self._owe(price)

    def _owe(self, price: int) -> None:
        """Prepaid, and dearer than was held: some grant goes below zero. Which one is the ledger's affair."""
        self.ever_owed = True
        with_some = [grant for grant in self.grants if grant.left] or self.grants[-1:]
        debtor = max(with_some, key=ModelGrant.order)
        debtor.left, debtor.burnt = debtor.left - price, debtor.burnt + price

    def sweep(self, now: datetime) -> int:
        """Settles from the journal what nobody renewed; how many."""
        dead = sorted(request_id for request_id, hold in self.holds.items() if hold.until <= now)
        for request_id in dead:
            self.died.add(request_id)
            self.settle(request_id, self.holds[request_id].journalled, now)
        return len(dead)

    def expire(self, now: datetime) -> None:
        """What has run out is gone, but for as much as open calls may yet burn of it."""
        promised = 0
        for grant in sorted(self.grants, key=ModelGrant.order):
            if grant.expires_at <= now and grant.left > 0:
                reserved = sum(h.amount for h in self.holds.values() if h.at < grant.expires_at)
                kept = max(0, min(grant.left, reserved - promised))
                promised += kept
                grant.expired, grant.left = grant.expired + grant.left - kept, kept
