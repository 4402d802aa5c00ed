"""Sessions of signed-in browsers, and the short-lived bearer tokens that hang on them."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from relay import clock
from relay.accounts.identity import SESSION_IDLE_MAX, TOKEN_PREFIX, Identity
from relay.accounts.secrets import hash_of, new_secret
from relay.errors import Forbidden, NotSignedIn
from relay.ids import new_id
from relay.tables import BearerToken, Session, table

sessions, tokens = table(Session), table(BearerToken)

SESSION_AGE_MAX = timedelta(days=30)
TOKEN_AGE_MAX = timedelta(minutes=15)


class SessionRow(NamedTuple):
    """A session as its owner sees it."""

    id: str
    device: str
    place: str
    created_at: datetime
    last_seen_at: datetime


class NewToken(NamedTuple):
    token: str
    expires_at: datetime


def open_session(connection: Connection, account_id: str, device: str, place: str) -> tuple[str, str]:
    """A new session's id and the token for its cookie, which is not kept."""
    token, now, session_id = new_secret(), clock.now(), new_id("ses")
    row = {
        "id": session_id,
        "token_hash": hash_of(token),
        "account_id": account_id,
        "device": device,
        "place": place,
    }
    moments = {"created_at": now, "last_seen_at": now, "expires_at": now + SESSION_AGE_MAX}
    connection.execute(insert(sessions), row | moments)
    return session_id, token


def list_sessions(connection: Connection, account_id: str) -> list[SessionRow]:
    """The account's live sessions, last seen first."""
    columns = (sessions.c[name] for name in SessionRow._fields)
    now = clock.now()
    query = select(*columns).where(
        sessions.c.account_id == account_id,
        sessions.c.expires_at > now,
        sessions.c.last_seen_at > now - SESSION_IDLE_MAX,
    )
    rows = connection.execute(query.order_by(sessions.c.last_seen_at.desc(), sessions.c.id))
    return [SessionRow(*row) for row in rows]


def end_session(connection: Connection, account_id: str, session_id: str) -> bool:
    """Ends one session of this account and its tokens. False when it has none of that id."""
    mine = (sessions.c.id == session_id, sessions.c.account_id == account_id)
    ended = connection.execute(delete(sessions).where(*mine)).rowcount == 1
    if ended:
        connection.execute(delete(tokens).where(tokens.c.session_id == session_id))
    return ended


def end_all_sessions(connection: Connection, account_id: str) -> int:
    """Ends every session and token of this account; how many sessions there were. API keys stay."""
    connection.execute(delete(tokens).where(tokens.c.account_id == account_id))
    return connection.execute(delete(sessions).where(sessions.c.account_id == account_id)).rowcount


def make_token(connection: Connection, identity: Identity) -> NewToken:
    """A 15-minute bearer for the panel on another site. Forbidden unless a session asks."""
    if identity.kind != "session":
        raise Forbidden("Only a signed-in browser can ask for a bearer token.")
    # The session may have ended since the request was recognised; the lock keeps it until the token is in.
    query = select(sessions.c.expires_at).where(sessions.c.id == identity.session_id).with_for_update()
    session_ends = connection.execute(query).scalar()
    if session_ends is None:
        raise NotSignedIn()
    token, expires_at = new_secret(TOKEN_PREFIX), min(clock.now() + TOKEN_AGE_MAX, session_ends)
    row = {"token_hash": hash_of(token), "account_id": identity.account_id, "session_id": identity.session_id}
    connection.execute(insert(tokens), row | {"expires_at": expires_at})
    return NewToken(token, expires_at)
