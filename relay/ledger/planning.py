"""What a plan changes about an account: whether overage is allowed, how far, and since when it counts."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from relay import clock
from relay.errors import NotFound
from relay.tables import Balance, Entry, table

balances, entries = table(Balance), table(Entry)
_LATER = select(func.coalesce(func.sum(entries.c.amount_pico), 0)).where(
    entries.c.account_id == bindparam("of"), entries.c.kind == "overage", entries.c.at >= bindparam("moment")
)
_LAST = select(func.max(entries.c.at)).where(
    entries.c.account_id == bindparam("of"), entries.c.kind == "overage", entries.c.at < bindparam("moment")
)


def lock(connection: Connection, account_id: str) -> None:
    """Nobody else moves this account's money until the transaction ends. NotFound when there is no such account."""
    mine = select(balances.c.account_id).where(balances.c.account_id == account_id).with_for_update()
    if connection.execute(mine).first() is None:
        raise NotFound("The account does not exist.")


def overage_until(connection: Connection, account_id: str, moment: datetime) -> int:
    """The account's cumulative overage of all that was booked before `moment`, in pico-dollars."""
    total = connection.execute(select(balances.c.overage_pico).where(balances.c.account_id == account_id)).scalar_one()
    # Entries of overage are negative, and those since a recent moment are few.
    return total + int(connection.execute(_LATER, {"of": account_id, "moment": moment}).scalar_one())


def last_overage_before(connection: Connection, account_id: str, moment: datetime) -> datetime | None:
    """When the last overage before `moment` was booked."""
    return connection.execute(_LAST, {"of": account_id, "moment": moment}).scalar_one()


def allow_overage(connection: Connection, account_id: str, allowed: bool) -> None:
    """With it, use beyond credit goes on to the spend cap; without, it ends with the credit."""
    connection.execute(
        update(balances)
        .where(balances.c.account_id == account_id, balances.c.has_plan != allowed)
        .values(has_plan=allowed, changed_at=clock.now())
    )


def begin_period(
    connection: Connection, account_id: str, start: datetime | None, end: datetime | None, overage_start_pico: int
) -> None:
    """The span that the spend cap counts in. Lock the account first. None for both: there is no plan any more."""
    connection.execute(
        update(balances)
        .where(balances.c.account_id == account_id)
        .values(
            period_start=start, period_end=end, period_overage_start_pico=overage_start_pico, changed_at=clock.now()
        )
    )


def mark_sealed(connection: Connection, account_id: str, overage_pico: int) -> None:
    """How far windows have taken the overage. Lock the account first."""
    connection.execute(
        update(balances).where(balances.c.account_id == account_id).values(sealed_overage_pico=overage_pico)
    )


def set_cap(connection: Connection, account_id: str, cap_pico: int) -> None:
    """How much overage a period may bring; in force at once."""
    connection.execute(
        update(balances)
        .where(balances.c.account_id == account_id)
        .values(spend_cap_pico=cap_pico, changed_at=clock.now())
    )


def with_unsealed_overage(connection: Connection) -> list[str]:
    """The accounts whose overage has not all been sealed into windows."""
    found = select(balances.c.account_id).where(balances.c.overage_pico > balances.c.sealed_overage_pico)
    return list(connection.execute(found.order_by(balances.c.account_id)).scalars())
