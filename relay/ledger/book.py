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
    def cap_pico(self) -> int:
        """How much overage a period may bring: none without a plan."""
        return self.spend_cap_pico if self.has_plan else 0

    def room_pico(self, cap_pico: int) -> int:
        """How much overage that cap still allows in this period."""
        return max(0, cap_pico - (self.overage_pico - self.period_overage_start_pico))

    @property
    def available_pico(self) -> int:
        """What a new hold may take: never negative, and nothing while credit is owed back."""
        if self.credit_pico < 0:
            return 0
        return max(0, self.credit_pico - self.held_pico + self.room_pico(self.cap_pico))

    def hold(self, amount_pico: int) -> bool:
        if amount_pico > self.available_pico:
            return False
        self.held_pico += amount_pico
        self.changed = True
        return True

    def settle(
        self, held_pico: int, price_pico: int, held_at: datetime, request_id: str, cap_pico: int = 0
    ) -> list[Movement]:
        """Returns the hold, then burns credit in order, then books overage, then debt.

        `cap_pico` is the cap that the hold was taken under. If it was higher, it counts: nobody owes for lowering it.
        """
        self.held_pico -= held_pico
        self.changed = True
        movements: list[Movement] = []
        owed = price_pico
        for grant in sorted(self.grants, key=GrantState.burn_order):
            if owed and grant.remaining_pico > 0 and grant.is_open_to(held_at):
                owed -= (burnt := min(owed, grant.remaining_pico))
                movements.append(self._move(grant, "burn", -burnt, request_id))
        if owed:
            movements += self._beyond_credit(owed, self.room_pico(max(self.cap_pico, cap_pico)), request_id)
        return movements

    def _beyond_credit(self, owed: int, room_pico: int, request_id: str) -> list[Movement]:
        """No overage passes the cap: what was promised and taken back since, or cost more than was held, is owed."""
        movements: list[Movement] = []
        if overage := min(owed, room_pico):
            self.overage_pico += overage
            movements.append(Movement("overage", -overage, request_id=request_id))
        if debt := owed - overage:
            # The last grant goes below zero, and the next credit repays it.
            last = max(self.grants, key=lambda grant: (grant.expired_at is None, grant.burn_order()))
            movements.append(self._move(last, "burn", -debt, request_id))
        return movements

    def may_owe(self, price_pico: int, cap_pico: int = 0) -> bool:
        """Whether settling at this price, with every grant spent, leaves a debt that some grant has to carry."""
        return price_pico > max(0, self.credit_pico) + self.room_pico(max(self.cap_pico, cap_pico))

    def give(self, grant: GrantState, correction_id: str | None = None) -> list[Movement]:
        """Adds a new grant, which first repays what earlier ones owe. A correction's grant names it."""
        self.grants.append(grant)
        self.credit_pico += grant.remaining_pico
        movements = [Movement("grant", grant.remaining_pico, grant.id, correction_id), *self._repay(grant)]
        self.find_next_expiry()
        return movements

    def claw(self, grant: GrantState, amount_pico: int) -> list[Movement]:
        """Takes credit of a grant back, below zero if need be; a positive amount gives back what was taken."""
        movements = [self._move(grant, "clawback", amount_pico)]
        if amount_pico > 0:
            movements += self._repay(grant)
        if grant.remaining_pico > 0:
            # Credit that came back after its grant's end is for the next expiry to take.
            grant.expired_at = None
        self.find_next_expiry()
        return movements

    def _repay(self, grant: GrantState) -> list[Movement]:
        """Credit that comes first covers what other grants owe, the oldest of them first."""
        movements: list[Movement] = []
        for debtor in sorted(self.grants, key=lambda grant: grant.id):
            repaid = min(-debtor.remaining_pico, grant.remaining_pico)
            if repaid > 0:
                movements += [self._move(grant, "repay", -repaid), self._move(debtor, "repay", repaid)]
        return movements

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
