"""Who a request comes from: a credential out of its headers, and the account behind it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, or_, select, update

from relay import clock
from relay.accounts.secrets import hash_of
from relay.database import Database
from relay.prepared import Prepared, among
from relay.tables import Account, ApiKey, BearerToken, Session, table

accounts, sessions, keys, tokens = table(Account), table(Session), table(ApiKey), table(BearerToken)

_Query = tuple[Any, Any, Callable[[Row[Any]], "Identity"]]
"""A select of live credentials, its column of hashes, and how a row is read."""
Kind = Literal["session", "key", "token"]
SESSION_IDLE_MAX = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
KEY_PREFIX = "ak_"
TOKEN_PREFIX = "at_"  # noqa: S105 (how a token begins, not one)
SESSION_COOKIE = "session"


class Whereabouts(NamedTuple):
    """What a session is used with, and from where: `Chrome on macOS`, and a coarse address."""

    device: str
    place: str


class Credential(NamedTuple):
    """What a request shows; `hash` is the SHA-256 in hex of its secret."""

    kind: Kind
    hash: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. A bearer token has the `session_id`, or the `key_id` and cap, of what made it: it ends with that."""

    account_id: str
    email: str
    kind: Kind
    session_id: str = ""
    key_id: str = ""
    key_cap_pico: int | None = None
    blocked: bool = False
    seen_at: datetime | None = None
    time_zone: str = ""
    locale: str = ""
    renewable_until: datetime | None = None


def credential_from_headers(
    cookie: str | None, authorization: str | None = None, x_api_key: str | None = None
) -> Credential | None:
    """What these headers show. One that was sent on purpose wins over the cookie, even when it turns out
    wrong.
    """
    if x_api_key:
        return _from_secret(x_api_key.strip())
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return _from_secret(secret.strip())
    token = cookie_value(cookie, SESSION_COOKIE)
    return Credential("session", hash_of(token)) if token else None


def cookies_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The Cookie header among an ASGI scope's headers, put together again where a proxy has split it."""
    return b"; ".join(value for name, value in headers if name == b"cookie").decode("latin-1")


def cookie_value(header: str | None, name: str) -> str:
    """A cookie's value, or ''. Two different ones of one name are nobody's: a neighbouring site may have planted one,
    and whoever acts under it would buy and ask for somebody else.
    """
    found = cookie_values(header, name)
    return found[0] if len(found) == 1 else ""


def cookie_values(header: str | None, name: str) -> list[str]:
    """Every different value that a cookie of this name was sent with, as they come."""
    pairs = (pair.strip().partition("=") for pair in (header or "").split(";"))
    return list(dict.fromkeys(value.strip('"') for key, _, value in pairs if key == name))


def _from_secret(secret: str) -> Credential:
    return Credential("token" if secret.startswith(TOKEN_PREFIX) else "key", hash_of(secret))


async def recognise(
    database: Database, credential: Credential | None, whereabouts: Callable[[], Whereabouts] | None = None
) -> Identity | None:
    """Who shows this credential. Notes when it was seen, and a session's whereabouts, once a minute, without making
    the request wait.
    """
    if credential is None:
        return None
    identity: Identity | None = await database.look_up(identify, credential)
    if identity and identity.kind != "token" and _is_due(identity.seen_at):
        where = whereabouts() if whereabouts and identity.kind == "session" else None
        database.post(_note_seen, _Seen(identity.kind, identity.session_id or identity.key_id, where))
    return identity


def identify(connection: Connection, credentials: Sequence[Credential]) -> list[Identity | None]:
    """Who each credential belongs to, None for unknown, ended, expired or revoked: one query a kind."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for credential in credentials:
        wanted[credential.kind].add(credential.hash)
    known: dict[Credential, Identity] = {}
    for kind, hashes in wanted.items():
        statement, read = _BY_HASH[kind]
        for row in statement.all(connection, hashes=sorted(hashes), **_moments()):
            known[Credential(kind, row.hash)] = read(row)  # pyright: ignore[reportArgumentType]
    return [known.get(credential) for credential in credentials]


def is_still_valid(connection: Connection, identity: Identity) -> bool:
    """For what stays open after its request was recognised (a stream, a socket): has its session or key ended
    since?
    """
    query, column = (_keys()[0], keys.c.id) if identity.key_id else (_sessions()[0], sessions.c.id)
    this_one = query.where(column == (identity.key_id or identity.session_id))
    return connection.execute(this_one, _moments()).first() is not None


def _sessions() -> _Query:
    query = (
        select(sessions.c.token_hash.label("hash"), sessions.c.id, sessions.c.last_seen_at, *_person(), *_reads())
        .join(accounts, accounts.c.id == sessions.c.account_id)
        .where(accounts.c.closed_at.is_(None), *_alive())
    )
    return query, sessions.c.token_hash, _session_identity


def _keys() -> _Query:
    query = (
        select(keys.c.key_hash.label("hash"), keys.c.id, keys.c.cap_pico, keys.c.last_used_at, *_person())
        .join(accounts, accounts.c.id == keys.c.account_id)
        .where(accounts.c.closed_at.is_(None), keys.c.revoked_at.is_(None))
    )
    return query, keys.c.key_hash, _key_identity


def _tokens() -> _Query:
    made_by = (tokens.c.session_id, tokens.c.key_id, tokens.c.renewable_until)
    query = (
        select(tokens.c.token_hash.label("hash"), *made_by, keys.c.cap_pico, *_person())
        .join(accounts, accounts.c.id == tokens.c.account_id)
        .outerjoin(sessions, and_(sessions.c.id == tokens.c.session_id, *_alive()))
        .outerjoin(keys, and_(keys.c.id == tokens.c.key_id, keys.c.revoked_at.is_(None)))
        .where(accounts.c.closed_at.is_(None), tokens.c.expires_at > bindparam("now"))
        .where(or_(sessions.c.id.is_not(None), keys.c.id.is_not(None)))
    )
    return query, tokens.c.token_hash, _token_identity


def _person() -> tuple[Any, ...]:
    return accounts.c.id.label("account_id"), accounts.c.email, accounts.c.blocked_at


def _reads() -> tuple[Any, ...]:
    return accounts.c.time_zone, accounts.c.locale


def _alive() -> tuple[Any, Any]:
    return sessions.c.expires_at > bindparam("now"), sessions.c.last_seen_at > bindparam("seen_after")


def _moments() -> dict[str, datetime]:
    now = clock.now()
    return {"now": now, "seen_after": now - SESSION_IDLE_MAX}


def _session_identity(row: Row[Any]) -> Identity:
    blocked = row.blocked_at is not None
    return Identity(
        row.account_id,
        row.email,
        "session",
        row.id,
        blocked=blocked,
        seen_at=row.last_seen_at,
        time_zone=row.time_zone,
        locale=row.locale,
    )


def _key_identity(row: Row[Any]) -> Identity:
    blocked = row.blocked_at is not None
    return Identity(row.account_id, row.email, "key", "", row.id, row.cap_pico, blocked, row.last_used_at)


def _token_identity(row: Row[Any]) -> Identity:
    return Identity(
        row.account_id,
        row.email,
        "token",
        row.session_id,
        row.key_id,
        row.cap_pico,
        row.blocked_at is not None,
        renewable_until=row.renewable_until,
    )


def _by_hash(query: _Query) -> tuple[Prepared, Callable[[Row[Any]], Identity]]:
    select_one, column, read = query
    return Prepared(select_one.where(among(column, "hashes"))), read


_BY_HASH = {"session": _by_hash(_sessions()), "key": _by_hash(_keys()), "token": _by_hash(_tokens())}


def _is_due(seen_at: datetime | None) -> bool:
    return seen_at is None or abs(clock.now() - seen_at) >= SEEN_EVERY


class _Seen(NamedTuple):
    kind: Kind
    id: str
    where: Whereabouts | None


def _note_seen(connection: Connection, seen: Sequence[_Seen]) -> list[None]:
    now = clock.now()
    at = {each.id: each.where for each in seen if each.where}
    used = (each.id for each in seen if each.kind == "session" and each.id not in at)
    _set_seen(connection, sessions, sessions.c.last_seen_at, used, now)
    _set_seen(connection, keys, keys.c.last_used_at, (each.id for each in seen if each.kind == "key"), now)
    if at:
        connection.execute(_SEEN_AT, [{"session": i, "now": now, **where._asdict()} for i, where in sorted(at.items())])
    return [None] * len(seen)


_SEEN_AT = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"))
    .values(last_seen_at=bindparam("now"), device=bindparam("device"), place=bindparam("place"))
)


def _set_seen(connection: Connection, where: Any, column: Any, ids: Iterable[str], now: datetime) -> None:
    wanted = sorted(set(ids))
    if wanted:
        connection.execute(update(where).where(where.c.id.in_(wanted)).values({column: now}))
