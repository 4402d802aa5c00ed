"""Addresses that mail must leave alone, because their mail server or their owner said so.

Only mail that nobody asked for stops: a sign-in code is asked for, and goes out all the same. Signing in with a code
that was mailed after a bounce shows that mail arrives again, which lifts it. A complaint is a wish, so only
its owner lifts it, on the account page.
"""

from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select, update

from relay import clock
from relay.tables import MailStop, table, upsert

stops = table(MailStop)
Reason = Literal["bounced", "complained"]


class Stop(NamedTuple):
    reason: Reason
    at: datetime


def mail_stop(connection: Connection, email: str) -> Stop | None:
    """Why the address gets no mail from us, and since when; None when it does."""
    mine = (stops.c.email == email, stops.c.lifted_at.is_(None))
    found = connection.execute(select(stops.c.reason, stops.c.at).where(*mine)).first()
    return Stop(*found) if found else None


def stop_mail(connection: Connection, email: str, reason: Reason, at: datetime) -> None:
    """News from before the last lifting come too late. A bounce does not replace a complaint."""
    values = {"reason": reason, "at": at, "lifted_at": None}
    newer = (
        or_(stops.c.lifted_at < at, stops.c.reason == "bounced") if reason == "complained" else stops.c.lifted_at < at
    )
    new = upsert(connection, stops).values(email=email, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["email"], set_=values, where=newer))


def allow_mail(connection: Connection, email: str) -> None:
    """Its owner wants mail again."""
    _lift(connection, email)


def mail_arrived(connection: Connection, email: str, sent_at: datetime) -> None:
    """Something mailed at that time was read there: a bounce before that is over."""
    _lift(connection, email, stops.c.reason == "bounced", stops.c.at < sent_at)


def _lift(connection: Connection, email: str, *also: ColumnElement[bool]) -> None:
    mine = (stops.c.email == email, stops.c.lifted_at.is_(None), *also)
    connection.execute(update(stops).where(*mine).values(lifted_at=clock.now()))
