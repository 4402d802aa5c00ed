"""Credit taken back because its payment was: by a refund its amount, by a dispute all that it paid for.

What expired unused is taken first, as nobody had anything of it. The rest comes off the grant, which may go below
zero: that blocks use, and the next grant repays it.
"""

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from relay import clock
from relay.ledger import shelf
from relay.ledger.book import Book, GrantState
from relay.tables import Clawback, Entry, Grant, table

clawbacks, entries, grants = table(Clawback), table(Entry), table(Grant)


def claw_back(connection: Connection, account_id: str, grant_key: str, key: str, amount_pico: int) -> bool:
    """Once per `key`; True when something was taken. At most what the grant gave, over all of its clawbacks."""
    book = shelf.take(connection, [account_id])[account_id]
    if connection.execute(select(clawbacks.c.key).where(clawbacks.c.key == key)).first():
        return False
    found = connection.execute(select(grants).where(grants.c.key == grant_key)).one()
    asked_before, taken_before = _so_far(connection, grant_key)
    asked = min(amount_pico, found.granted_pico - asked_before)
    unused = _expired_unused(connection, found.id) - (asked_before - taken_before)
    taken = max(0, asked - max(0, unused))
    row = {"key": key, "account_id": account_id, "grant_key": grant_key, "asked_pico": asked, "taken_pico": taken}
    connection.execute(insert(clawbacks), row | {"at": clock.now()})
    _move(connection, book, found, -taken)
    return asked > 0


def give_back(connection: Connection, key: str) -> bool:
    """Undoes a clawback: the refund failed, or the dispute was won. False when there is none to undo."""
    of = connection.execute(select(clawbacks.c.account_id).where(clawbacks.c.key == key)).scalar()
    if of is None:
        return False
    book = shelf.take(connection, [of])[of]
    undo = update(clawbacks).where(clawbacks.c.key == key, clawbacks.c.undone_at.is_(None))
    undone = connection.execute(undo.values(undone_at=clock.now()).returning(clawbacks)).first()
    if undone is None:
        return False
    found = connection.execute(select(grants).where(grants.c.key == undone.grant_key)).one()
    _move(connection, book, found, undone.taken_pico)
    return True


def _so_far(connection: Connection, grant_key: str) -> tuple[int, int]:
    sums = select(
        func.coalesce(func.sum(clawbacks.c.asked_pico), 0), func.coalesce(func.sum(clawbacks.c.taken_pico), 0)
    ).where(clawbacks.c.grant_key == grant_key, clawbacks.c.undone_at.is_(None))
    asked, taken = connection.execute(sums).one()
    return int(asked), int(taken)


def _expired_unused(connection: Connection, grant_id: int) -> int:
    gone = select(func.coalesce(func.sum(entries.c.amount_pico), 0)).where(
        entries.c.grant_id == grant_id, entries.c.kind == "expire"
    )
    return -int(connection.execute(gone).scalar_one())


def _move(connection: Connection, book: Book, found: Row[Any], amount_pico: int) -> None:
    if amount_pico == 0:
        return
    shelf.add_grants(connection, [book])
    grant = next((g for g in book.grants if g.id == found.id), None)
    if grant is None:
        # Spent to the end, so it is not among those that can still move.
        grant = GrantState(found.id, found.kind, found.remaining_pico, found.expires_at, found.expired_at)
        book.grants.append(grant)
    moved = book.claw(grant, amount_pico)
    shelf.put_back(connection, [book], [(book.account_id, movement) for movement in moved], clock.now())
