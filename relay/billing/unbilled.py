"""Periods that ended with their plan. Stripe bills their use when the plan was to end then, and not when it was ended
at once or for want of payment. What no invoice took is billed by one of its own.
"""

from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, or_, select, update

from relay import clock, ledger
from relay.billing import outbox
from relay.billing.invoices import follow_invoice
from relay.billing.office import Office
from relay.billing.plans import LATE_SECONDS, OVER
from relay.gateways.payments import PaymentsFailed
from relay.tables import Outbox, Period, Plan, table

periods, plans, rows = table(Period), table(Plan), table(Outbox)
log = structlog.get_logger(__name__)

_UNBILLED = (periods.c.overage_end_pico.is_not(None), periods.c.invoice_id.is_(None), periods.c.settled_at.is_(None))


async def bill_last_use(office: Office) -> int:
    """Looks after each such period once Stripe has had time to make an invoice for it; how many are done."""
    done = 0
    for period in await office.database.read(_ended):
        try:
            if period.metered:
                # Whatever Stripe has made is heard of first, should no event have told of it.
                for invoice_id in await office.payments.invoices_of(period.subscription_id):
                    await follow_invoice(office, invoice_id)
            done += await office.database.write(partial(_settle, period_id=period.id))
        except PaymentsFailed as error:
            log.warning("last_use_not_billed", account=period.account_id, period=period.id, reason=str(error))
    return done


def _ended(connection: Connection) -> list[Row[Any]]:
    metered = select(rows.c.id).where(rows.c.period_id == periods.c.id, rows.c.route == "meter").exists()
    late = clock.now() - clock.seconds(LATE_SECONDS)
    plan_is_over = or_(plans.c.status.in_(OVER), plans.c.subscription_id != periods.c.subscription_id)
    return list(
        connection.execute(
            select(periods, metered.label("metered"))
            .join(plans, plans.c.account_id == periods.c.account_id)
            .where(*_UNBILLED, periods.c.end < late, plan_is_over)
            .order_by(periods.c.id)
        )
    )


def _settle(connection: Connection, period_id: int) -> bool:
    """False when an invoice was found after all, or while a window is on its way."""
    period = connection.execute(select(periods).where(periods.c.id == period_id, *_UNBILLED)).first()
    if period is None:
        return False
    ledger.lock(connection, period.account_id)
    if not outbox.turn_to_items(connection, period.id):
        return False
    sent = select(rows).where(rows.c.period_id == period.id, rows.c.route == "meter", rows.c.state == "sent")
    told = connection.execute(sent).all()
    if told:
        cents = sum(row.cents for row in told)
        outbox.add_shortfall(connection, period, f"period-{period.id}", told[-1].customer_id, cents)
    connection.execute(update(periods).where(periods.c.id == period.id).values(settled_at=clock.now()))
    return True
