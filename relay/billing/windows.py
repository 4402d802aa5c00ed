"""Sealing: the growth of an account's cumulative overage becomes a window, once, and an outbox row for its cents.

    cents of a window = floor(cents at its end) - floor(cents at its start)

so that fractions carry over, a window missed is in the next one, and however often it is computed it is the same.
Windows are cut at the end of a billing period; overage beyond it waits until Stripe has told us what follows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from relay import clock, ledger
from relay.billing.outbox import enqueue
from relay.money import PICO_PER_CENT
from relay.tables import Account, Balance, Outbox, Period, Window, table

accounts, balances, outbox = table(Account), table(Balance), table(Outbox)
periods, windows = table(Period), table(Window)


@dataclass(frozen=True, slots=True)
class _Last:
    """Where the account's last window ended."""

    number: int
    end: datetime


def seal(connection: Connection, account_id: str, until: datetime | None = None) -> int:
    """Seals all overage of the account until now, or until an earlier moment; how many windows that made."""
    ledger.lock(connection, account_id)
    period = open_period(connection, account_id)
    cut = min(until or clock.now(), period.end if period else datetime.max.replace(tzinfo=clock.now().tzinfo))
    return int(_seal_until(connection, account_id, period, cut))


def open_period(connection: Connection, account_id: str) -> Row[Any] | None:
    """The period that the account is in, or whose successor we have not heard of."""
    mine = select(periods).where(periods.c.account_id == account_id, periods.c.overage_end_pico.is_(None))
    return connection.execute(mine.order_by(periods.c.start.desc()).limit(1)).first()


def sealed_overage(connection: Connection, account_id: str) -> int:
    """The cumulative overage that windows cover."""
    mine = select(balances.c.sealed_overage_pico).where(balances.c.account_id == account_id)
    return int(connection.execute(mine).scalar_one())


def _seal_until(connection: Connection, account_id: str, period: Row[Any] | None, cut: datetime) -> bool:
    sealed_pico = sealed_overage(connection, account_id)
    overage_pico = ledger.overage_until(connection, account_id, cut)
    if overage_pico <= sealed_pico:
        return False
    last = _last_window(connection, account_id)
    window = {
        "account_id": account_id,
        "number": last.number + 1,
        "period_id": period.id if period else None,
        "start": min(last.end, cut),
        "end": cut,
        "overage_start_pico": sealed_pico,
        "overage_end_pico": overage_pico,
        "cents": overage_pico // PICO_PER_CENT - sealed_pico // PICO_PER_CENT,
        "used_at": _used_at(connection, account_id, period, cut),
    }
    window_id = connection.execute(insert(windows).returning(windows.c.id), window).scalar_one()
    if window["cents"]:
        _post(connection, window, window_id)
    ledger.mark_sealed(connection, account_id, overage_pico)
    return True


def _last_window(connection: Connection, account_id: str) -> _Last:
    mine = select(windows.c.number, windows.c.end).where(windows.c.account_id == account_id)
    found = connection.execute(mine.order_by(windows.c.number.desc()).limit(1)).first()
    if found:
        return _Last(found.number, found.end)
    opened = connection.execute(select(accounts.c.created_at).where(accounts.c.id == account_id)).scalar_one()
    return _Last(0, opened)


def _used_at(connection: Connection, account_id: str, period: Row[Any] | None, cut: datetime) -> datetime:
    """The time of the last use: true, never in the future, and inside the period that is to be billed for it."""
    last = ledger.last_overage_before(connection, account_id, cut) or cut
    return max(last, period.start) if period else last


def _post(connection: Connection, window: dict[str, Any], window_id: int) -> None:
    account_id = window["account_id"]
    customer = select(accounts.c.stripe_customer_id).where(accounts.c.id == account_id)
    enqueue(
        connection,
        identifier=f"{account_id}-{window['number']}",
        account_id=account_id,
        window_id=window_id,
        period_id=window["period_id"],
        customer_id=connection.execute(customer).scalar_one() or "",
        cents=window["cents"],
        used_at=window["used_at"],
        # Without a period there is no invoice that the meter could add to.
        route="meter" if window["period_id"] else "invoice_item",
    )


def begin_period(connection: Connection, account_id: str, subscription_id: str, start: datetime, end: datetime) -> bool:
    """Closes the period before and opens this one; False when it is open already. The overage is cut at `start`."""
    ledger.lock(connection, account_id)
    before = open_period(connection, account_id)
    if before and before.subscription_id == subscription_id and before.start >= start:
        return False
    close_period(connection, account_id, start)
    overage_pico = sealed_overage(connection, account_id)
    connection.execute(
        insert(periods),
        {
            "account_id": account_id,
            "subscription_id": subscription_id,
            "start": start,
            "end": end,
            "overage_start_pico": overage_pico,
        },
    )
    ledger.begin_period(connection, account_id, start, end, overage_pico)
    return True


def close_period(connection: Connection, account_id: str, at: datetime) -> None:
    """Seals what was used until `at`, and closes the open period, if there is one, with it."""
    period = open_period(connection, account_id)
    seal(connection, account_id, at)
    if period:
        connection.execute(
            periods.update()
            .where(periods.c.id == period.id)
            .values(overage_end_pico=sealed_overage(connection, account_id), end=min(period.end, max(at, period.start)))
        )


def unsealed_cents(connection: Connection, account_id: str) -> int:
    """What sealing now would add in whole cents."""
    mine = select(balances.c.overage_pico, balances.c.sealed_overage_pico).where(balances.c.account_id == account_id)
    row = connection.execute(mine).one()
    return row.overage_pico // PICO_PER_CENT - row.sealed_overage_pico // PICO_PER_CENT


def oldest_unsent(connection: Connection) -> datetime | None:
    """For health and metrics: since when the oldest window waits for Stripe."""
    return connection.execute(select(func.min(outbox.c.used_at)).where(outbox.c.state != "sent")).scalar_one()


def unsent(connection: Connection) -> int:
    """How many windows wait for Stripe, or for a person."""
    return connection.execute(select(func.count()).where(outbox.c.state != "sent")).scalar_one()
