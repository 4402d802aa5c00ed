"""Personal API keys: shown once, kept hashed, revocable, each with a cap of its own."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from relay import clock
from relay.accounts.identity import KEY_PREFIX
from relay.accounts.secrets import hash_of, new_secret
from relay.errors import BadInput, Conflict, NotFound, TooMany
from relay.ids import new_id
from relay.tables import Account, ApiKey, table

accounts, keys = table(Account), table(ApiKey)

NAME_LENGTH_MAX = 100
KEYS_MAX = 50
"""Live keys of one account: more is a program that forgets them."""
KEYS_PER_DAY_MAX = 200
"""Revoked ones count, as their rows stay with what they spent."""
CAP_PICO_MAX = 2**63 - 1
_JOINERS = re.compile("[\u200c\u200d]")
"""Nobody sees them, and Persian words and many emoji are spelt with them."""


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
    """The new key, told this once, and its row. BadInput on a bad name or cap, Conflict when there are too many."""
    _refuse_one_too_many(connection, account_id)
    key = new_secret(KEY_PREFIX)
    row = KeyRow(new_id("key"), _clean(name), key[-4:], clock.now(), None, _checked(cap_pico), 0)
    secret = {"account_id": account_id, "key_hash": hash_of(key)}
    connection.execute(insert(keys), row._asdict() | secret)
    return key, row


def list_keys(connection: Connection, account_id: str) -> list[KeyRow]:
    """The account's live keys, newest first."""
    mine = (keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
    columns = (keys.c[name] for name in KeyRow._fields)
    rows = connection.execute(select(*columns).where(*mine).order_by(keys.c.created_at.desc(), keys.c.id))
    return [KeyRow(*row) for row in rows]


def rename_key(connection: Connection, account_id: str, key_id: str, name: str) -> KeyRow:
    """The key by its new name. NotFound when the account has no live key of that id; BadInput on a bad name."""
    return _change(connection, account_id, key_id, name=_clean(name))


def cap_key(connection: Connection, account_id: str, key_id: str, cap_pico: int | None) -> KeyRow:
    """The key with its new cap, None for none. It counts at the next call; NotFound and BadInput as above."""
    return _change(connection, account_id, key_id, cap_pico=_checked(cap_pico))


def revoke_key(connection: Connection, account_id: str, key_id: str) -> None:
    """Ends a key of this account, at once and for good. NotFound when it has no live key of that id."""
    _change(connection, account_id, key_id, revoked_at=clock.now())


def _refuse_one_too_many(connection: Connection, account_id: str) -> None:
    # The account is locked, so two that ask at once cannot both be the last that fits.
    connection.execute(select(accounts.c.id).where(accounts.c.id == account_id).with_for_update())
    live, today = connection.execute(
        select(
            func.count().filter(keys.c.revoked_at.is_(None)),
            func.count().filter(keys.c.created_at > clock.now() - timedelta(days=1)),
        ).where(keys.c.account_id == account_id)
    ).one()
    if live >= KEYS_MAX:
        raise Conflict(f"An account has at most {KEYS_MAX} keys. Revoke one that is not used.")
    if today >= KEYS_PER_DAY_MAX:
        raise TooMany(f"An account makes at most {KEYS_PER_DAY_MAX} keys a day.", retry_after=3600)


def _change(connection: Connection, account_id: str, key_id: str, **values: object) -> KeyRow:
    changed = update(keys).where(*_live(account_id, key_id)).values(**values)
    row = connection.execute(changed.returning(*(keys.c[name] for name in KeyRow._fields))).first()
    if row is None:
        raise NotFound("There is no such key. It may have been revoked before.")
    return KeyRow(*row)


def _live(account_id: str, key_id: str) -> tuple[ColumnElement[bool], ...]:
    return (keys.c.id == key_id, keys.c.account_id == account_id, keys.c.revoked_at.is_(None))


def _checked(cap_pico: int | None) -> int | None:
    if cap_pico is not None and not 0 <= cap_pico <= CAP_PICO_MAX:
        raise BadInput("A key's cap is zero or more.")
    return cap_pico


def _clean(name: str) -> str:
    name = " ".join(name.split()) or "API key"
    if len(name) > NAME_LENGTH_MAX or not _JOINERS.sub("", name).isprintable():
        raise BadInput(f"A key's name is at most {NAME_LENGTH_MAX} printable characters.")
    return name
