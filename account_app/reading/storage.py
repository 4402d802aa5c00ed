"""What the storage page shows."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row

from account_app.components.drawn import Slice
from account_app.components.figures import dollars, exact, files, megabytes
from account_app.session import Visitor, services
from relay import storage
from relay.clock import rfc3339
from relay.errors import BadInput

ROWS = 50
ENDING_MAX = 8
KINDS = {
    "font/woff2": "WOFF2 font",
    "font/woff": "WOFF font",
    "font/ttf": "TrueType font",
    "font/otf": "OpenType font",
    "font/collection": "Font collection",
    storage.UNKNOWN: "File",
}


@dataclass(frozen=True)
class FileLine:
    """`address` is where it is downloaded; `exact` the whole price of a month, which the rounded one stands for."""

    name: str = ""
    address: str = ""
    size: str = ""
    type: str = ""
    stored: str = ""
    price: str = ""
    exact: str = ""


@dataclass(frozen=True)
class DeletedLine:
    name: str = ""
    size: str = ""
    until: str = ""


@dataclass(frozen=True)
class StorageFigures:
    """`account` is whose they are; `next` the name to go on after, empty on the last page."""

    account: str = ""
    rows: list[FileLine] = field(default_factory=list[FileLine])
    next: str = ""
    names: list[str] = field(default_factory=list[str])
    deleted: list[DeletedLine] = field(default_factory=list[DeletedLine])
    used: str = ""
    quota: str = ""
    files: str = ""
    meter: list[Slice] = field(default_factory=list[Slice])
    full: bool = False
    month: str = ""
    unit: str = ""
    largest: int = 0
    largest_words: str = ""
    undo_days: str = str(storage.UNDO.days)


def storage_of(connection: Connection, visitor: Visitor) -> StorageFigures:
    """A page of the files, what can be put back, and how much all of it is."""
    house, account_id, locale = services().storehouse, visitor.account_id, visitor.locale
    found = _page(connection, account_id, visitor.query.get("after", ""))
    space = storage.kept_of(connection, account_id)
    month_pico = storage.month_price(house.prices, space.bytes)
    return StorageFigures(
        account=account_id,
        rows=[_line(row, house, locale) for row in found.assets],
        next=found.next or "",
        names=storage.names_of(connection, account_id),
        deleted=[_deleted(row, locale) for row in storage.deleted(connection, account_id)],
        used=megabytes(space.bytes, locale),
        quota=megabytes(house.quota_bytes, locale),
        files=files(space.files, locale),
        meter=_meter(space.bytes, house.quota_bytes, locale),
        full=space.bytes * 10 >= house.quota_bytes * 9,
        month=dollars(month_pico, locale),
        unit=exact(storage.month_price(house.prices, 1000 * storage.MB), locale),
        largest=house.asset_bytes_max,
        largest_words=megabytes(house.asset_bytes_max, locale),
    )


def _page(connection: Connection, account_id: str, after: str) -> storage.Listed:
    try:
        return storage.listed(connection, account_id, after, ROWS)
    except BadInput:
        return storage.listed(connection, account_id, None, ROWS)


def _line(row: Row[Any], house: storage.Storehouse, locale: str) -> FileLine:
    price_pico = storage.month_price(house.prices, row.bytes)
    return FileLine(
        name=row.name,
        address=f"/api/assets/{quote(row.name, safe='')}",
        size=megabytes(row.bytes, locale),
        type=KINDS.get(row.type) or _type_by(row.name),
        stored=rfc3339(row.since),
        price=dollars(price_pico, locale),
        exact=exact(price_pico, locale),
    )


def _type_by(name: str) -> str:
    """`SVG file`: what a browser declares of other files is long, and of some wrong."""
    ending = name.rpartition(".")[2]
    is_ending = 0 < len(ending) < len(name) and len(ending) <= ENDING_MAX
    return f"{ending.upper()} file" if is_ending else KINDS[storage.UNKNOWN]


def _deleted(row: Row[Any], locale: str) -> DeletedLine:
    return DeletedLine(row.name, megabytes(row.bytes, locale), rfc3339(row.purge_at))


def _meter(used: int, quota: int, locale: str) -> list[Slice]:
    """What is kept of what may be kept. A little is never nothing."""
    tenths = min(1000, -(-used * 1000 // quota))
    return [
        Slice("1", "Used", megabytes(used, locale), f"{tenths / 10}%"),
        Slice("", "Free", megabytes(max(0, quota - used), locale), f"{100 - tenths / 10}%"),
    ]
