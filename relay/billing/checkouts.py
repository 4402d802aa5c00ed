"""Buying: a visit to Stripe's checkout for the plan or for credit, and to its portal for cards and cancelling."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from relay import clock, ledger
from relay.accounts import Identity
from relay.billing.customers import account_of, customer_of
from relay.billing.office import Office
from relay.billing.plans import plan_of
from relay.errors import BadInput, Conflict
from relay.gateways.payments import CheckoutSession
from relay.ids import new_id
from relay.money import PICO_PER_CENT, pico_from_usd
from relay.settings import Settings
from relay.tables import Checkout, Payment, table

checkouts, payments_made = table(Checkout), table(Payment)
Kind = Literal["plan", "topup"]
SPARE_SECONDS = 600
"""A visit that is about to expire is not offered again."""


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """`state` is open, confirming, paid, failed or expired."""

    id: str
    kind: str
    amount_cents: int
    state: str
    created_at: datetime


async def check_out(office: Office, identity: Identity, kind: Kind, amount_usd: object = None) -> str:
    """Where to pay. Clicking twice leads to one visit. BadInput on the amount, Conflict when there is a plan."""
    cents = topup_cents(amount_usd, office.settings) if kind == "topup" else 0
    begun = await office.database.read(partial(_begun, account_id=identity.account_id, kind=kind, cents=cents))
    if begun is not None:
        return begun.url
    customer_id = await customer_of(office, identity.account_id, identity.email)
    params = _params(office.settings, identity.account_id, customer_id, cents if kind == "topup" else None)
    session = await office.payments.open_checkout(params, new_id("checkout"))
    return await office.database.write(
        partial(_keep, account_id=identity.account_id, kind=kind, cents=cents, session=session)
    )


def topup_cents(amount_usd: object, settings: Settings) -> int:
    """The amount in whole cents. BadInput says within which bounds."""
    least, most = settings.TOPUP_MIN_USD, settings.TOPUP_MAX_USD
    try:
        cents, rest = divmod(pico_from_usd(amount_usd), PICO_PER_CENT)
    except ValueError:
        cents, rest = 0, 1
    if rest or not least * 100 <= cents <= most * 100:
        raise BadInput(f"A top-up is ${least} to ${most}, in whole cents.", field="amount_usd")
    return cents


def _begun(connection: Connection, account_id: str, kind: Kind, cents: int) -> Any:
    """A visit to the same purchase that is still open. Conflict when the plan is there already."""
    plan = plan_of(connection, account_id)
    if kind == "plan" and plan is not None and plan.status != "incomplete":
        raise Conflict("There is a plan already. Change or cancel it in the payment portal.")
    still_good = clock.now() + clock.seconds(SPARE_SECONDS)
    mine = _open(account_id, kind, cents).where(checkouts.c.expires_at > still_good)
    return connection.execute(mine).first()


def _open(account_id: str, kind: Kind, cents: int) -> Any:
    return select(checkouts).where(
        checkouts.c.account_id == account_id,
        checkouts.c.kind == kind,
        checkouts.c.amount_cents == cents,
        checkouts.c.state == "open",
    )


def _params(settings: Settings, account_id: str, customer_id: str, topup: int | None) -> dict[str, Any]:
    page = f"{settings.ACCOUNT_ORIGIN}/billing"
    about = {"account_id": account_id}
    shared: dict[str, Any] = {
        "customer": customer_id,
        "client_reference_id": account_id,
        "metadata": about,
        "success_url": f"{page}?checkout={{CHECKOUT_SESSION_ID}}",
        "cancel_url": page,
    }
    if topup is None:
        items = [{"price": settings.STRIPE_PRICE_PLAN, "quantity": 1}, {"price": settings.STRIPE_PRICE_OVERAGE}]
        return shared | {"mode": "subscription", "line_items": items, "subscription_data": {"metadata": about}}
    price = {"currency": "usd", "unit_amount": topup, "product_data": {"name": "Credit for the assistant"}}
    return shared | {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"metadata": about},
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": about}},
    }


def _keep(connection: Connection, account_id: str, kind: Kind, cents: int, session: CheckoutSession) -> str:
    """Of two visits opened at once the first is kept, and both clicks lead there."""
    ledger.lock(connection, account_id)
    first = connection.execute(_open(account_id, kind, cents)).first()
    if first is not None and first.expires_at > clock.now() + clock.seconds(SPARE_SECONDS):
        return first.url
    if first is not None:
        connection.execute(update(checkouts).where(checkouts.c.id == first.id).values(state="expired"))
    connection.execute(
        insert(checkouts),
        {
            "id": session.id,
            "account_id": account_id,
            "kind": kind,
            "amount_cents": cents,
            "url": session.url,
            "state": "open",
            "created_at": clock.now(),
            "expires_at": session.expires_at,
        },
    )
    return session.url


def checkout_of(connection: Connection, account_id: str, session_id: str) -> CheckoutView | None:
    """How far one visit of this account is; None when it has no such visit."""
    mine = select(checkouts).where(checkouts.c.id == session_id, checkouts.c.account_id == account_id)
    row = connection.execute(mine).first()
    return CheckoutView(row.id, row.kind, row.amount_cents, row.state, row.created_at) if row else None


async def open_portal(office: Office, identity: Identity) -> str:
    """A door to Stripe's portal, made for this click."""
    customer_id = await customer_of(office, identity.account_id, identity.email)
    return await office.payments.portal_url(customer_id, f"{office.settings.ACCOUNT_ORIGIN}/billing")


async def follow_checkout(office: Office, session_id: str) -> CheckoutSession:
    """Fetches the session; a paid top-up becomes a grant, once, keyed by the session."""
    session = await office.payments.checkout(session_id)
    await office.database.write(partial(_take_over, session=session))
    return session


def _take_over(connection: Connection, session: CheckoutSession) -> None:
    account_id = account_of(connection, session.customer_id) or ""
    state = _state(session)
    connection.execute(update(checkouts).where(checkouts.c.id == session.id).values(state=state))
    if state != "paid" or session.mode != "payment" or session.account_id != account_id:
        return
    if session.currency != "usd":
        raise BadInput(f"The session is in {session.currency}; credit is sold in usd alone.")
    key = f"checkout:{session.id}"
    ledger.grant(
        connection,
        account_id,
        kind="topup",
        amount_pico=session.subtotal_cents * PICO_PER_CENT,
        key=key,
        reason="Top-up",
        source=session.invoice_id or session.id,
    )
    note_payment(connection, session.payment_intent_id, account_id, key, session.total_cents)


def _state(session: CheckoutSession) -> str:
    if session.status == "complete":
        return "paid" if session.payment_status in ("paid", "no_payment_required") else "confirming"
    return "expired" if session.status == "expired" else "open"


def note_payment(connection: Connection, payment_intent_id: str, account_id: str, grant_key: str, cents: int) -> None:
    """So that a refund of this payment finds the grant. Once per payment."""
    if not payment_intent_id or _paid_for(connection, payment_intent_id):
        return
    row = {"id": payment_intent_id, "account_id": account_id, "grant_key": grant_key, "amount_cents": cents}
    connection.execute(insert(payments_made), row | {"at": clock.now()})


def _paid_for(connection: Connection, payment_intent_id: str) -> bool:
    mine = select(payments_made.c.id).where(payments_made.c.id == payment_intent_id)
    return connection.execute(mine).first() is not None


def fail_checkout(connection: Connection, session_id: str) -> None:
    """A slow payment came to nothing."""
    connection.execute(
        update(checkouts).where(checkouts.c.id == session_id, checkouts.c.state != "paid").values(state="failed")
    )
