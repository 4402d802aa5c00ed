"""Forgetting: what can no longer sign anybody in is deleted. The clock's tick calls it."""

from datetime import timedelta

from sqlalchemy import Connection, delete, or_, select

from relay import clock
from relay.accounts.identity import SESSION_IDLE_MAX
from relay.tables import BearerToken, Session, SignInCode, table

codes, sessions, tokens = table(SignInCode), table(Session), table(BearerToken)

CODES_KEPT = timedelta(days=2)
"""Longer than the daily cap looks back."""


def forget_expired(connection: Connection) -> int:
    """Deletes codes, sessions and tokens that are past use; how many."""
    now = clock.now()
    dead = or_(sessions.c.expires_at <= now, sessions.c.last_seen_at <= now - SESSION_IDLE_MAX)
    gone = select(sessions.c.id).where(dead)
    steps = (
        delete(codes).where(codes.c.created_at < now - CODES_KEPT),
        delete(tokens).where(or_(tokens.c.expires_at <= now, tokens.c.session_id.in_(gone))),
        delete(sessions).where(dead),
    )
    return sum(connection.execute(step).rowcount for step in steps)
