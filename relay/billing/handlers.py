"""Which event leads to what. Only the id of its object is used, so neither order nor age nor version matter."""

from collections.abc import Awaitable, Callable
from functools import partial

from relay.billing import outbox
from relay.billing.checkouts import fail_checkout, follow_checkout
from relay.billing.customers import account_of
from relay.billing.invoices import follow_invoice
from relay.billing.office import Office
from relay.billing.paybacks import follow_payment
from relay.billing.plans import follow_subscription, subscription_of

Handler = Callable[[Office, str], Awaitable[None]]


class NotOurs(Exception):
    """Nothing here can come of it; the message says why, to whoever looks at events that were set aside."""


async def handle(office: Office, type_: str, object_id: str) -> None:
    """NotOurs when the event is for a person to look at. Types that we do not follow are done at once."""
    handler = HANDLERS.get(type_)
    if handler is None:
        return
    if not object_id:
        raise NotOurs("The event names no object.")
    await handler(office, object_id)


async def _subscription(office: Office, subscription_id: str) -> None:
    account_id = await follow_subscription(office, subscription_id)
    if account_id is not None:
        await outbox.push(office, account_id)


async def _invoice(office: Office, invoice_id: str) -> None:
    found = await follow_invoice(office, invoice_id)
    if await office.database.read(partial(account_of, customer_id=found.customer_id)) is None:
        raise NotOurs(f"The customer {found.customer_id} belongs to no account.")
    for payment_intent_id in found.payment_intent_ids:
        await follow_payment(office, payment_intent_id)


async def _checkout(office: Office, session_id: str) -> None:
    session = await follow_checkout(office, session_id)
    if session.subscription_id:
        await _subscription(office, session.subscription_id)
    if session.invoice_id:
        await _invoice(office, session.invoice_id)
    await follow_payment(office, session.payment_intent_id)


async def _failed_checkout(office: Office, session_id: str) -> None:
    await follow_checkout(office, session_id)
    await office.database.write(partial(fail_checkout, session_id=session_id))


async def _charge(office: Office, charge_id: str) -> None:
    await follow_payment(office, await office.payments.charge_payment_intent(charge_id))


async def _refund(office: Office, refund_id: str) -> None:
    await follow_payment(office, (await office.payments.refund(refund_id)).payment_intent_id)


async def _dispute(office: Office, dispute_id: str) -> None:
    await follow_payment(office, (await office.payments.dispute(dispute_id)).payment_intent_id)


async def _customer_deleted(office: Office, customer_id: str) -> None:
    """Stripe ended the subscription together with its customer."""
    account_id = await office.database.read(partial(account_of, customer_id=customer_id))
    if account_id is None:
        return
    if subscription_id := await office.database.read(partial(subscription_of, account_id=account_id)):
        await follow_subscription(office, subscription_id)


async def _meter_error(office: Office, meter_id: str) -> None:
    raise NotOurs(f"Stripe could not use what the meter {meter_id} was told. Run `account-app reconcile`.")


HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _checkout,
    "checkout.session.async_payment_succeeded": _checkout,
    "checkout.session.async_payment_failed": _failed_checkout,
    "checkout.session.expired": _checkout,
    "customer.deleted": _customer_deleted,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "customer.subscription.paused": _subscription,
    "customer.subscription.resumed": _subscription,
    "invoice.created": _invoice,
    "invoice.updated": _invoice,
    "invoice.finalized": _invoice,
    "invoice.paid": _invoice,
    "invoice.payment_action_required": _invoice,
    "invoice.payment_failed": _invoice,
    "invoice.voided": _invoice,
    "invoice.marked_uncollectible": _invoice,
    "charge.refunded": _charge,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "v1.billing.meter.error_report_triggered": _meter_error,
    "v1.billing.meter.no_meter_found": _meter_error,
}
FOLLOWED = tuple(name for name in HANDLERS if not name.startswith("v1."))
"""What the webhook endpoint at Stripe must be told to send."""
