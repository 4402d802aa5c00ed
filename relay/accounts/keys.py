"""Personal API keys: shown once, kept hashed, revocable, each with a cap of its own."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from relay import clock
from relay.accounts.identity import KEY_PREFIX
from relay.accounts.secrets import hash_of, new_secret
from relay.errors import BadInput, Conflict
from relay.ids import new_id
from relay.tables import ApiKey, table

keys = table(ApiKey)

NAME_LENGTH_MAX = 100
KEYS_MAX = 50
"""Live keys of one account: more is a program that forgets them."""


class KeyRow(NamedTuple):
    """A key as its owner sees it: never the key itself, only its last four characters."""

    id: str
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    cap_pico: int | None
    spent_pico: int


def create_key(
    connection: Connection, account_id: str, name: str = "", cap_pico: int | None = None
) -> tuple[str, KeyRow]:
    """The new key, told this once, and its row. BadInput on a bad name or cap, Conflict when there are too
    many.
    """
    if cap_pico is not None and not 0 <= cap_pico < 2**63:
        raise BadInput("A key's cap is zero or more.")
    mine = (keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
    if connection.execute(select(func.count()).select_from(keys).where(*mine)).scalar_one() >= KEYS_MAX:
        raise Conflict(f"An account has at most {KEYS_MAX} keys. Revoke one that is not used.")
    key = new_secret(KEY_PREFIX)
    row = KeyRow(new_id("key"), _clean(name), key[-4:], clock.now(), None, cap_pico, 0)
    secret = {"account_id": account_id, "key_hash": hash_of(key), "held_pico": 0}
    connection.execute(insert(keys), row._asdict() | secret)
    return key, row


def list_keys(connection: Connection, account_id: str) -> list[KeyRow]:
    """The account's live keys, newest first."""
    mine = (keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
    columns = (keys.c[name] for name in KeyRow._fields)
    rows = connection.execute(select(*columns).where(*mine).order_by(keys.c.created_at.desc(), keys.c.id))
    return [KeyRow(*row) for row in rows]


def revoke_key(connection: Connection, account_id: str, key_id: str) -> bool:
    """Ends a key of this account, at once and for good. False when there is none."""
    mine = (keys.c.id == key_id, keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
    return connection.execute(update(keys).where(*mine).values(revoked_at=clock.now())).rowcount == 1


def _clean(name: str) -> str:
    name = " ".join(name.split()) or "API key"
    if len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise BadInput(f"A key's name is at most {NAME_LENGTH_MAX} printable characters.")
    return name
