"""What a subscription's state at Stripe means here. The table in docs/billing.md says the same in words."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select

from relay import clock, ledger
from relay.billing import windows
from relay.billing.customers import account_of
from relay.billing.office import Office
from relay.gateways.payments import Item, PaymentsFailed, Subscription
from relay.money import pico_from_usd
from relay.settings import Settings
from relay.tables import Period, Plan, table, upsert

periods, plans = table(Period), table(Plan)
OVER = ("canceled", "incomplete_expired")
LATE_SECONDS = 300
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlanView:
    """`status` is Stripe's word, `paused` added to it; None stands for no plan."""

    status: str
    cancels_at: datetime | None
    trial_end: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    monthly_credit_pico: int


def plan_of(connection: Connection, account_id: str) -> PlanView | None:
    """The account's plan as Stripe last told it; None when it never had one or it is over."""
    row = connection.execute(select(plans).where(plans.c.account_id == account_id)).first()
    if row is None or row.status in OVER:
        return None
    period = windows.open_period(connection, account_id)
    return PlanView(
        "paused" if row.paused else row.status,
        row.cancels_at,
        row.trial_end,
        period.start if period else None,
        period.end if period else None,
        row.monthly_credit_pico,
    )


async def follow_subscription(office: Office, subscription_id: str) -> str | None:
    """Fetches the subscription and does what its state asks for; the account's id, None when it is not ours."""
    asked_at = clock.now()
    found = await office.payments.subscription(subscription_id)
    return await office.database.write(partial(_take_over, found=found, settings=office.settings, asked_at=asked_at))


def _take_over(connection: Connection, found: Subscription, settings: Settings, asked_at: datetime) -> str | None:
    account_id = account_of(connection, found.customer_id) or _account_with(connection, found.id)
    plan = plan_item(found, settings)
    if account_id is None or plan is None:
        return None
    ledger.lock(connection, account_id)
    before = connection.execute(select(plans).where(plans.c.account_id == account_id)).first()
    if _is_news(before, found, asked_at):
        _keep(connection, account_id, found, plan, settings, asked_at)
        _apply(connection, account_id, found, plan)
    return account_id


def _account_with(connection: Connection, subscription_id: str) -> str | None:
    """For a customer that was deleted at Stripe: its subscription has ended, and is still known here."""
    return connection.execute(select(plans.c.account_id).where(plans.c.subscription_id == subscription_id)).scalar()


def subscription_of(connection: Connection, account_id: str) -> str:
    """The id of the account's subscription, whatever its state; '' when there never was one."""
    return connection.execute(select(plans.c.subscription_id).where(plans.c.account_id == account_id)).scalar() or ""


def plan_item(found: Subscription, settings: Settings) -> Item | None:
    """The item that is the plan itself: licensed, not metered. None when the subscription sells something else."""
    licensed = [item for item in found.items if not item.metered and item.price_id != settings.STRIPE_PRICE_OVERAGE]
    return next((item for item in licensed if item.price_id == settings.STRIPE_PRICE_PLAN), None) or next(
        (item for item in licensed if item.monthly_credit_usd), None
    )


def _is_news(before: Row[Any] | None, found: Subscription, asked_at: datetime) -> bool:
    """A slower answer must not undo a newer one, nor the end of an old subscription the life of a new one."""
    if before is None:
        return True
    if before.subscription_id != found.id:
        if found.status not in OVER and before.status not in OVER:
            log.error("two_plans_at_once", kept=before.subscription_id, other=found.id)
        return before.status in OVER and found.status not in OVER
    return asked_at >= before.fetched_at


def _keep(
    connection: Connection, account_id: str, found: Subscription, plan: Item, settings: Settings, asked_at: datetime
) -> None:
    row = {
        "account_id": account_id,
        "subscription_id": found.id,
        "status": found.status,
        "price_id": plan.price_id,
        "monthly_credit_pico": credit_of(plan, settings),
        "cancels_at": found.cancels_at,
        "trial_end": found.trial_end,
        "paused": found.paused,
        "fetched_at": asked_at,
    }
    statement = upsert(connection, plans).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=row))


def credit_of(plan: Item, settings: Settings) -> int:
    """What a month of it brings: the price's own word, else the setting's."""
    return pico_from_usd(plan.monthly_credit_usd or settings.PLAN_MONTHLY_CREDIT_USD) * plan.quantity


def _apply(connection: Connection, account_id: str, found: Subscription, plan: Item) -> None:
    if found.status in OVER:
        _end(connection, account_id, found.ended_at or clock.now())
        return
    if found.status != "incomplete":
        windows.begin_period(connection, account_id, found.id, plan.period_start, plan.period_end)
    ledger.allow_overage(connection, account_id, found.status == "active" and not found.paused)


def _end(connection: Connection, account_id: str, at: datetime) -> None:
    """What was used under the plan is sealed into its last period; from now on credit is all there is."""
    windows.close_period(connection, account_id, at)
    ledger.allow_overage(connection, account_id, False)
    ledger.begin_period(connection, account_id, None, None, windows.sealed_overage(connection, account_id))


async def look_after_overdue(office: Office) -> int:
    """Asks Stripe about plans whose period is over although no event said what follows; how many."""
    overdue = await office.database.read(_overdue)
    for subscription_id in overdue:
        try:
            await follow_subscription(office, subscription_id)
        except PaymentsFailed as error:
            # One that cannot be asked about holds up nobody's windows; the next turn asks again.
            log.warning("overdue_plan_not_told", subscription=subscription_id, reason=str(error))
    return len(overdue)


def _overdue(connection: Connection) -> list[str]:
    late = select(plans.c.subscription_id).join(periods, periods.c.account_id == plans.c.account_id)
    over = clock.now() - clock.seconds(LATE_SECONDS)
    late = late.where(periods.c.overage_end_pico.is_(None), periods.c.end < over, plans.c.status.not_in(OVER))
    return list(connection.execute(late).scalars())
