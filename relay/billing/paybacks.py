"""Refunds and disputes: the payment is fetched afresh with all of them, and each has its effect once.

A refund takes its amount from the grant that the payment bought, a dispute all of it at once; a refund that fails and
a dispute that is won give it back. What is known of them when the payment is first booked is applied with it, so that
it does not matter which event comes first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from relay import ledger
from relay.billing.office import Office
from relay.gateways.payments import Dispute, Refund
from relay.money import PICO_PER_CENT
from relay.tables import Clawback, Grant, Payment, table

Payback = Refund | Dispute
clawbacks, grants, payments_made = table(Clawback), table(Grant), table(Payment)
UNDONE_REFUND = ("failed", "canceled")
WON_DISPUTE = ("won", "warning_closed", "prevented")
WARNING = "warning_"


async def follow_payment(office: Office, payment_intent_id: str) -> None:
    """Applies every refund and dispute of a payment. Payments that bought no credit have no effect on it."""
    if not payment_intent_id:
        return
    refunds = await office.payments.refunds(payment_intent_id)
    disputes = await office.payments.disputes(payment_intent_id)
    if refunds or disputes:
        paybacks = [*refunds, *disputes]
        await office.database.write(partial(_apply, payment_intent_id=payment_intent_id, paybacks=paybacks))


async def follow_paybacks_since(office: Office, begin: datetime) -> None:
    """Applies what was made since then and has had no effect yet, whether or not an event told of it."""
    paybacks = await office.payments.paybacks_since(begin)
    for payment_intent_id in await office.database.read(partial(_unheard, paybacks=paybacks)):
        await follow_payment(office, payment_intent_id)


def _unheard(connection: Connection, paybacks: Iterable[Payback]) -> list[str]:
    """The payments of which one of these is not booked as it stands now."""
    by_key = {_key(each): each for each in paybacks}
    booked = select(clawbacks.c.key, clawbacks.c.undone_at).where(clawbacks.c.key.in_(by_key))
    stood = {row.key: row.undone_at is None for row in connection.execute(booked)}
    # What was given back once is never taken again, so it waits for nothing.
    waiting = [each for key, each in by_key.items() if (key not in stood if _stands(each) else stood.get(key))]
    ours = select(payments_made.c.id).where(payments_made.c.id.in_([each.payment_intent_id for each in waiting]))
    return list(connection.execute(ours).scalars())


def _apply(connection: Connection, payment_intent_id: str, paybacks: Sequence[Payback]) -> None:
    payment = connection.execute(select(payments_made).where(payments_made.c.id == payment_intent_id)).first()
    if payment is None:
        return
    for payback in paybacks:
        if _stands(payback):
            taken_pico = _amount(connection, payment, payback)
            ledger.claw_back(connection, payment.account_id, payment.grant_key, _key(payback), taken_pico)
        else:
            ledger.give_back(connection, _key(payback))


def _key(payback: Payback) -> str:
    return f"{'refund' if isinstance(payback, Refund) else 'dispute'}:{payback.id}"


def _stands(payback: Payback) -> bool:
    """Whether the money is gone. An inquiry (warning) moves none yet."""
    if isinstance(payback, Refund):
        return payback.status not in UNDONE_REFUND
    return payback.status not in WON_DISPUTE and not payback.status.startswith(WARNING)


def _amount(connection: Connection, payment: Row[Any], payback: Payback) -> int:
    """A dispute has taken the whole payment at once."""
    if isinstance(payback, Refund):
        return payback.amount_cents * PICO_PER_CENT
    whole = select(grants.c.granted_pico).where(grants.c.key == payment.grant_key)
    return int(connection.execute(whole).scalar_one())
