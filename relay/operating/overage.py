"""The requests behind an account's overage: what of each went beyond its credit in this billing period."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, literal_column, select, tuple_

from relay.errors import NotFound
from relay.tables import Account, Balance, Entry, Usage, table

accounts, balances, entries, rows = table(Account), table(Balance), table(Entry), table(Usage)
ROWS = 50
# In these words the index of these entries is found (see relay.tables.credit).
_OVERAGE = entries.c.kind == literal_column("'overage'")


class Beyond(NamedTuple):
    """A usage row of which `overage_pico` was not covered by credit. `amends` is the request that it corrects."""

    id: int
    at: datetime
    request_id: str
    amends: str | None
    model: str
    price_pico: int
    overage_pico: int


class Overage(NamedTuple):
    """A page, newest first. `total_pico` is that of all pages, and the account's own figure."""

    email: str
    rows: tuple[Beyond, ...]
    next: int | None
    total_pico: int


def overage_of(connection: Connection, account_id: str, before: int | None = None) -> Overage:
    """A page of at most ROWS; `before` is the `next` of the page before. NotFound when there is no such account."""
    total = balances.c.overage_pico - balances.c.period_overage_start_pico
    query = select(accounts.c.email, balances.c.period_start, total.label("total_pico"))
    query = query.join(balances, balances.c.account_id == accounts.c.id).where(accounts.c.id == account_id)
    account = connection.execute(query).one_or_none()
    if account is None:
        raise NotFound("There is no such account.")
    # Without any, entries belong to periods that are over.
    found = _page(connection, account_id, account.period_start, before) if account.total_pico else []
    page = found[:ROWS]
    return Overage(account.email, tuple(page), page[-1].id if len(found) > ROWS else None, account.total_pico)


def _page(connection: Connection, account_id: str, since: datetime | None, before: int | None) -> list[Beyond]:
    query = (
        select(
            entries.c.id,
            entries.c.at,
            entries.c.request_id,
            rows.c.amends,
            rows.c.model,
            rows.c.price_pico,
            -entries.c.amount_pico,
        )
        .join(rows, rows.c.request_id == entries.c.request_id)
        .where(entries.c.account_id == account_id, _OVERAGE)
        .order_by(entries.c.at.desc(), entries.c.id.desc())
        .limit(ROWS + 1)
    )
    if since is not None:
        query = query.where(entries.c.at >= since)
    if before is not None:
        last = select(entries.c.at).where(entries.c.id == before).scalar_subquery()
        query = query.where(tuple_(entries.c.at, entries.c.id) < tuple_(last, before))
    return [Beyond(*row) for row in connection.execute(query)]
