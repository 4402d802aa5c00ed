"""What is to be mailed: found by looking at the accounts that changed since the last look, and written down first.

A look costs what has changed, but for one pass over the snapshots' times: an index there would make every settlement
dearer. It overlaps with the one before, because a transaction may end a while after the time that it wrote; a row that
is there already (same account, kind and matter) is not written again, so looking twice never mails twice.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, or_, select

from relay import clock
from relay.billing.alerts.files import unpaid_storage
from relay.billing.alerts.rules import CAP_KINDS, Due, Given, Standing, cap_alerts, credit_alerts
from relay.database import Database
from relay.tables import (
    Account,
    Alert,
    AlertChoice,
    Balance,
    Grant,
    Invoice,
    Look,
    Payment,
    Plan,
    StripeEvent,
    table,
    upsert,
)

accounts, alerts, balances, choices = table(Account), table(Alert), table(Balance), table(AlertChoice)
grants, invoices, looks, payments = table(Grant), table(Invoice), table(Look), table(Payment)
plans, events = table(Plan), table(StripeEvent)

NAME = "alerts"
OVERLAP = timedelta(minutes=2)
ACCOUNTS_AT_ONCE = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAILURES = ("invoice.payment_failed", "invoice.payment_action_required")
UNPAID = ("past_due", "unpaid")


async def look(database: Database) -> int:
    """Writes down every alert that has become due; how many are to be mailed."""
    began = clock.now()
    last = await database.read(_last_look)
    since = last - OVERLAP if last else EPOCH
    changed = await database.read(partial(_changed, since=since))
    due = 0
    for start in range(0, len(changed), ACCOUNTS_AT_ONCE):
        some = changed[start : start + ACCOUNTS_AT_ONCE]
        found = await database.read(partial(_due, account_ids=some, since=since))
        due += await database.write(partial(_write_down, found=found)) if found else 0
    if changed or last is None:
        await database.write(partial(_looked, at=began))
    return due


def _last_look(connection: Connection) -> datetime | None:
    return connection.execute(select(looks.c.at).where(looks.c.name == NAME)).scalar()


def _looked(connection: Connection, at: datetime) -> None:
    new = upsert(connection, looks).values(name=NAME, at=at)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"at": at}))


def _changed(connection: Connection, since: datetime) -> list[str]:
    """Whose figures, plan or invoices were written since then. Nobody is mailed whose account is closed."""
    told = (balances.c.changed_at, plans.c.fetched_at, invoices.c.fetched_at)
    found = [select(at.table.c.account_id).where(at > since) for at in told]
    ids = found[0].union(*found[1:]).subquery()
    living = select(accounts.c.id).where(accounts.c.id.in_(select(ids)), accounts.c.closed_at.is_(None))
    return list(connection.execute(living.order_by(accounts.c.id)).scalars())


def _due(connection: Connection, account_ids: Sequence[str], since: datetime) -> list[Due]:
    standings = _standings(connection, account_ids)
    told = _told_of_caps(connection, standings)
    by_figures = [
        due for one in standings for due in (*cap_alerts(one, told.get(one.account_id, set())), *credit_alerts(one))
    ]
    return [
        *_not_yet(connection, account_ids, by_figures),
        *_failed_payments(connection, account_ids, since),
        *_receipts(connection, account_ids, since),
        *_ended_plans(connection, account_ids, since),
        *unpaid_storage(connection, account_ids),
    ]


def _standings(connection: Connection, account_ids: Sequence[str]) -> list[Standing]:
    query = (
        select(balances, choices.c.cap.label("wants_cap"), choices.c.low_credit.label("wants_low_credit"))
        .outerjoin_from(balances, choices, choices.c.account_id == balances.c.account_id)
        .where(balances.c.account_id.in_(account_ids))
    )
    given = _last_given(connection, account_ids)
    return [_standing(row, given.get(row.account_id)) for row in connection.execute(query)]


def _standing(row: Row[Any], given: Given | None) -> Standing:
    return Standing(
        account_id=row.account_id,
        credit_pico=row.credit_pico,
        overage_pico=row.overage_pico - row.period_overage_start_pico,
        cap_pico=row.spend_cap_pico,
        has_plan=row.has_plan,
        period_start=row.period_start,
        period_end=row.period_end,
        given=given,
        wants_cap=row.wants_cap is not False,
        wants_low_credit=row.wants_low_credit is not False,
    )


def _last_given(connection: Connection, account_ids: Sequence[str]) -> dict[str, Given]:
    newest = select(func.max(grants.c.id)).where(grants.c.account_id.in_(account_ids)).group_by(grants.c.account_id)
    rows = connection.execute(select(grants).where(grants.c.id.in_(newest)))
    return {row.account_id: Given(row.id, row.kind, row.granted_pico, row.expired_at is not None) for row in rows}


def _told_of_caps(connection: Connection, standings: Sequence[Standing]) -> dict[str, set[tuple[str, str]]]:
    """Of those with overage, what they were told about a cap since their period began."""
    with_overage = {one.account_id: one for one in standings if one.has_plan and one.overage_pico > 0}
    starts = [one.period_start or EPOCH for one in with_overage.values()]
    if not starts:
        return {}
    query = select(alerts.c.account_id, alerts.c.kind, alerts.c.about).where(
        alerts.c.account_id.in_(with_overage), alerts.c.kind.in_(CAP_KINDS), alerts.c.created_at >= min(starts)
    )
    told: dict[str, set[tuple[str, str]]] = {}
    for account_id, kind, about in connection.execute(query):
        told.setdefault(account_id, set()).add((kind, about))
    return told


def _not_yet(connection: Connection, account_ids: Sequence[str], found: Sequence[Due]) -> list[Due]:
    """Without what is written down: an account that stays low is looked at often, and need not be written each time."""
    matters = {due.about for due in found}
    query = select(alerts.c.account_id, alerts.c.kind, alerts.c.about).where(
        alerts.c.account_id.in_(account_ids), alerts.c.about.in_(matters)
    )
    known = {(row.account_id, row.kind, row.about) for row in connection.execute(query)}
    return [due for due in found if (due.account_id, due.kind, due.about) not in known]


def _failed_payments(connection: Connection, account_ids: Sequence[str], since: datetime) -> list[Due]:
    """Invoices that still ask for money after Stripe tried to collect it. The first of a plan fails on its own page."""
    refused = exists().where(
        events.c.object_id == invoices.c.id,
        events.c.type.in_(FAILURES),
        events.c.received_at >= invoices.c.created_at,
    )
    behind = exists().where(
        plans.c.subscription_id == invoices.c.subscription_id,
        plans.c.account_id == invoices.c.account_id,
        plans.c.status.in_(UNPAID),
    )
    query = select(invoices).where(
        invoices.c.account_id.in_(account_ids),
        invoices.c.fetched_at > since,
        invoices.c.status == "open",
        invoices.c.reason != "subscription_create",
        or_(refused, behind),
    )
    return [
        Due(row.account_id, "payment_failed", row.id, {"cents": row.total_cents, "number": row.number})
        for row in connection.execute(query)
    ]


def _receipts(connection: Connection, account_ids: Sequence[str], since: datetime) -> list[Due]:
    bought = and_(grants.c.key == payments.c.grant_key, grants.c.kind == "topup")
    query = (
        select(payments, grants.c.granted_pico, grants.c.created_at)
        .join_from(payments, grants, bought)
        .where(grants.c.account_id.in_(account_ids), grants.c.created_at > since)
    )
    return [
        Due(
            row.account_id,
            "receipt",
            row.id,
            {"cents": row.amount_cents, "given": row.granted_pico, "on": row.created_at.date().isoformat()},
        )
        for row in connection.execute(query)
    ]


def _ended_plans(connection: Connection, account_ids: Sequence[str], since: datetime) -> list[Due]:
    query = select(plans.c.account_id, plans.c.subscription_id).where(
        plans.c.account_id.in_(account_ids), plans.c.fetched_at > since, plans.c.status == "canceled"
    )
    return [Due(row.account_id, "plan_ended", row.subscription_id, {}) for row in connection.execute(query)]


def _write_down(connection: Connection, found: Iterable[Due]) -> int:
    """Each once; how many of them are new and to be mailed."""
    now = clock.now()
    rows = [
        {
            "account_id": due.account_id,
            "kind": due.kind,
            "about": due.about,
            "detail": json.dumps(due.detail, sort_keys=True),
            "created_at": now,
            "sent_at": now if due.outcome else None,
            "outcome": due.outcome,
        }
        for due in found
    ]
    new = upsert(connection, alerts).on_conflict_do_nothing(index_elements=["account_id", "kind", "about"])
    written = [connection.execute(new.values(row).returning(alerts.c.sent_at)).first() for row in rows]
    return sum(row is not None and row.sent_at is None for row in written)
