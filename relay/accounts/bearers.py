"""Short-lived bearer tokens, for the panel on another site. Each hangs on what it was made with, and ends with it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from relay import clock
from relay.accounts.identity import TOKEN_PREFIX, Identity
from relay.accounts.secrets import hash_of, new_secret
from relay.errors import Forbidden, NotSignedIn
from relay.tables import ApiKey, BearerToken, Session, table

sessions, keys, tokens = table(Session), table(ApiKey), table(BearerToken)

TOKEN_AGE_MAX = timedelta(minutes=15)
RENEWED_FOR = timedelta(hours=12)
"""After the signed-in browser was last asked. A copy of a token that was stolen lives no longer either."""


class NewToken(NamedTuple):
    token: str
    expires_at: datetime


def make_token(connection: Connection, identity: Identity) -> NewToken:
    """A 15-minute bearer for who shows a session or an API key. Forbidden for a bearer, which is renewed instead."""
    if identity.kind == "token":
        raise Forbidden("A bearer token makes no other. It may be renewed at /api/auth/token/renew.")
    if identity.kind == "key":
        return _made_by_key(connection, identity)
    return _made_in_session(connection, identity, clock.now() + RENEWED_FOR)


def renew_token(connection: Connection, identity: Identity) -> NewToken:
    """Another 15 minutes for a bearer that a signed-in browser made, up to 12 hours after it did. Forbidden else."""
    if identity.renewable_until is None or identity.renewable_until <= clock.now():
        raise Forbidden("This cannot be renewed. Ask the signed-in browser, or your own back end, for a new token.")
    return _made_in_session(connection, identity, identity.renewable_until)


def _made_in_session(connection: Connection, identity: Identity, renewable_until: datetime) -> NewToken:
    # The session may have ended since the request was recognised; the lock keeps it until the token is in.
    query = select(sessions.c.expires_at).where(sessions.c.id == identity.session_id).with_for_update()
    session_ends = connection.execute(query).scalar()
    if session_ends is None:
        raise NotSignedIn()
    until = min(renewable_until, session_ends)
    return _keep(connection, identity, min(clock.now() + TOKEN_AGE_MAX, until), until)


def _made_by_key(connection: Connection, identity: Identity) -> NewToken:
    query = select(keys.c.id).where(keys.c.id == identity.key_id, keys.c.revoked_at.is_(None)).with_for_update()
    if connection.execute(query).scalar() is None:
        raise NotSignedIn()
    return _keep(connection, identity, clock.now() + TOKEN_AGE_MAX, None)


def _keep(
    connection: Connection, identity: Identity, expires_at: datetime, renewable_until: datetime | None
) -> NewToken:
    token = new_secret(TOKEN_PREFIX)
    row = {
        "token_hash": hash_of(token),
        "account_id": identity.account_id,
        "session_id": identity.session_id,
        "key_id": identity.key_id,
    }
    connection.execute(insert(tokens), row | {"expires_at": expires_at, "renewable_until": renewable_until})
    return NewToken(token, expires_at)
