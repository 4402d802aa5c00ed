"""The audit log of what operators did: written with the act, never changed."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from relay import clock
from relay.accounts import Identity
from relay.errors import BadInput
from relay.tables import OperatorAction, table

actions = table(OperatorAction)
REASON_LENGTH_MAX = 500


class Act(NamedTuple):
    """One act. `about` is an id (of a request, an event); `detail` is what was done, in words."""

    at: datetime
    operator: str
    action: str
    account_id: str
    about: str
    detail: str
    reason: str


def note(
    connection: Connection,
    who: Identity,
    action: str,
    *,
    reason: str,
    account_id: str = "",
    about: str = "",
    detail: str = "",
) -> None:
    """Writes an act down, in its own transaction. BadInput without a reason."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON_LENGTH_MAX or not reason.isprintable():
        raise BadInput(f"Give a reason of at most {REASON_LENGTH_MAX} characters.")
    row = Act(clock.now(), who.email, action, account_id, about, detail, reason)
    connection.execute(insert(actions), row._asdict())


def acts(connection: Connection, account_id: str = "", limit: int = 50) -> list[Act]:
    """The newest acts, of one account or of all."""
    query = select(*(actions.c[name] for name in Act._fields)).order_by(actions.c.id.desc()).limit(limit)
    query = query.where(actions.c.account_id == account_id) if account_id else query
    return [Act(*row) for row in connection.execute(query)]
