"""Whether the snapshots say what the facts say. It shares no arithmetic with the ledger, nor its errors.

The facts are entries, usage rows, open holds and published prices; the caches over them are balances, grants'
remains, roll-ups, sums and what keys have spent. Memory is bounded by one account's roll-ups, whatever the history.
"""

from collections.abc import Callable

from sqlalchemy import Connection, func, select, union

from relay.audit.account import audit_account
from relay.audit.differences import Difference
from relay.audit.prices import Prices
from relay.audit.sums import Sums
from relay.tables import EVERYBODY, Account, Balance, Entry, Usage, UsageHour, UsageSum, table

__all__ = ["Difference", "recompute"]

Progress = Callable[[int, int], None]
"""Called with the accounts done and the accounts there are."""

accounts, _sums = table(Account), table(UsageSum)
# A row of an account that does not exist is a difference too, so the ids come from every table.
_OF_SOMEBODY = select(_sums.c.account_id).where(_sums.c.account_id != EVERYBODY)
_IDS = (select(table(t).c.account_id) for t in (Balance, Entry, Usage, UsageHour))
_EVERYBODY = union(select(accounts.c.id), *_IDS, _OF_SOMEBODY)


def recompute(connection: Connection, progress: Progress | None = None) -> list[Difference]:
    """Every difference, account by account; empty when all is well."""
    total = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
    prices = Prices(connection)
    found: list[Difference] = []
    sums = Sums(EVERYBODY)
    everybody = connection.execute(_EVERYBODY, execution_options={"yield_per": 500})
    for done, account_id in enumerate(everybody.scalars(), start=1):
        found += audit_account(connection, account_id, prices, sums)
        if progress is not None:
            progress(done, max(done, total))
    return found + list(sums.differences(connection))
