"""Sessions of signed-in browsers."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from relay import clock
from relay.accounts.identity import SESSION_IDLE_MAX
from relay.accounts.secrets import hash_of, new_secret
from relay.ids import new_id
from relay.tables import BearerToken, Session, table

sessions, tokens = table(Session), table(BearerToken)

SESSION_AGE_MAX = timedelta(days=30)


class SessionRow(NamedTuple):
    """A session as its owner sees it."""

    id: str
    device: str
    place: str
    created_at: datetime
    last_seen_at: datetime


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
