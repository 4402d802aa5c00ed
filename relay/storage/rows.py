"""What an account keeps, as rows: set aside, kept, deleted, put back. Each change locks the account's money first.

So two uploads at once cannot both take the last room, and no change can come in before what is booked already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, insert, literal, select, update

from relay import clock, ledger
from relay.errors import Conflict, InsufficientCredit, NotFound, NotSignedIn, PreconditionFailed, QuotaReached
from relay.ids import new_id
from relay.money import usd
from relay.pricing import PriceTable
from relay.storage.house import FILES_MAX, SET_ASIDE, UNDO, month_price
from relay.tables import Account, Asset, StorageMeter, table

assets, meters, accounts = table(Asset), table(StorageMeter), table(Account)
LIVE = (assets.c.since.is_not(None), assets.c.until.is_(None))


Fits = Callable[[str], bool]
"""Whether a file may be changed, by the checksum of what is kept under its name now; '' when nothing is."""


def always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an account may keep, and the prices that a month of it must be there for."""

    quota_bytes: int
    prices: PriceTable


@dataclass(frozen=True, slots=True)
class Space:
    """What is kept, and what is on its way here."""

    bytes: int
    files: int
    coming_bytes: int = 0
    coming_files: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What came: as many bytes, of this type and checksum."""

    bytes: int
    type: str
    sha256: str


def set_aside(
    connection: Connection, account_id: str, name: str, size: int, bounds: Bounds, fits: Fits = always
) -> str:
    """The id of a file that may now come, for which `size` bytes are kept free.

    QuotaReached; InsufficientCredit when a month of all that is kept could not be paid; NotSignedIn when the account
    was closed since its caller was recognised; PreconditionFailed when what is kept under the name does not fit.
    """
    available_pico = ledger.available(connection, account_id)
    _refuse_closed(connection, account_id)
    space = space_of(connection, account_id)
    replaced = _live(connection, account_id, name)
    _refuse_unless(fits, replaced)
    _refuse_beyond(space, size - (replaced.bytes if replaced else 0), 0 if replaced else 1, bounds)
    _refuse_unpaid(available_pico, space.bytes + space.coming_bytes + size, bounds)
    now, asset_id = clock.now(), new_id("ast")
    row = {"id": asset_id, "account_id": account_id, "name": name, "bytes": size, "begun_at": now}
    connection.execute(insert(assets), row | {"type": "", "sha256": "", "purge_at": now + SET_ASIDE})
    return asset_id


def keep(
    connection: Connection, account_id: str, asset_id: str, content: Content, bounds: Bounds, fits: Fits = always
) -> tuple[Any, bool]:
    """The row of a file whose content is in the store, and whether it replaced another, whose content leaves at once.

    Conflict when it was no longer waited for, or the account was closed meanwhile. QuotaReached as above: what was set
    aside counted on the file that it replaces, which another upload may have replaced first.
    """
    ledger.lock(connection, account_id)
    waiting = (assets.c.id == asset_id, assets.c.since.is_(None), assets.c.name != "", assets.c.purge_at > clock.now())
    coming = connection.execute(select(assets).where(*waiting)).first()
    if coming is None:
        raise Conflict("This upload took too long, or its account was closed. Nothing was kept.")
    at = _moment(connection, account_id)
    replaced = _live(connection, account_id, coming.name)
    _refuse_unless(fits, replaced)
    space = space_of(connection, account_id)
    # Others that are on their way are looked at again when they come, as this one is.
    _refuse_beyond(Space(space.bytes, 0), content.bytes - (replaced.bytes if replaced else 0), 0, bounds)
    if replaced is not None:
        _change(connection, replaced.id, until=_not_before_since(at), purge_at=at)
    kept = {"bytes": content.bytes, "type": content.type, "sha256": content.sha256}
    _change(connection, asset_id, since=at, purge_at=None, **kept)
    _note_credit(connection, account_id)
    return find(connection, account_id, coming.name), replaced is not None


def give_up(connection: Connection, asset_ids: Sequence[str]) -> list[None]:
    """For `Database.post`: these will not come. The clock takes away what there is of them."""
    waiting = (assets.c.id.in_(asset_ids), assets.c.since.is_(None))
    connection.execute(update(assets).where(*waiting).values(purge_at=clock.now()))
    return [None] * len(asset_ids)


def find(connection: Connection, account_id: str, name: str) -> Row[Any]:
    """NotFound when the account keeps no file of that name."""
    row = _live(connection, account_id, name)
    if row is None:
        raise NotFound("There is no file of this name.")
    return row


def delete(connection: Connection, account_id: str, name: str, bounds: Bounds, fits: Fits = always) -> Row[Any]:
    """The row of a file that was deleted; it can be put back until `purge_at`. NotFound and PreconditionFailed."""
    ledger.lock(connection, account_id)
    row = find(connection, account_id, name)
    _refuse_unless(fits, row)
    end(connection, account_id, [row.id], bounds)
    return connection.execute(select(assets).where(assets.c.id == row.id)).one()


def end(connection: Connection, account_id: str, asset_ids: Sequence[str], bounds: Bounds) -> None:
    """Deletes files of an account that is locked. What was deleted earlier makes room for them to be put back."""
    at = _moment(connection, account_id)
    _change(connection, *asset_ids, until=_not_before_since(at), purge_at=at + UNDO)
    total, beyond = 0, list[str]()
    for row in deleted(connection, account_id):
        total += row.bytes
        beyond += [row.id] if total > bounds.quota_bytes and row.id not in asset_ids else []
    _change(connection, *beyond, purge_at=clock.now())


def put_back(connection: Connection, account_id: str, name: str, bounds: Bounds) -> Row[Any]:
    """Undoes the last deletion of a file of that name: as though it had never been deleted, its price included.

    NotFound when it is gone; Conflict when there is another of the name; QuotaReached and InsufficientCredit as above.
    """
    available_pico = ledger.available(connection, account_id)
    row = next((row for row in deleted(connection, account_id) if row.name == name), None)
    if row is None:
        raise NotFound("This file cannot be put back: it was not deleted, or it is gone.")
    if _live(connection, account_id, name) is not None:
        raise Conflict("There is another file of this name now. Delete that one first.")
    space = space_of(connection, account_id)
    _refuse_beyond(space, row.bytes, 1, bounds)
    _refuse_unpaid(available_pico, space.bytes + space.coming_bytes + row.bytes, bounds)
    booked_until = connection.execute(
        select(meters.c.booked_until).where(meters.c.account_id == account_id)
    ).scalar_one()
    owed = row.bytes * max(0, int((booked_until - row.until).total_seconds()))
    more = update(meters).where(meters.c.account_id == account_id)
    connection.execute(more.values(owed_byte_seconds=meters.c.owed_byte_seconds + owed))
    _change(connection, row.id, until=None, purge_at=None)
    _note_credit(connection, account_id)
    return find(connection, account_id, name)


def deleted(connection: Connection, account_id: str) -> Sequence[Row[Any]]:
    """What can still be put back, the last deleted first."""
    mine = (assets.c.account_id == account_id, assets.c.until.is_not(None), assets.c.name != "")
    query = select(assets).where(*mine, assets.c.purge_at > clock.now())
    return connection.execute(query.order_by(assets.c.until.desc(), assets.c.id.desc())).all()


def space_of(connection: Connection, account_id: str) -> Space:
    coming = (assets.c.since.is_(None), assets.c.purge_at > clock.now())
    size, files = _sums(connection, account_id, coming)
    return replace(kept_of(connection, account_id), coming_bytes=size, coming_files=files)


def kept_of(connection: Connection, account_id: str) -> Space:
    """Without what is on its way here: for those who look."""
    return Space(*_sums(connection, account_id, LIVE))


def _sums(connection: Connection, account_id: str, which: Sequence[ColumnElement[bool]]) -> tuple[int, int]:
    """Bytes and files."""
    sums = select(func.coalesce(func.sum(assets.c.bytes), 0), func.count())
    size, files = connection.execute(sums.where(assets.c.account_id == account_id, *which)).one()
    return int(size), files


def _refuse_unless(fits: Fits, found: Row[Any] | None) -> None:
    if not fits(found.sha256 if found else ""):
        raise PreconditionFailed()


def _refuse_closed(connection: Connection, account_id: str) -> None:
    """Of an account that is locked: its files have been taken away, and one that comes now nobody could delete."""
    if connection.execute(select(accounts.c.closed_at).where(accounts.c.id == account_id)).scalar():
        raise NotSignedIn()


def _refuse_beyond(space: Space, more_bytes: int, more_files: int, bounds: Bounds) -> None:
    room = bounds.quota_bytes - space.bytes - space.coming_bytes
    if more_bytes > max(0, room):
        raise QuotaReached(quota_bytes=bounds.quota_bytes, used_bytes=space.bytes, needed_bytes=more_bytes)
    if space.files + space.coming_files + more_files > FILES_MAX:
        raise QuotaReached(f"There are {FILES_MAX:,} files already. Delete some first.", files=space.files)


def _refuse_unpaid(available_pico: int, size: int, bounds: Bounds) -> None:
    needed_pico = month_price(bounds.prices, size)
    if needed_pico > available_pico or available_pico <= 0:
        raise InsufficientCredit(
            f"A month of what you would keep costs ${usd(needed_pico)}, and ${usd(available_pico)} is available.",
            available_usd=usd(available_pico),
            needed_usd=usd(needed_pico),
        )


def _moment(connection: Connection, account_id: str) -> datetime:
    """Now, in whole seconds, and never before what is booked: clocks of two servers differ. The account is locked."""
    now = clock.now().replace(microsecond=0)
    booked = connection.execute(select(meters.c.booked_until).where(meters.c.account_id == account_id)).scalar()
    if booked is None:
        first = {"account_id": account_id, "booked_until": clock.hour_of(now)}
        zeros = dict.fromkeys(("owed_byte_seconds", "price_carry", "cost_carry"), 0)
        connection.execute(insert(meters), first | zeros)
        return now
    return max(now, booked)


def _not_before_since(at: datetime) -> Any:
    """A clock that was set back makes no file end before it began."""
    return case((assets.c.since > at, assets.c.since), else_=literal(at, assets.c.since.type))


def _note_credit(connection: Connection, account_id: str) -> None:
    """There is credit again, so that what was kept without it counts from the next time on."""
    connection.execute(update(meters).where(meters.c.account_id == account_id).values(unpaid_since=None))


def _live(connection: Connection, account_id: str, name: str) -> Row[Any] | None:
    mine = (assets.c.account_id == account_id, assets.c.name == name)
    return connection.execute(select(assets).where(*mine, *LIVE)).first()


def _change(connection: Connection, *asset_ids: str, **values: Any) -> None:
    if asset_ids:
        connection.execute(update(assets).where(assets.c.id.in_(asset_ids)).values(values))
