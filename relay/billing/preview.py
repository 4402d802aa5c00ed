"""The next invoice, as it would be now: Stripe's own lines, and our figure for what the meter has not counted yet."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, select

from relay.billing import windows
from relay.billing.customers import known_customer
from relay.billing.invoices import overage_lines
from relay.billing.office import Office
from relay.billing.plans import OVER
from relay.gateways.payments import Invoice
from relay.money import PICO_PER_CENT
from relay.tables import Balance, Outbox, Plan, table

balances, outbox, plans = table(Balance), table(Outbox), table(Plan)


@dataclass(frozen=True, slots=True)
class PreviewLine:
    description: str
    amount_pico: int


@dataclass(frozen=True, slots=True)
class PreviewView:
    """`amount_pico` is what the invoice would come to. Without a plan there is none, and everything is empty."""

    amount_pico: int
    lines: tuple[PreviewLine, ...]
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True, slots=True)
class _Ours:
    """What only we know: the overage of the open period, and lines that have not reached Stripe."""

    customer_id: str
    subscription_id: str
    period: Row[Any] | None
    overage_cents: int
    waiting_cents: int


async def preview_of(office: Office, account_id: str) -> PreviewView:
    """PaymentsFailed when Stripe cannot be asked."""
    ours = await office.database.read(partial(_ours, account_id=account_id))
    if not ours.customer_id or not ours.subscription_id:
        return PreviewView(0, (), None, None)
    theirs = await office.payments.preview(ours.customer_id, ours.subscription_id)
    return _together(theirs, ours, office)


def _ours(connection: Connection, account_id: str) -> _Ours:
    live = select(plans.c.subscription_id).where(
        plans.c.account_id == account_id, plans.c.status.not_in((*OVER, "incomplete"))
    )
    waiting = select(func.coalesce(func.sum(outbox.c.cents), 0)).where(
        outbox.c.account_id == account_id, outbox.c.route == "invoice_item", outbox.c.state != "sent"
    )
    return _Ours(
        known_customer(connection, account_id),
        connection.execute(live).scalar() or "",
        windows.open_period(connection, account_id),
        period_cents_so_far(connection, account_id),
        int(connection.execute(waiting).scalar_one()),
    )


def period_cents_so_far(connection: Connection, account_id: str) -> int:
    """The whole cents of the open period's overage: what its invoice will say of it if nothing more is used."""
    mine = select(balances.c.overage_pico, balances.c.period_overage_start_pico)
    row = connection.execute(mine.where(balances.c.account_id == account_id)).one()
    return row.overage_pico // PICO_PER_CENT - row.period_overage_start_pico // PICO_PER_CENT


def _together(theirs: Invoice, ours: _Ours, office: Office) -> PreviewView:
    metered = overage_lines(theirs, office.settings)
    lines = [(line.description, line.amount_cents) for line in theirs.lines if line not in metered]
    lines.append(("Pay-per-use", ours.overage_cents))
    if ours.waiting_cents:
        lines.append(("Pay-per-use of an earlier period", ours.waiting_cents))
    counted = sum(line.amount_cents for line in metered)
    total = theirs.total_cents - counted + ours.overage_cents + ours.waiting_cents
    return PreviewView(
        total * PICO_PER_CENT,
        tuple(PreviewLine(words, cents * PICO_PER_CENT) for words, cents in lines),
        ours.period.start if ours.period else None,
        ours.period.end if ours.period else None,
    )
