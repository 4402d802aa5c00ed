"""Alerts that were written down go out, oldest first, each once: a crash between sending and noting it repeats the
mail under the same key, which Resend then takes for the same mail (for a day)."""

import asyncio
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update

from relay import accounts, clock
from relay.billing.alerts.letters import letter
from relay.billing.alerts.rules import CAP_KINDS
from relay.database import Database
from relay.gateways.mail import Mail, MailFailed
from relay.settings import Settings
from relay.tables import Account, Alert, AlertChoice, table

people, alerts, choices = table(Account), table(Alert), table(AlertChoice)
log = structlog.get_logger(__name__)

AT_ONCE = 50
SECONDS_MAX = 10
"""A turn of the clock must end well before its lease does; what is left goes out at the next."""


async def send_due(database: Database, mail: Mail, settings: Settings) -> int:
    """How many went out. A mail service that is down ends the round; the rest waits for the next."""
    loop = asyncio.get_running_loop()
    until, sent = loop.time() + SECONDS_MAX, 0
    for row in await database.read(_unsent):
        try:
            outcome = await _send(database, mail, settings, row)
        except MailFailed as error:
            log.warning("alert_waits", alert=row.id, status=error.status)
            break
        await database.write(partial(_dealt_with, alert_id=row.id, outcome=outcome))
        sent += outcome == "sent"
        if loop.time() > until:
            break
    return sent


def _unsent(connection: Connection) -> list[Row[Any]]:
    query = (
        select(alerts, people.c.email, people.c.closed_at, choices.c.cap, choices.c.low_credit)
        .join_from(alerts, people, people.c.id == alerts.c.account_id)
        .outerjoin(choices, choices.c.account_id == alerts.c.account_id)
        .where(alerts.c.sent_at.is_(None))
    )
    return list(connection.execute(query.order_by(alerts.c.id).limit(AT_ONCE)))


async def _send(database: Database, mail: Mail, settings: Settings, row: Row[Any]) -> str:
    """What became of it. MailFailed when another try may succeed."""
    if row.closed_at is not None:
        return "closed"
    if _was_turned_off(row):
        return "unwanted"
    if await database.read(partial(accounts.mail_stop, email=row.email)):
        return "stopped"
    tag = accounts.address_tag(settings, row.email)
    try:
        await mail.send(letter(settings, row, row.email, tag))
    except MailFailed as error:
        if error.is_passing:
            raise
        log.error("alert_refused", alert=row.id, kind=row.kind, status=error.status)
        return "refused"
    log.info("alert_sent", alert=row.id, kind=row.kind, about=tag)
    return "sent"


def _was_turned_off(row: Row[Any]) -> bool:
    """Between the look and the sending."""
    if row.kind in CAP_KINDS:
        return row.cap is False
    return row.kind.startswith("credit_") and row.low_credit is False


def _dealt_with(connection: Connection, alert_id: int, outcome: str) -> None:
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(sent_at=clock.now(), outcome=outcome))
