"""`/api/keys`: an account's API keys. Only a signed-in browser makes or changes them; a key may read, and end itself.

Otherwise a key that leaked could make another before it is revoked, and a capped one could raise its own cap.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import accounts
from relay.accounts import Identity, KeyRow
from relay.clock import rfc3339
from relay.endpoints.answers import NO_STORE, JsonAnswer, read_fields, text_field
from relay.endpoints.callers import services_of, signed_in
from relay.errors import BadInput, Forbidden, NotFound
from relay.money import pico_from_usd, usd


async def get_keys(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    found = await services_of(request).database.read(lambda c: accounts.list_keys(c, account_id))
    return JsonAnswer({"keys": [_key(row) for row in found], "most": accounts.KEYS_MAX})


async def create_key(request: Request) -> Response:
    account_id = (await _owner(request)).account_id
    fields = await read_fields(request)
    name, cap_pico = text_field(fields, "name"), _cap(fields)
    create = partial(accounts.create_key, account_id=account_id, name=name, cap_pico=cap_pico)
    key, row = await services_of(request).database.write(create)
    return JsonAnswer({"key": key, **_key(row)}, 201)


async def change_key(request: Request) -> Response:
    account_id = (await _owner(request)).account_id
    key_id = _named_in(request)
    fields = await read_fields(request)
    if not fields.keys() & {"name", "cap_usd"}:
        raise BadInput("Send `name`, `cap_usd`, or both.")
    name = text_field(fields, "name") if "name" in fields else None
    change = partial(_change, account_id=account_id, key_id=key_id, name=name, fields=fields)
    return JsonAnswer(_key(await services_of(request).database.write(change)))


async def revoke_key(request: Request) -> Response:
    identity, key_id = await signed_in(request), _named_in(request)
    if identity.kind != "session" and identity.key_id != key_id:
        raise Forbidden("Only a signed-in browser can revoke another key.")
    services = services_of(request)
    await services.database.write(lambda c: accounts.revoke_key(c, identity.account_id, key_id))
    services.hub.ended(key_id)
    return Response(status_code=204, headers=NO_STORE)


def _named_in(request: Request) -> str:
    key_id: str = request.path_params["key_id"]
    if "\0" in key_id:
        # PostgreSQL would refuse the question itself.
        raise NotFound("There is no such key.")
    return key_id


routes = [
    Route("/api/keys", get_keys, methods=["GET"]),
    Route("/api/keys", create_key, methods=["POST"]),
    Route("/api/keys/{key_id}", change_key, methods=["PATCH"]),
    Route("/api/keys/{key_id}", revoke_key, methods=["DELETE"]),
]


async def _owner(request: Request) -> Identity:
    identity = await signed_in(request)
    if identity.kind != "session":
        raise Forbidden("Only a signed-in browser can make or change keys.")
    return identity


def _change(
    connection: Connection, account_id: str, key_id: str, name: str | None, fields: Mapping[str, object]
) -> KeyRow:
    row: KeyRow | None = None
    if name is not None:
        row = accounts.rename_key(connection, account_id, key_id, name)
    if "cap_usd" in fields:
        row = accounts.cap_key(connection, account_id, key_id, _cap(fields))
    assert row is not None  # one of the two was sent
    return row


def _cap(fields: Mapping[str, object]) -> int | None:
    """`cap_usd` in pico-dollars. None when it is null, empty (as a form sends it) or not there."""
    given = fields.get("cap_usd")
    if given is None or given == "":
        return None
    try:
        return pico_from_usd(given)
    except ValueError as error:
        raise BadInput(f"`cap_usd`: {error}, or null for none.") from None


def _key(row: KeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "created_at": rfc3339(row.created_at),
        "last_used_at": row.last_used_at and rfc3339(row.last_used_at),
        "cap_usd": None if row.cap_pico is None else usd(row.cap_pico),
        "spent_usd": usd(row.spent_pico),
    }
