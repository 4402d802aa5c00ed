"""What no event told of. Stripe gives an address up after three days, and what was paid meanwhile brings no credit.

Once an interval the clock asks about whatever should have been heard of by then. Effects are keyed by what they are of,
so an event that comes after all changes nothing.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Connection, select

from relay import clock
from relay.billing.handlers import NotOurs, handle
from relay.billing.office import Office
from relay.billing.paybacks import follow_paybacks_since
from relay.billing.plans import OVER
from relay.gateways.payments import PaymentsFailed
from relay.tables import Checkout, Invoice, Period, Plan, table

checkouts, invoices, periods, plans = table(Checkout), table(Invoice), table(Period), table(Plan)
VISIT = timedelta(hours=1)
INVOICE = timedelta(hours=3)
"""Stripe keeps a draft for an hour, then asks for the payment."""

GIVEN_UP = timedelta(days=40)
PAYBACKS = timedelta(days=120)
"""A dispute may last that long until it is won or lost."""

log = structlog.get_logger(__name__)


async def ask_after_unheard(office: Office) -> None:
    """Follows open visits to the checkout, open invoices, periods that no invoice billed, and what was paid back."""
    for session_id in await office.database.read(_visits):
        await _follow(office, "checkout.session.completed", session_id)
    for invoice_id in await office.database.read(_invoices):
        await _follow(office, "invoice.paid", invoice_id)
    for subscription_id in await office.database.read(_renewed):
        try:
            found = await office.payments.invoices_of(subscription_id)
        except PaymentsFailed as error:
            log.warning("unheard_not_told", object=subscription_id, reason=str(error))
        else:
            for invoice_id in found:
                await _follow(office, "invoice.paid", invoice_id)
    try:
        await follow_paybacks_since(office, clock.now() - PAYBACKS)
    except PaymentsFailed as error:
        log.warning("unheard_not_told", object="refunds and disputes", reason=str(error))


async def _follow(office: Office, kind: str, object_id: str) -> None:
    """As its event would have. One that cannot be asked about holds up no other; the next interval asks again."""
    try:
        await handle(office, kind, object_id)
    except (PaymentsFailed, NotOurs) as error:
        log.warning("unheard_not_told", object=object_id, reason=str(error))


def _visits(connection: Connection) -> list[str]:
    begun = checkouts.c.created_at
    waiting = (checkouts.c.state.in_(("open", "confirming")), begun < clock.now() - VISIT)
    query = select(checkouts.c.id).where(*waiting, begun > clock.now() - GIVEN_UP)
    return list(connection.execute(query).scalars())


def _invoices(connection: Connection) -> list[str]:
    made = invoices.c.created_at
    waiting = (invoices.c.status.in_(("draft", "open")), made < clock.now() - INVOICE)
    query = select(invoices.c.id).where(*waiting, made > clock.now() - GIVEN_UP)
    return list(connection.execute(query).scalars())


def _renewed(connection: Connection) -> list[str]:
    """Running plans with a period that is over, and that no invoice is known to have billed."""
    ended = (periods.c.settled_at.is_(None), periods.c.overage_end_pico.is_not(None))
    when = (periods.c.end < clock.now() - INVOICE, periods.c.end > clock.now() - GIVEN_UP)
    query = select(plans.c.subscription_id).join(periods, periods.c.subscription_id == plans.c.subscription_id)
    return list(connection.execute(query.where(*ended, *when, plans.c.status.not_in(OVER)).distinct()).scalars())
