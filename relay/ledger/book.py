"""One account's figures in memory, and the rules that change them. No database here: this is the arithmetic."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

FOREVER = datetime.max.replace(tzinfo=UTC)
_UNENDING_ORDER = {"promo": 0, "monthly": 1, "topup": 2}


@dataclass(slots=True)
class GrantState:
    id: int
    kind: str
    remaining_pico: int
    expires_at: datetime | None
    expired_at: datetime | None = None
    changed: bool = False

    def burn_order(self) -> tuple[datetime, int, int]:
        """Soonest to expire first, then promo, then paid; the older of two alike."""
        return (self.expires_at or FOREVER, _UNENDING_ORDER[self.kind], self.id)

    def is_open_to(self, held_at: datetime) -> bool:
        """A call may burn what was live when its hold was taken, even if it ends after the expiry."""
        return self.expires_at is None or held_at < self.expires_at


@dataclass(frozen=True, slots=True)
class Movement:
    """An entry to be: signed pico-dollars from the account's side."""

    kind: str
    amount_pico: int
    grant_id: int | None = None
    request_id: str | None = None


@dataclass(slots=True)
class Book:
    """The snapshot of an account while a transaction holds it."""

    account_id: str
    credit_pico: int
    held_pico: int
    overage_pico: int
    period_overage_start_pico: int
    spend_cap_pico: int
    has_plan: bool
    next_expiry_at: datetime | None
    rolled_until: datetime | None = None
    grants: list[GrantState] = field(default_factory=list[GrantState])
    changed: bool = False

    @property
    def overage_room_pico(self) -> int:
        """How much overage the spend cap still allows in this period."""
        if not self.has_plan:
            return 0
        return max(0, self.spend_cap_pico - (self.overage_pico - self.period_overage_start_pico))

    @property
    def available_pico(self) -> int:
        """What a new hold may take: never negative, and nothing while credit is owed back."""
        if self.credit_pico < 0:
            return 0
        return max(0, self.credit_pico - self.held_pico + self.overage_room_pico)

    def hold(self, amount_pico: int) -> bool:
        if amount_pico > self.available_pico:
            return False
        self.held_pico += amount_pico
        self.changed = True
        return True

    def settle(self, held_pico: int, price_pico: int, held_at: datetime, request_id: str) -> list[Movement]:
        """Returns the hold, then burns credit in order, then books overage (or debt, without a plan)."""
        self.held_pico -= held_pico
        self.changed = True
        movements: list[Movement] = []
        owed = price_pico
        for grant in sorted(self.grants, key=GrantState.burn_order):
            if owed and grant.remaining_pico > 0 and grant.is_open_to(held_at):
                owed -= (burnt := min(owed, grant.remaining_pico))
                movements.append(self._move(grant, "burn", -burnt, request_id))
        if owed:
            movements.append(self._beyond_credit(owed, request_id))
        return movements

    def _beyond_credit(self, owed: int, request_id: str) -> Movement:
        if self.has_plan or not self.grants:
            self.overage_pico += owed
            return Movement("overage", -owed, request_id=request_id)
        # Prepaid, and the truth exceeded the hold: the last grant goes below zero, and the next one repays it.
        last = max(self.grants, key=lambda grant: (grant.expired_at is None, grant.burn_order()))
        return self._move(last, "burn", -owed, request_id)

    def give(self, grant: GrantState, correction_id: str | None = None) -> list[Movement]:
        """Adds a new grant, which first repays what earlier ones owe. A correction's grant names it."""
        debts = [g for g in self.grants if g.remaining_pico < 0]
        self.grants.append(grant)
        self.credit_pico += grant.remaining_pico
        self.changed = True
        movements = [Movement("grant", grant.remaining_pico, grant.id, correction_id)]
        for debtor in debts:
            repaid = min(-debtor.remaining_pico, grant.remaining_pico)
            if repaid > 0:
                movements += [self._move(grant, "repay", -repaid), self._move(debtor, "repay", repaid)]
        self.find_next_expiry()
        return movements

    def claw(self, grant: GrantState, amount_pico: int) -> Movement:
        """Takes credit of a grant back, below zero if need be; a positive amount gives back what was taken."""
        movement = self._move(grant, "clawback", amount_pico)
        if grant.remaining_pico > 0:
            # Credit that came back after its grant's end is for the next expiry to take.
            grant.expired_at = None
        self.find_next_expiry()
        return movement

    def expire(self, now: datetime, open_holds: list[tuple[datetime, int]]) -> list[Movement]:
        """Ends grants whose time is up, but for what calls that are still open may yet burn."""
        movements: list[Movement] = []
        kept_pico = 0
        for grant in sorted(self.grants, key=GrantState.burn_order):
            if grant.expired_at or grant.expires_at is None or grant.expires_at > now:
                continue
            reserved = sum(amount for held_at, amount in open_holds if grant.is_open_to(held_at)) - kept_pico
            keep = max(0, min(grant.remaining_pico, reserved))
            kept_pico += keep
            if (gone := grant.remaining_pico - keep) > 0:
                movements.append(self._move(grant, "expire", -gone))
            if grant.remaining_pico == 0:
                grant.expired_at, grant.changed = now, True
        self.find_next_expiry()
        return movements

    def find_next_expiry(self) -> None:
        ends = [g.expires_at for g in self.grants if g.expires_at and not g.expired_at and g.remaining_pico > 0]
        self.next_expiry_at = min(ends, default=None)
        self.changed = True

    def _move(self, grant: GrantState, kind: str, amount_pico: int, request_id: str | None = None) -> Movement:
        grant.remaining_pico += amount_pico
        grant.changed = True
        self.credit_pico += amount_pico
        return Movement(kind, amount_pico, grant.id, request_id)
