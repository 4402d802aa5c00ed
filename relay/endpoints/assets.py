"""`/api/assets`: the files of whoever calls. Content passes through in pieces, in both directions.

A key with a cap of its own stores nothing: what is kept costs something every hour, which no cap would see.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from relay import clock, storage
from relay.accounts import Identity
from relay.clock import rfc3339
from relay.endpoints.answers import JsonAnswer, request_id_of
from relay.endpoints.callers import SAFE_METHODS, services_of, signed_in
from relay.endpoints.ranges import read_limit
from relay.errors import BadInput, TooSlow
from relay.money import usd
from relay.storage import Storehouse

ADDRESS = "/api/assets/"
INERT = {
    "cache-control": "private, no-cache",
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "accept-ranges": "bytes",
    "vary": "cookie, authorization, x-api-key",
}
"""Whatever a file holds, a browser that opens it runs nothing of it, and asks us each time before it shows it again."""

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


async def put_asset(request: Request) -> Response:
    identity, name = await _writer(request, spends=True), _name(request)
    services = services_of(request)
    house = services.storehouse
    if "content-range" in request.headers:
        raise BadInput("This address keeps whole files. Send all of it, without `content-range`.")
    size = _announced(request.headers)
    async with services.limits.upload(identity.account_id, request_id_of(request.scope)):
        declared = request.headers.get("content-type", "")
        stored = await storage.store(house, identity.account_id, name, declared, size, _pieces(request), _fits(request))
    services.hub.changed(identity.account_id)
    headers = {"location": _address(name), "etag": _tag(stored.asset)}
    return JsonAnswer(_asset(house, stored.asset), 200 if stored.replaced else 201, headers)


async def get_assets(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    house, query = services_of(request).storehouse, request.query_params
    after, limit = query.get("after"), read_limit(query)
    look = partial(_look, account_id=account_id, after=after, limit=limit)
    page, deleted, space = await house.database.read(look)
    return JsonAnswer(
        {
            "assets": [_asset(house, row) for row in page.assets],
            "next": page.next,
            "deleted": [_deleted(row) for row in deleted],
            "used_bytes": space.bytes,
            "quota_bytes": house.quota_bytes,
            "asset_bytes_max": house.asset_bytes_max,
            "price_month_usd": usd(storage.month_price(house.prices, space.bytes)),
        }
    )


async def get_asset(request: Request) -> Response:
    """The file itself. One range of it, if the file is still the one that `if-range` names."""
    account_id, name = (await signed_in(request)).account_id, _name(request)
    house = services_of(request).storehouse
    row = await house.database.read(lambda connection: storage.find(connection, account_id, name))
    headers = {**INERT, "etag": _tag(row), "content-disposition": _disposition(row)}
    headers["content-type"] = row.type if row.type in storage.SHOWN else storage.UNKNOWN
    if not _fits(request)(row.sha256):
        return Response(None, 304, headers)
    span = _span(request.headers, row)
    if span is None:
        return Response(None, 416, {**headers, "content-range": f"bytes */{row.bytes}"})
    start, end = span
    headers["content-length"] = str(end - start)
    if (start, end) != (0, row.bytes):
        headers["content-range"] = f"bytes {start}-{end - 1}/{row.bytes}"
    status = 206 if "content-range" in headers else 200
    if request.method == "HEAD":
        return Response(None, status, headers)
    return StreamingResponse(await storage.fetch(house, row, start, end), status, headers)


async def delete_asset(request: Request) -> Response:
    identity, name = await _writer(request), _name(request)
    return await _changed(request, identity, partial(storage.delete, name=name, fits=_fits(request)), _deleted)


async def restore_asset(request: Request) -> Response:
    identity, name = await _writer(request, spends=True), _name(request)
    house = services_of(request).storehouse
    return await _changed(request, identity, partial(storage.put_back, name=name), partial(_asset, house))


routes = [
    Route("/api/assets", get_assets, methods=["GET"]),
    Route(ADDRESS + "{name:path}/restore", restore_asset, methods=["POST"]),
    Route(ADDRESS + "{name:path}", get_asset, methods=["GET"]),
    Route(ADDRESS + "{name:path}", put_asset, methods=["PUT"]),
    Route(ADDRESS + "{name:path}", delete_asset, methods=["DELETE"]),
]


async def _writer(request: Request, *, spends: bool = False) -> Identity:
    """Who changes something, counted against the account's minute."""
    identity = await signed_in(request)
    if spends:
        storage.refuse_to_store(identity)
    await services_of(request).limits.admit(f"assets:{identity.account_id}", 0)
    return identity


async def _changed(request: Request, identity: Identity, work: Any, shown: Any) -> Response:
    services = services_of(request)
    bounds = storage.bounds_of(services.storehouse)
    row = await services.database.write(lambda c: work(c, account_id=identity.account_id, bounds=bounds))
    services.hub.changed(identity.account_id)
    return JsonAnswer(shown(row))


def _look(connection: Connection, account_id: str, after: str | None, limit: int) -> Any:
    page = storage.listed(connection, account_id, after, limit)
    return page, storage.deleted(connection, account_id), storage.kept_of(connection, account_id)


def _name(request: Request) -> str:
    return storage.asset_name(request.path_params["name"])


def _announced(headers: Mapping[str, str]) -> int | None:
    given = headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. TooSlow when nothing comes for a while, or it takes too long in all."""
    silence = services_of(request).settings.BODY_SILENCE_SECONDS
    over = asyncio.get_running_loop().time() + storage.UPLOAD_SECONDS
    body = request.stream()
    while asyncio.get_running_loop().time() < over:
        try:
            async with asyncio.timeout(silence):
                piece = await anext(body, None)
        except TimeoutError:
            break
        except ClientDisconnect:
            raise BadInput("The request ended before its body did. Nothing was kept.") from None
        if piece is None:
            return
        yield piece
    raise TooSlow("The rest of the file did not come in time. Nothing was kept; send it again.")


def _fits(request: Request) -> storage.Fits:
    """What `if-match` and `if-none-match` ask of a file: nobody replaces what they have not seen (RFC 9110, 13)."""
    same = None if request.method in SAFE_METHODS else request.headers.get("if-match")
    other = request.headers.get("if-none-match")

    def fits(sha256: str) -> bool:
        return (same is None or _names(same, sha256)) and (other is None or not _names(other.replace("W/", ""), sha256))

    return fits


def _names(tags: str, sha256: str) -> bool:
    return bool(sha256) and bool({"*", f'"{sha256}"'} & {tag.strip() for tag in tags.split(",")})


def _span(headers: Mapping[str, str], row: Row[Any]) -> tuple[int, int] | None:
    """The bytes that were asked for, as [start, end); None when there are none. Several ranges are all of it."""
    found = _RANGE.fullmatch(headers.get("range", ""))
    if not found or headers.get("if-range", _tag(row)) != _tag(row) or not any(found.groups()):
        return 0, row.bytes
    first, last = found.groups()
    if not first:
        start, end = max(0, row.bytes - int(last)), row.bytes
    else:
        start, end = int(first), min(row.bytes, int(last) + 1 if last else row.bytes)
    if last and first and int(last) < int(first):
        return 0, row.bytes
    return (start, end) if start < end else None


def _tag(row: Row[Any]) -> str:
    return f'"{row.sha256}"'


def _disposition(row: Row[Any]) -> str:
    """Shown where it can do no harm, saved where it could. The name in both ways, for old programs too."""
    way = "inline" if row.type in storage.SHOWN else "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in row.name)
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(row.name, safe='')}"


def _address(name: str) -> str:
    return ADDRESS + quote(name, safe="")


def _asset(house: Storehouse, row: Row[Any]) -> dict[str, Any]:
    return {
        "name": row.name,
        "size_bytes": row.bytes,
        "type": row.type,
        "sha256": row.sha256,
        "stored_at": rfc3339(row.since),
        "url": _address(row.name),
        "price_month_usd": usd(storage.month_price(house.prices, row.bytes)),
    }


def _deleted(row: Row[Any]) -> dict[str, Any]:
    return {
        "name": row.name,
        "size_bytes": row.bytes,
        "type": row.type,
        "deleted_at": rfc3339(row.until or clock.now()),
        "restorable_until": rfc3339(row.purge_at),
    }
