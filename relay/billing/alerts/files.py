"""Files that nobody pays for: told when that begins, and once more before they are deleted."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from relay import clock
from relay.billing.alerts.rules import Due
from relay.storage import UNDO, UNPAID, WARNED
from relay.tables import StorageMeter, table

meters = table(StorageMeter)


def unpaid_storage(connection: Connection, account_ids: Sequence[str]) -> list[Due]:
    """An hour that is booked without credit changes the account, so each is looked at every hour."""
    unpaid = (meters.c.account_id.in_(account_ids), meters.c.unpaid_since.is_not(None))
    due: list[Due] = []
    for row in connection.execute(select(meters.c.account_id, meters.c.unpaid_since).where(*unpaid)):
        ends = row.unpaid_since + UNPAID
        kind = "storage_ends" if clock.now() >= ends - WARNED else "storage_unpaid"
        detail: dict[str, str | int] = {"until": ends.date().isoformat(), "undo": UNDO.days}
        due.append(Due(row.account_id, kind, row.unpaid_since.isoformat(), detail))
    return due
