"""What an account keeps, for those who look: a page of it, its names, or all of it for an archive."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from relay.errors import BadInput, ProductError
from relay.storage.house import Storehouse
from relay.storage.names import asset_name
from relay.storage.rows import LIVE
from relay.storage.uploading import fetch
from relay.tables import Asset, table

assets = table(Asset)


class Listed(NamedTuple):
    """A page of files by their names; `next` is the name to go on after, None on the last page."""

    assets: Sequence[Row[Any]]
    next: str | None


def listed(connection: Connection, account_id: str, after: str | None, limit: int) -> Listed:
    """At most `limit` files, in the order of their names. BadInput when `after` is no name."""
    mine = [assets.c.account_id == account_id, *LIVE]
    if after:
        try:
            mine.append(assets.c.name > asset_name(after))
        except BadInput:
            raise BadInput("`after` is the `next` of an earlier answer.", field="after") from None
    # One more than asked for tells whether there is another page.
    found = connection.execute(select(assets).where(*mine).order_by(assets.c.name).limit(limit + 1)).all()
    return Listed(found[:limit], found[limit - 1].name if len(found) > limit else None)


async def archived(house: Storehouse, account_id: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """Each file's name and content. One that the store cannot give is left out: the rows tell of it."""
    after: str | None = None
    while True:
        page = await house.database.read(lambda c, after=after: listed(c, account_id, after, 100))
        for row in page.assets:
            try:
                content = await fetch(house, row, 0, row.bytes)
            except ProductError:
                continue
            yield row.name, content
        if (after := page.next) is None:
            return


def names_of(connection: Connection, account_id: str) -> list[str]:
    """Every name that is taken."""
    query = select(assets.c.name).where(assets.c.account_id == account_id, *LIVE).order_by(assets.c.name)
    return list(connection.execute(query).scalars())
