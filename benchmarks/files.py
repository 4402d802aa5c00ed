"""Files by the product's own ways: uploads at their moments, deletions, and every hour of them booked."""

from collections.abc import AsyncIterator
from datetime import timedelta

from relay import clock, storage
from relay.storage import Storehouse

DELETED = 20
"""So many of the last ones are deleted again, and can be put back."""
BYTES = 40_000
"""A small web font. No file is as large as another."""


async def keep(house: Storehouse, account_id: str, files: int, days: int) -> None:
    """So many uploads, spread over the last days. The account has credit, and prices were published before them."""
    for n in range(files):
        clock.move(-timedelta(days=days) * (files - n) / files)
        try:
            await storage.store(house, account_id, f"font-{n:03}.woff2", "", BYTES + n, _font(BYTES + n))
        finally:
            clock.set_back_to_real_time()
    bounds = storage.bounds_of(house)
    for n in range(files - DELETED, files):
        name = f"font-{n:03}.woff2"
        await house.database.write(lambda connection, name=name: storage.delete(connection, account_id, name, bounds))
    await storage.book_all(house.database)


async def _font(size: int) -> AsyncIterator[bytes]:
    yield b"wOF2".ljust(size, b"\0")
