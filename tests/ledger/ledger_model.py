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
    cap: int
    journalled: int = 0


@dataclass
class ModelClawback:
    grant: ModelGrant
    asked: int
    taken: int


@dataclass
class Model:
    """One account. Amounts are pico-dollars; every method takes the moment at which it happens."""

    grants: list[ModelGrant] = field(default_factory=list[ModelGrant])
    holds: dict[str, ModelHold] = field(default_factory=dict[str, ModelHold])
    booked: dict[str, int] = field(default_factory=dict[str, int])
    corrected: set[str] = field(default_factory=set[str])
    died: set[str] = field(default_factory=set[str])
    clawbacks: dict[str, ModelClawback] = field(default_factory=dict[str, ModelClawback])
    overage: int = 0
    begun: int = 0
    cap: int = 0
    has_plan: bool = False
    ever_owed: bool = False
    ever_taken: bool = False
    """By a clawback, a correction, or a call that cost more than its hold: what nobody was asked for."""

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
        return max(0, self.credit - self.held + max(0, self.cap_now - self.this_period))

    @property
    def cap_now(self) -> int:
        return self.cap if self.has_plan else 0

    @property
    def this_period(self) -> int:
        return self.overage - self.begun

    @property
    def highest_cap(self) -> int:
        """In force now, or when a call that is open was held for."""
        return max(self.cap_now, *(hold.cap for hold in self.holds.values()), 0)

    def grant(self, key: str, kind: str, amount: int, expires_at: datetime | None) -> bool:
        if any(grant.key == key for grant in self.grants):
            return False
        new = ModelGrant(key, kind, amount, expires_at or NEVER, len(self.grants), amount)
        self._repay(new)
        self.grants.append(new)
        return True

    def _repay(self, grant: ModelGrant) -> None:
        for debtor in self.grants:
            if debtor.left < 0 < grant.left:
                repaid = min(-debtor.left, grant.left)
                debtor.left, grant.left = debtor.left + repaid, grant.left - repaid

    def claw_back(self, key: str, grant: ModelGrant, amount: int) -> bool:
        """At most what the grant gave, in all; first what it lost unused."""
        if key in self.clawbacks:
            return False
        before = [one for one in self.clawbacks.values() if one.grant is grant]
        asked = min(amount, grant.granted - sum(one.asked for one in before))
        unused = grant.expired - sum(one.asked - one.taken for one in before)
        taken = max(0, asked - max(0, unused))
        self.clawbacks[key] = ModelClawback(grant, asked, taken)
        grant.left -= taken
        self.ever_taken |= taken > 0
        return asked > 0

    def give_back(self, key: str) -> None:
        clawback = self.clawbacks.pop(key)
        clawback.grant.left += clawback.taken
        if clawback.taken:
            self._repay(clawback.grant)

    def hold(self, request_id: str, amount: int, at: datetime, until: datetime) -> bool:
        if request_id in self.holds:
            return True
        self.expire(at)
        if amount > self.available:
            return False
        self.holds[request_id] = ModelHold(amount, at, until, self.cap_now)
        return True

    def settle(self, request_id: str, price: int, now: datetime) -> bool:
        """False, and nothing booked, when it was booked before."""
        hold = self.holds.pop(request_id, None)
        if hold is None:
            self.expire(now)
            return False
        self.booked[request_id] = price
        self.ever_taken |= price > hold.amount
        self._burn(price, hold.at, hold.cap)
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
            self.ever_taken = True
            self._burn(more, now, self.cap_now)
        return True

    def settle_late(self, request_id: str, price: int, now: datetime) -> None:
        """Its own process speaks of a call that was swept: the truth is booked, once."""
        if request_id in self.died and price != self.booked[request_id]:
            self.correct(request_id, price, f"cor_late:{request_id}", now)
        self.expire(now)

    def _burn(self, price: int, held_at: datetime, cap: int) -> None:
        for grant in sorted(self.grants, key=ModelGrant.order):
            if grant.left > 0 and held_at < grant.expires_at:
                part = min(price, grant.left)
                grant.left, grant.burnt, price = grant.left - part, grant.burnt + part, price - part
        overage = min(price, max(0, max(cap, self.cap_now) - self.this_period))
        self.overage += overage
        if price > overage:
            self._owe(price - overage)

    def _owe(self, price: int) -> None:
        """Beyond all credit, and the cap: some grant goes below zero. Which one is the ledger's affair."""
        self.ever_owed = True
        if not self.grants:
            self.grants.append(ModelGrant("", "promo", 0, NEVER, 0))
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
