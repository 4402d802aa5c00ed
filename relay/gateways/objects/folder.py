"""Files in a folder of this machine: written aside, synced, then renamed into their place."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from relay.gateways.objects.store import Gone, Kept, StoreAway

P = ParamSpec("P")
T = TypeVar("T")
PIECE_BYTES = 1 << 18
GATHERED_BYTES = 1 << 20
"""A hop to a thread for every piece of a socket would cost more than the writing."""

ASIDE = ".part"


class Folder:
    """A folder below it for each last two digits of the ids, so that none holds too many."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, id: str, chunks: AsyncIterable[bytes]) -> None:
        place = self._place(id)
        aside = place.with_suffix(ASIDE)
        file = await _in_thread(_open_aside, aside)
        try:
            waiting = bytearray()
            async for chunk in chunks:
                waiting += chunk
                if len(waiting) >= GATHERED_BYTES:
                    await _in_thread(file.write, bytes(waiting))
                    waiting.clear()
            await _in_thread(_finish, file, bytes(waiting), aside, place)
        except BaseException:
            # Also when the request was cancelled: nothing can be waited for then, and little is to be done.
            file.close()
            aside.unlink(missing_ok=True)
            raise

    async def open(self, id: str, start: int, end: int) -> AsyncIterator[bytes]:
        try:
            file = await _in_thread(self._place(id).open, "rb")
        except StoreAway as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise Gone() from None
            raise
        return _pieces(file, start, end)

    async def delete(self, id: str) -> None:
        await _in_thread(_delete, self._place(id))

    async def kept(self) -> AsyncIterator[Kept]:
        found = iter(self._walk())
        while (one := await _in_thread(next, found, None)) is not None:
            yield one

    async def check(self) -> str:
        try:
            await _in_thread(_try, self._folder)
        except StoreAway as error:
            raise StoreAway(f"{self._folder}: {error.__cause__}") from None
        return str(self._folder)

    def _place(self, id: str) -> Path:
        return self._folder / id[-2:] / id

    def _walk(self) -> Iterator[Kept]:
        for place in self._folder.glob("??/*"):
            if place.suffix != ASIDE and (found := _stat(place)):
                yield Kept(place.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Whatever the disk says is StoreAway, and its cause."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise StoreAway() from error


def _open_aside(aside: Path) -> BinaryIO:
    aside.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")


def _finish(file: BinaryIO, rest: bytes, aside: Path, place: Path) -> None:
    with file:
        file.write(rest)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(place)
    # The name is not there after a power cut before its folders are on the disk too.
    for folder in (place.parent, place.parent.parent):
        opened = os.open(folder, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (piece := await _in_thread(file.read, min(PIECE_BYTES, end - start))):
            start += len(piece)
            yield piece


def _delete(place: Path) -> None:
    place.unlink(missing_ok=True)
    place.with_suffix(ASIDE).unlink(missing_ok=True)


def _try(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f"probe{ASIDE}"
    probe.write_bytes(b"")
    probe.unlink()


def _stat(place: Path) -> os.stat_result | None:
    try:
        return place.stat()
    except FileNotFoundError:
        return None
