"""Files in a bucket that speaks S3's language: Amazon's, Cloudflare's R2, MinIO.

By obstore, over Rust's `object_store`: it sends large files in parts, tries again what may be tried again, and takes
the machine's own role where no key is set.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from relay.gateways.objects.store import Gone, Kept, StoreAway
from relay.settings import Settings

PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2
PIECE_BYTES = 1 << 18
CLIENT: Any = {"allow_http": True, "connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=120)}
RETRIES: Any = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}
PROBE = "probe"
ENDING_SECONDS = 2
"""To take back what was sent, when the server stops in the middle of an upload."""


class Bucket:
    """`s3://bucket[/prefix]`."""

    def __init__(self, settings: Settings) -> None:
        bucket, _, prefix = settings.STORAGE_URL.removeprefix("s3://").partition("/")
        self._name = settings.STORAGE_URL
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=cast(Any, _config(settings)),
            client_options=CLIENT,
            retry_config=RETRIES,
        )

    async def put(self, id: str, chunks: AsyncIterable[bytes]) -> None:
        source = _Source(chunks)
        parts: Any = {"chunk_size": PART_BYTES, "max_concurrency": PARTS_AT_ONCE}
        sending = asyncio.ensure_future(obstore.put_async(self._store, id, source, **parts))
        with _away():
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                # The SDK takes its parts back when its source fails, and leaves them there when it is cancelled.
                source.stop()
                ended = asyncio.gather(sending, return_exceptions=True)
                await asyncio.wait({ended}, timeout=ENDING_SECONDS)
                raise
            except Exception:
                if source.error is not None:
                    raise source.error from None
                raise

    async def open(self, id: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:
            return _pieces(None)
        with _away():
            try:
                found = await obstore.get_async(self._store, id, options={"range": (start, end)})
            except FileNotFoundError as error:
                _refuse_without_bucket(error)
                raise Gone() from None
            return _pieces(found.stream(min_chunk_size=PIECE_BYTES))

    async def delete(self, id: str) -> None:
        with _away():
            try:
                await obstore.delete_async(self._store, id)
            except FileNotFoundError as error:
                _refuse_without_bucket(error)

    async def kept(self) -> AsyncIterator[Kept]:
        with _away():
            async for some in cast(Any, obstore).list(self._store):
                for one in some:
                    yield Kept(one["path"], one["size"], one["last_modified"])

    async def check(self) -> str:
        try:
            await obstore.put_async(self._store, PROBE, b"")
            await obstore.delete_async(self._store, PROBE)
        except (BaseError, OSError) as error:
            raise StoreAway(f"{self._name}: {type(error).__name__}") from None
        return self._name


class _Source:
    """What is to be kept; remembers why it broke off, which the SDK tells in words of its own."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._stopped = asyncio.get_running_loop().create_future()
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Nothing more comes: the next piece, or the one that is waited for, is an error."""
        self._stopped.set_result(None)

    def __aiter__(self) -> "_Source":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next()
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self.error = error
            raise

    async def _next(self) -> bytes:
        piece = asyncio.ensure_future(_one(self._chunks))
        await asyncio.wait({piece, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        if self._stopped.done():
            piece.cancel()
            raise StoreAway()
        return await piece


async def _one(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks)


def _config(settings: Settings) -> dict[str, str]:
    given = {
        "aws_access_key_id": settings.AWS_ACCESS_KEY_ID,
        "aws_secret_access_key": settings.reveal("AWS_SECRET_ACCESS_KEY"),
        "aws_session_token": settings.reveal("AWS_SESSION_TOKEN"),
        "aws_endpoint": settings.AWS_ENDPOINT_URL,
        "aws_region": settings.AWS_REGION,
    }
    return {name: value for name, value in given.items() if value}


async def _pieces(stream: Any) -> AsyncIterator[bytes]:
    with _away():
        if stream is not None:
            async for piece in stream:
                yield bytes(piece)


@contextmanager
def _away() -> Generator[None]:
    """Whatever the bucket or the way to it says is StoreAway; its words may hold an address, so they are not told."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise StoreAway() from error


def _refuse_without_bucket(error: FileNotFoundError) -> None:
    """Where the whole bucket is not there, or is named wrongly, no file of it is lost."""
    if "NoSuchBucket" in str(error):
        raise StoreAway() from error
