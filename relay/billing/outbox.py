"""Pushing: each sealed window goes to Stripe once, one call at a time per customer.

A lost answer is no delivery and no failure but a doubt. Within Stripe's memory of identifiers (a day) a repeat settles
it; after that the meter's own total is read before anything is sent again.
"""

import asyncio
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, Row, func, insert, select, update

from relay import clock
from relay.billing.office import Office
from relay.gateways.payments import AlreadyTold, PaymentsFailed
from relay.tables import Account, Invoice, Outbox, Period, Plan, table

accounts, invoices, outbox = table(Account), table(Invoice), table(Outbox)
periods, plans = table(Period), table(Plan)

CUSTOMERS_AT_ONCE = 8
CLAIM_SECONDS = 120
"""Longer than one row can take: a claim that lapses belongs to a process that died."""
REMEMBERED = timedelta(hours=20)
"""Stripe remembers an identifier for at least 24 hours; some of them are left for clocks that disagree."""
METER_REACH = timedelta(days=34)
"""The meter takes no event older than 35 days."""
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 5, 3600
UNFINISHED = ("", "draft")
Route = Literal["meter", "invoice_item"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox: so many cents for Stripe, and how far they have come. `window_id` is None of no window."""

    id: int
    identifier: str
    account_id: str
    window_id: int | None
    period_id: int | None
    customer_id: str
    cents: int
    used_at: datetime
    route: Route
    state: Literal["pending", "sent", "stuck"]
    attempts: int
    first_tried_at: datetime | None
    next_try_at: datetime
    error: str


_DELIVERIES = select(*(outbox.c[field.name] for field in fields(Delivery)))


def enqueue(connection: Connection, **row: Any) -> None:
    """A new row, due at once: who it is of (`account_id`, `customer_id`), `identifier`, `window_id` (None: of no
    window), `period_id`, `cents`, `used_at`, `route`."""
    waiting = {"state": "pending", "attempts": 0, "next_try_at": clock.now(), "stripe_id": "", "error": ""}
    connection.execute(insert(outbox), row | waiting)


async def push(office: Office, account_id: str | None = None) -> int:
    """Sends what is due, of one account or of all; how many rows were delivered."""
    due = await office.database.read(partial(_accounts_with_due_rows, account_id=account_id))
    places = asyncio.Semaphore(CUSTOMERS_AT_ONCE)

    async def one(of: str) -> int:
        async with places:
            return await _push_account(office, of)

    return sum(await asyncio.gather(*(one(of) for of in due)))


def _accounts_with_due_rows(connection: Connection, account_id: str | None) -> list[str]:
    due = select(outbox.c.account_id).where(outbox.c.state == "pending", outbox.c.next_try_at <= clock.now())
    if account_id is not None:
        due = due.where(outbox.c.account_id == account_id)
    return list(connection.execute(due.distinct().order_by(outbox.c.account_id)).scalars())


async def _push_account(office: Office, account_id: str) -> int:
    """In the order of the windows; the first that fails makes the rest wait, so that at most one is in doubt."""
    delivered = 0
    while row := await office.database.write(partial(claim, account_id=account_id)):
        try:
            stripe_id = await _deliver(office, row)
        except PaymentsFailed as error:
            await office.database.write(partial(_put_off, row=row, error=error))
            if error.passing:
                break
        else:
            await office.database.write(partial(_mark_sent, row=row, stripe_id=stripe_id))
            delivered += 1
    return delivered


def claim(connection: Connection, account_id: str) -> Delivery | None:
    """The account's oldest pending row, if it is due: nobody else takes it for the time of a claim."""
    first = _DELIVERIES.where(outbox.c.account_id == account_id, outbox.c.state == "pending")
    found = connection.execute(first.order_by(outbox.c.id).limit(1).with_for_update()).first()
    now = clock.now()
    if found is None or (row := Delivery(*found)).next_try_at > now:
        return None
    customer = select(accounts.c.stripe_customer_id).where(accounts.c.id == account_id)
    claimed: dict[str, Any] = {
        "next_try_at": now + clock.seconds(CLAIM_SECONDS),
        "attempts": row.attempts + 1,
        "first_tried_at": row.first_tried_at or now,
        "route": _route(connection, row, now),
        "customer_id": row.customer_id or connection.execute(customer).scalar_one() or "",
    }
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(claimed))
    return replace(row, **claimed)


def deliveries_of(connection: Connection, period_id: int) -> list[Delivery]:
    """All that belongs to a billing period, whatever has become of it."""
    return [Delivery(*row) for row in connection.execute(_DELIVERIES.where(outbox.c.period_id == period_id))]


def _route(connection: Connection, row: Delivery, now: datetime) -> Route:
    """The meter, as long as there is an invoice to come that will read it."""
    if row.route == "invoice_item" or row.period_id is None:
        return "invoice_item"
    status = connection.execute(
        select(func.coalesce(invoices.c.status, ""))
        .select_from(periods.outerjoin(invoices, invoices.c.id == periods.c.invoice_id))
        .where(periods.c.id == row.period_id)
    ).scalar_one()
    return "meter" if status in UNFINISHED and now - row.used_at < METER_REACH else "invoice_item"


async def _deliver(office: Office, row: Delivery) -> str:
    if not row.customer_id:
        raise PaymentsFailed("The account has no customer at Stripe.", passing=False)
    if _in_doubt(row) and await _was_metered(office, row):
        return "metered"
    if row.route == "meter":
        return await _tell_meter(office, row)
    return await _add_item(office, row)


def _in_doubt(row: Delivery) -> bool:
    """Whether it was tried before, and Stripe itself may no longer know."""
    tried_at = row.first_tried_at
    return row.attempts > 1 and (row.route != "meter" or tried_at is None or clock.now() - tried_at > REMEMBERED)


async def _was_metered(office: Office, row: Delivery) -> bool:
    """Whether the meter counts more around this row's time than all that we know was delivered there."""
    if row.window_id is None:
        return False
    start = row.used_at.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=1)
    known = await office.database.read(partial(sent_cents, account_id=row.account_id, start=start, end=end))
    return await office.payments.metered_cents(row.customer_id, start, end) >= known + row.cents


def sent_cents(connection: Connection, account_id: str, start: datetime, end: datetime) -> int:
    """The cents that were delivered to the meter with a time in [start, end)."""
    sent = select(func.coalesce(func.sum(outbox.c.cents), 0)).where(
        outbox.c.account_id == account_id,
        outbox.c.state == "sent",
        outbox.c.route == "meter",
        outbox.c.used_at >= start,
        outbox.c.used_at < end,
    )
    return int(connection.execute(sent).scalar_one())


async def _tell_meter(office: Office, row: Delivery) -> str:
    try:
        await office.payments.tell_meter(row.customer_id, row.cents, row.used_at, row.identifier)
    except AlreadyTold:
        log.info("window_was_delivered_before", identifier=row.identifier)
    return row.identifier


async def _add_item(office: Office, row: Delivery) -> str:
    """A line of the next invoice of the plan; of an invoice of its own when there is no plan any more."""
    subscription_id = await office.database.read(partial(_live_subscription, account_id=row.account_id))
    words = f"Pay-per-use until {row.used_at:%-d %B %Y}, not yet billed"
    item_id = await office.payments.add_invoice_item(row.customer_id, row.cents, words, row.identifier, subscription_id)
    if not subscription_id:
        await office.payments.bill_items_now(row.customer_id, f"bill-{row.identifier}")
    return item_id


def _live_subscription(connection: Connection, account_id: str) -> str:
    live = select(plans.c.subscription_id).where(
        plans.c.account_id == account_id, plans.c.status.not_in(("canceled", "incomplete_expired"))
    )
    return connection.execute(live).scalar() or ""


def _mark_sent(connection: Connection, row: Delivery, stripe_id: str) -> None:
    # Delivered by the meter before its route was changed: that is where reconciling must look for it.
    route = "meter" if stripe_id == "metered" else row.route
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state="sent", sent_at=clock.now(), stripe_id=stripe_id, route=route, error="")
    )


def _put_off(connection: Connection, row: Delivery, error: PaymentsFailed) -> None:
    wait = min(WAIT_SECONDS_MAX, WAIT_SECONDS_MIN * 2 ** min(row.attempts - 1, 10))
    state = "pending" if error.passing else "stuck"
    log.warning("window_not_sent", identifier=row.identifier, reason=str(error), state=state)
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state=state, next_try_at=clock.now() + clock.seconds(wait), error=str(error)[:500])
    )


def try_stuck_again(connection: Connection) -> int:
    """Puts what was stuck back on its way: a person has removed the cause. How many rows that were."""
    again = update(outbox).where(outbox.c.state == "stuck").values(state="pending", next_try_at=clock.now())
    return connection.execute(again).rowcount


def turn_to_items(connection: Connection, period_id: int) -> bool:
    """The period's invoice is final: what the meter was not told goes on the next one. False while one is in doubt."""
    mine = select(outbox.c.id, outbox.c.attempts).where(
        outbox.c.period_id == period_id, outbox.c.state == "pending", outbox.c.route == "meter"
    )
    rows = connection.execute(mine).all()
    untouched = [row.id for row in rows if row.attempts == 0]
    if untouched:
        connection.execute(update(outbox).where(outbox.c.id.in_(untouched)).values(route="invoice_item"))
    return len(untouched) == len(rows)


def add_shortfall(connection: Connection, period: Row[Any], missed_by: str, customer_id: str, cents: int) -> None:
    """What the meter was told and no invoice took, as a line of the next one: once for whatever missed it."""
    identifier = f"shortfall-{missed_by}"
    if connection.execute(select(outbox.c.id).where(outbox.c.identifier == identifier)).first():
        return
    enqueue(
        connection,
        identifier=identifier,
        account_id=period.account_id,
        window_id=None,
        period_id=period.id,
        customer_id=customer_id,
        cents=cents,
        used_at=period.end,
        route="invoice_item",
    )
    log.warning("overage_missed_its_invoice", account=period.account_id, missed_by=missed_by, cents=cents)
