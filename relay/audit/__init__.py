"""Whether the snapshots say what the facts say. It shares no arithmetic with the ledger, nor its errors.

The facts are entries, usage rows, open holds and published prices; the caches over them are balances, grants'
remains, roll-ups, sums and what keys have spent. Memory is bounded by one account's roll-ups, whatever the history.
"""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Select, func, select, union

from relay.audit.account import audit_account
from relay.audit.differences import KEPT_MAX, Difference, Differences
from relay.audit.prices import Prices
from relay.audit.sums import Sums
from relay.tables import EVERYBODY, Account, Balance, Entry, Usage, UsageHour, UsageSum, table

__all__ = ["KEPT_MAX", "Difference", "Differences", "recompute"]

Progress = Callable[[int, int], None]
"""Called with the accounts done and the accounts there are."""

accounts = table(Account)
IDS_AT_ONCE = 500


def recompute(connection: Connection, progress: Progress | None = None) -> Differences:
    """What differs, account by account; empty when all is well.

    An account is read in one snapshot, and the next in another: so it wants a connection that only reads.
    """
    total = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
    prices = Prices(connection)
    found, everybody = Differences(), Sums(EVERYBODY)
    for done, account_id in enumerate(_ids(connection), start=1):
        found.take(audit_account(connection, account_id, prices, everybody))
        # No database can tidy up behind a snapshot: one of hours would make it grow with every call meanwhile.
        connection.rollback()
        if progress is not None:
            progress(done, max(done, total))
    everybody.add_accounts(connection)
    found.take(everybody.differences(connection))
    return found


def _ids(connection: Connection) -> Iterator[str]:
    last = ""
    while some := connection.execute(_after(last)).scalars().all():
        yield from some
        last = some[-1]
    # A row of an account that does not exist is a difference too.
    there = select(accounts.c.id)
    of = [table(t).c.account_id for t in (Balance, Entry, Usage, UsageHour, UsageSum)]
    strays = union(*(select(column).where(column.not_in(there), column != EVERYBODY) for column in of))
    yield from connection.execute(strays).scalars().all()


def _after(last: str) -> Select[str]:
    return select(accounts.c.id).where(accounts.c.id > last).order_by(accounts.c.id).limit(IDS_AT_ONCE)
