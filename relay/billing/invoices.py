"""What follows from an invoice: a month's credit when it is paid, a flush while it is a draft, and a last look at its
period when it is final, so that nothing that was used is left unbilled.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from relay import clock, ledger
from relay.billing import outbox, windows
from relay.billing.checkouts import note_payment
from relay.billing.customers import account_of
from relay.billing.office import Office
from relay.billing.plans import follow_subscription
from relay.gateways.payments import Invoice, Line, PaymentsFailed
from relay.money import PICO_PER_CENT
from relay.settings import Settings
from relay.tables import Grant, Outbox, Period, Plan, table, upsert
from relay.tables import Invoice as InvoiceRow

grants, invoices, rows = table(Grant), table(InvoiceRow), table(Outbox)
periods, plans = table(Period), table(Plan)
FINAL = ("open", "paid", "uncollectible")
LIST_MAX = 200


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """`amount_pico` is the whole of it; the addresses are Stripe's and empty while it is a draft."""

    id: str
    number: str
    status: str
    reason: str
    amount_pico: int
    created: datetime
    period_start: datetime
    period_end: datetime
    pdf_url: str
    hosted_url: str


def invoices_of(connection: Connection, account_id: str) -> list[InvoiceView]:
    """The account's invoices, newest first, as Stripe last told them; drafts are not shown."""
    mine = select(invoices).where(invoices.c.account_id == account_id, invoices.c.status != "draft")
    found = connection.execute(mine.order_by(invoices.c.created_at.desc(), invoices.c.id).limit(LIST_MAX))
    return [
        InvoiceView(
            row.id,
            row.number,
            row.status,
            row.reason,
            row.total_cents * PICO_PER_CENT,
            row.created_at,
            row.period_start,
            row.period_end,
            row.pdf_url,
            row.hosted_url,
        )
        for row in found
    ]


async def follow_invoice(office: Office, invoice_id: str) -> Invoice:
    """Fetches the invoice and does what its state asks for. Repeating it changes nothing."""
    asked_at = clock.now()
    found = await office.payments.invoice(invoice_id)
    if found.subscription_id:
        # Its period has to be open here before anything of it can be sealed, granted or compared.
        await follow_subscription(office, found.subscription_id)
    account_id = await office.database.write(
        partial(_take_over, found=found, settings=office.settings, asked_at=asked_at)
    )
    if account_id is not None:
        await _flush(office, account_id, found)
        await _settle(office, found)
    return found


def _take_over(connection: Connection, found: Invoice, settings: Settings, asked_at: datetime) -> str | None:
    account_id = account_of(connection, found.customer_id)
    if account_id is None:
        return None
    ledger.lock(connection, account_id)
    _keep(connection, account_id, found, settings, asked_at)
    if (period := billed_period(connection, account_id, found, settings)) is not None:
        connection.execute(update(periods).where(periods.c.id == period.id).values(invoice_id=found.id))
    if found.status == "paid":
        _give_monthly_credit(connection, account_id, found)
    return account_id


def _keep(connection: Connection, account_id: str, found: Invoice, settings: Settings, asked_at: datetime) -> None:
    start, end = _paid_span(found, settings)
    row = {
        "id": found.id,
        "account_id": account_id,
        "subscription_id": found.subscription_id,
        "number": found.number,
        "status": found.status,
        "reason": found.reason,
        "total_cents": found.total_cents,
        "overage_cents": sum(line.amount_cents for line in overage_lines(found, settings)),
        "created_at": found.created,
        "period_start": start,
        "period_end": end,
        "pdf_url": found.pdf_url,
        "hosted_url": found.hosted_url,
        "fetched_at": asked_at,
    }
    statement = upsert(connection, invoices).values(row)
    newer = invoices.c.fetched_at <= asked_at
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row, where=newer))


def _paid_span(found: Invoice, settings: Settings) -> tuple[datetime, datetime]:
    """What people call an invoice's period: that of the plan, paid beforehand. Stripe's own is the one before."""
    plan = [line for line in found.lines if line.price_id and line.price_id != settings.STRIPE_PRICE_OVERAGE]
    spans = [(line.period_start, line.period_end) for line in plan if not line.proration]
    return spans[0] if spans else (found.period_start, found.period_end)


def overage_lines(found: Invoice, settings: Settings) -> list[Line]:
    """The lines that the meter filled."""
    return [line for line in found.lines if line.price_id == settings.STRIPE_PRICE_OVERAGE]


def billed_period(connection: Connection, account_id: str, found: Invoice, settings: Settings) -> Row[Any] | None:
    """The period whose overage this invoice bills: the one in which its metered lines begin."""
    starts = {line.period_start for line in overage_lines(found, settings)}
    if found.reason == "subscription_create" or not (starts or found.reason == "subscription_cycle"):
        return None
    mine = select(periods).where(
        periods.c.account_id == account_id,
        periods.c.subscription_id == found.subscription_id,
        periods.c.start == min(starts, default=found.period_start),
        periods.c.overage_end_pico.is_not(None),
    )
    return connection.execute(mine).first()


def _give_monthly_credit(connection: Connection, account_id: str, found: Invoice) -> None:
    """Once per invoice: what the plan brings for the paid period, less what was granted for that period before."""
    plan = connection.execute(select(plans).where(plans.c.account_id == account_id)).first()
    if plan is None or plan.subscription_id != found.subscription_id:
        return
    ends = [line.period_end for line in found.lines if line.price_id == plan.price_id]
    if not ends or (end := max(ends)) <= clock.now():
        return
    key = f"invoice:{found.id}"
    due_pico = plan.monthly_credit_pico - _granted_for(connection, account_id, end)
    if due_pico > 0:
        ledger.grant(
            connection,
            account_id,
            kind="monthly",
            amount_pico=due_pico,
            key=key,
            reason="Included with the plan",
            source=found.id,
            expires_at=end,
        )
    if connection.execute(select(grants.c.id).where(grants.c.key == key)).first():
        for payment_intent_id in found.payment_intent_ids:
            note_payment(connection, payment_intent_id, account_id, key, found.paid_cents)


def _granted_for(connection: Connection, account_id: str, end: datetime) -> int:
    granted = select(func.coalesce(func.sum(grants.c.granted_pico), 0)).where(
        grants.c.account_id == account_id,
        grants.c.kind == "monthly",
        grants.c.expires_at == end,
        grants.c.key.startswith("invoice:"),
    )
    return int(connection.execute(granted).scalar_one())


async def _flush(office: Office, account_id: str, found: Invoice) -> None:
    """A draft still takes what the meter is told: the last window of its period goes now, not in an hour."""
    if found.status == "draft" and found.subscription_id:
        await office.database.write(partial(windows.seal, account_id=account_id))
        await outbox.push(office, account_id)


async def _settle(office: Office, found: Invoice) -> None:
    if found.status in FINAL and not await office.database.write(partial(_settle_period, found=found)):
        raise PaymentsFailed("A window of this invoice's period is on its way.", passing=True)


def _settle_period(connection: Connection, found: Invoice) -> bool:
    """Whatever of the period is not on its final invoice goes on the next one. False while a window is in doubt."""
    mine = select(periods).where(periods.c.invoice_id == found.id, periods.c.settled_at.is_(None))
    period = connection.execute(mine).first()
    if period is None:
        return True
    ledger.lock(connection, period.account_id)
    if not outbox.turn_to_items(connection, period.id):
        return False
    metered = select(func.coalesce(func.sum(rows.c.cents), 0)).where(
        rows.c.period_id == period.id, rows.c.route == "meter", rows.c.state == "sent"
    )
    billed = select(invoices.c.overage_cents).where(invoices.c.id == found.id)
    missed = int(connection.execute(metered).scalar_one()) - connection.execute(billed).scalar_one()
    if missed > 0:
        outbox.add_shortfall(connection, period, found.id, found.customer_id, missed)
    connection.execute(update(periods).where(periods.c.id == period.id).values(settled_at=clock.now()))
    return True
