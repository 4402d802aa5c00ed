"""A file on its way in and out: never whole in memory, never half kept."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Row

from relay.errors import QuotaReached, TooLarge
from relay.gateways.objects import Gone
from relay.storage import rows
from relay.storage.house import MB, Storehouse
from relay.storage.kinds import HEAD_BYTES, kind_of
from relay.storage.rows import Bounds, Content, Fits, always

log = structlog.get_logger(__name__)


class Stored(NamedTuple):
    """A file that is kept, and whether it took the place of another of its name."""

    asset: Row[Any]
    replaced: bool


def bounds_of(house: Storehouse) -> Bounds:
    return Bounds(house.quota_bytes, house.prices)


async def store(
    house: Storehouse,
    account_id: str,
    name: str,
    declared: str,
    size: int | None,
    chunks: AsyncIterable[bytes],
    fits: Fits = always,
) -> Stored:
    """Keeps what comes under that name; `size` is how much was announced, None when nothing was.

    TooLarge and what `rows.set_aside` raises come before anything is read. Whatever is raised later, also by `chunks`,
    leaves the file that was there before, and nothing else once the clock has come by.
    """
    if size is not None and size > house.asset_bytes_max:
        raise too_large(house)
    room = await _room(house, account_id, name) if size is None else size
    work = partial(rows.set_aside, account_id=account_id, name=name, size=room, bounds=bounds_of(house), fits=fits)
    asset_id = await house.database.write(work)
    try:
        body = _Body(house, chunks, room)
        await house.objects.put(asset_id, body)
        keep = partial(rows.keep, account_id=account_id, asset_id=asset_id, bounds=bounds_of(house), fits=fits)
        return Stored(*await house.database.write(partial(keep, content=body.content(declared))))
    except BaseException:
        house.database.post(rows.give_up, asset_id)
        raise


def too_large(house: Storehouse) -> TooLarge:
    return TooLarge(f"A file has at most {house.asset_bytes_max // MB} MB.", bytes_max=house.asset_bytes_max)


async def _room(house: Storehouse, account_id: str, name: str) -> int:
    """Set aside for an upload that does not say how much it is: as much as may be."""
    space = await house.database.read(lambda connection: rows.space_of(connection, account_id))
    free = house.quota_bytes - space.bytes - space.coming_bytes
    return max(0, min(house.asset_bytes_max, free))


class _Body:
    """The content as it passes by: counted, bounded, its checksum and its first bytes noted."""

    def __init__(self, house: Storehouse, chunks: AsyncIterable[bytes], room: int) -> None:
        self._house, self._chunks, self._room = house, chunks, room
        self._sum = hashlib.sha256()
        self._head = b""
        self._bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._bytes += len(chunk)
            if self._bytes > self._room:
                raise self._too_much()
            self._head += chunk[: HEAD_BYTES - len(self._head)]
            self._sum.update(chunk)
            yield chunk

    def content(self, declared: str) -> Content:
        return Content(self._bytes, kind_of(self._head, declared), self._sum.hexdigest())

    def _too_much(self) -> Exception:
        return too_large(self._house) if self._room >= self._house.asset_bytes_max else QuotaReached()


async def fetch(house: Storehouse, asset: Row[Any], start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a file in [start, end), once its store has begun to give them. Gone when it has not got it."""
    try:
        return await house.objects.open(asset.id, start, end)
    except Gone:
        log.error("asset_lost", asset=asset.id, account=asset.account_id)
        raise
