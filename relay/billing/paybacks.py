"""Refunds and disputes: the payment is fetched afresh with all of them, and each has its effect once.

A refund takes its amount from the grant that the payment bought, a dispute all of it at once; a refund that fails and
a dispute that is won give it back. What is known of them when the payment is first booked is applied with it, so that
it does not matter which event comes first.
"""

from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from relay import ledger
from relay.billing.office import Office
from relay.gateways.payments import Dispute, Refund
from relay.money import PICO_PER_CENT
from relay.tables import Grant, Payment, table

grants, payments_made = table(Grant), table(Payment)
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
        await office.database.write(
            partial(_apply, payment_intent_id=payment_intent_id, refunds=refunds, disputes=disputes)
        )


def _apply(connection: Connection, payment_intent_id: str, refunds: list[Refund], disputes: list[Dispute]) -> None:
    payment = connection.execute(select(payments_made).where(payments_made.c.id == payment_intent_id)).first()
    if payment is None:
        return
    for refund in refunds:
        _apply_refund(connection, payment, refund)
    for dispute in disputes:
        _apply_dispute(connection, payment, dispute)


def _apply_refund(connection: Connection, payment: Row[Any], refund: Refund) -> None:
    key = f"refund:{refund.id}"
    if refund.status in UNDONE_REFUND:
        ledger.give_back(connection, key)
        return
    ledger.claw_back(connection, payment.account_id, payment.grant_key, key, refund.amount_cents * PICO_PER_CENT)


def _apply_dispute(connection: Connection, payment: Row[Any], dispute: Dispute) -> None:
    key = f"dispute:{dispute.id}"
    if dispute.status in WON_DISPUTE:
        ledger.give_back(connection, key)
    elif not dispute.status.startswith(WARNING):
        # An inquiry (warning) moves no money yet; a dispute has already taken the whole payment.
        whole = select(grants.c.granted_pico).where(grants.c.key == payment.grant_key)
        granted_pico = connection.execute(whole).scalar_one()
        ledger.claw_back(connection, payment.account_id, payment.grant_key, key, granted_pico)
