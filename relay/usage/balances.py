"""What an account has: the snapshot, and the grants behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, or_, select

from relay import clock
from relay.errors import NotFound
from relay.tables import Balance, Grant, Hold, table

balances, grants, holds = table(Balance), table(Grant), table(Hold)

FOREVER = datetime.max.replace(tzinfo=UTC)
_UNENDING_ORDER = {"promo": 0, "monthly": 1, "topup": 2}
_GRANTS = select(
    grants.c.id,
    grants.c.kind,
    grants.c.granted_pico,
    grants.c.remaining_pico,
    grants.c.expires_at,
    grants.c.created_at,
    grants.c.reason,
    grants.c.source,
)


@dataclass(frozen=True, slots=True)
class GrantView:
    id: int
    kind: str
    granted_pico: int
    remaining_pico: int
    expires_at: datetime | None
    created_at: datetime
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class BalanceView:
    """`overage_pico` is this period's; `grants` are in burn order. Expired credit is in no figure."""

    available_pico: int
    held_pico: int
    credit_pico: int
    overage_pico: int
    spend_cap_pico: int
    has_plan: bool
    period_start: datetime | None
    period_end: datetime | None
    as_of: datetime
    grants: tuple[GrantView, ...]


def balance(connection: Connection, account_id: str) -> BalanceView:
    """NotFound when there is no such account."""
    row = connection.execute(select(balances).where(balances.c.account_id == account_id)).one_or_none()
    if row is None:
        raise NotFound("The account does not exist.")
    now = clock.now()
    live = _live_grants(connection, account_id)
    credit_pico = row.credit_pico
    if row.next_expiry_at is not None and row.next_expiry_at <= now:
        kept = _without_expired(live, _open_holds(connection, account_id), now)
        credit_pico -= sum(g.remaining_pico for g in live) - sum(g.remaining_pico for g in kept)
        live = kept
    overage_pico = row.overage_pico - row.period_overage_start_pico
    room_pico = max(0, row.spend_cap_pico - overage_pico) if row.has_plan else 0
    return BalanceView(
        available_pico=_available(credit_pico, row.held_pico, room_pico),
        held_pico=row.held_pico,
        credit_pico=credit_pico,
        overage_pico=overage_pico,
        spend_cap_pico=row.spend_cap_pico,
        has_plan=row.has_plan,
        period_start=row.period_start,
        period_end=row.period_end,
        as_of=now,
        grants=tuple(live),
    )


def _available(credit_pico: int, held_pico: int, room_pico: int) -> int:
    """What a new hold may take, by the rule of `ledger.Book.available_pico`: nothing while credit is owed."""
    return 0 if credit_pico < 0 else max(0, credit_pico - held_pico + room_pico)


def _live_grants(connection: Connection, account_id: str) -> list[GrantView]:
    """Those that have not ended, spent or not, and those that owe. They grow with payments, not with requests."""
    live = or_(grants.c.expired_at.is_(None), grants.c.remaining_pico != 0)
    query = _GRANTS.where(grants.c.account_id == account_id, live)
    return sorted((GrantView(*row) for row in connection.execute(query)), key=_burn_order)


def _burn_order(grant: GrantView) -> tuple[datetime, int, int]:
    return (grant.expires_at or FOREVER, _UNENDING_ORDER.get(grant.kind, 2), grant.id)


def _open_holds(connection: Connection, account_id: str) -> Sequence[tuple[datetime, int]]:
    query = select(holds.c.created_at, holds.c.amount_pico).where(holds.c.account_id == account_id)
    return [(row[0], row[1]) for row in connection.execute(query)]


def _without_expired(
    live: Sequence[GrantView], open_holds: Sequence[tuple[datetime, int]], now: datetime
) -> list[GrantView]:
    """What the next tick will leave: of expired credit, only what calls that are still open may burn."""
    left: list[GrantView] = []
    kept_pico = 0
    for grant in live:
        if grant.expires_at is None or grant.expires_at > now:
            left.append(grant)
            continue
        reserved = sum(amount for held_at, amount in open_holds if held_at < grant.expires_at) - kept_pico
        keep = max(0, min(grant.remaining_pico, reserved))
        kept_pico += keep
        if keep or grant.remaining_pico < 0:
            left.append(replace(grant, remaining_pico=keep or grant.remaining_pico))
    return left
