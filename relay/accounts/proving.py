"""Codes for somebody who is signed in: made for one purpose, bound to their session, asked back by the same rules."""

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from relay import clock
from relay.accounts.codes import (
    MAIL_EVERY,
    MailedCode,
    Purpose,
    Tried,
    Wanted,
    codes,
    count_try,
    hash_code,
    issue,
    mailed,
)
from relay.accounts.identity import Identity, is_still_valid
from relay.accounts.secrets import hash_of, new_code
from relay.database import Database
from relay.errors import CodeInvalid, Forbidden, NotSignedIn, TooMany
from relay.settings import Settings


class Proof(NamedTuple):
    """A code that somebody gave back: for which address, and what it shall allow."""

    email: str
    purpose: Purpose
    code: str


def make_code(
    connection: Connection, settings: Settings, identity: Identity, email: str, purpose: Purpose
) -> MailedCode | None:
    """What to mail; None when the address has had enough of it, whoever asked."""
    code, bound_to = new_code(), hash_of(identity.session_id)
    wanted = Wanted(email, purpose, bound_to, hash_code(settings, purpose, email, code))
    code_id = issue(connection, wanted, bound_to)
    return mailed(wanted, code_id, code) if code_id else None


def make_own_code(connection: Connection, settings: Settings, identity: Identity, purpose: Purpose) -> MailedCode:
    """The same for one's own address. TooMany tells when to ask again: nobody else learns it."""
    made = make_code(connection, settings, identity, identity.email, purpose)
    if made is None:
        newest = select(codes.c.created_at).where(codes.c.email == identity.email).order_by(codes.c.id.desc()).limit(1)
        since = clock.now() - (connection.execute(newest).scalar() or clock.now())
        wait = round((MAIL_EVERY - since).total_seconds())
        raise TooMany(
            "Your address has just had a code. Wait a minute and ask again."
            if wait > 0
            else "Your address has had many codes. Try again in an hour.",
            retry_after=wait if wait > 0 else 3600,
        )
    return made


async def prove(
    database: Database, settings: Settings, identity: Identity, proofs: tuple[Proof, ...]
) -> tuple[Tried, ...]:
    """The codes that were tried, all of them right. CodeInvalid when any is not, TooMany when one is used up.

    As when signing in, each try is on disk before anything is compared; `codes.use` then ends them.
    """
    bound_to = hash_of(identity.session_id)
    tried = await database.write(
        lambda connection: tuple(count_try(connection, p.email, p.purpose, bound_to) for p in proofs)
    )
    # Every one is compared, so that the time does not tell which was wrong.
    right = [
        hmac.compare_digest(t.code_hmac, hash_code(settings, p.purpose, p.email, p.code))
        for p, t in zip(proofs, tried, strict=True)
    ]
    if not all(right):
        raise CodeInvalid()
    return tried


def pending_address(connection: Connection, identity: Identity, purpose: Purpose) -> str | None:
    """The address that this session last asked such a code for, while it can still be given back."""
    mine = (
        codes.c.browser_hash == hash_of(identity.session_id),
        codes.c.purpose == purpose,
        codes.c.ended_at.is_(None),
        codes.c.expires_at > clock.now(),
    )
    return connection.execute(select(codes.c.email).where(*mine).order_by(codes.c.id.desc()).limit(1)).scalar()


def end_codes(connection: Connection, identity: Identity, purposes: Sequence[Purpose]) -> int:
    """Ends those that this session asked for and has not given back; how many there were."""
    mine = (codes.c.browser_hash == hash_of(identity.session_id), codes.c.purpose.in_(purposes))
    ended = update(codes).where(*mine, codes.c.ended_at.is_(None)).values(ended_at=clock.now())
    return connection.execute(ended).rowcount


def refuse_unless_session(connection: Connection, identity: Identity) -> None:
    """Forbidden for a key or a token, NotSignedIn when the session has ended since it was recognised."""
    if identity.kind != "session":
        raise Forbidden("Only a signed-in browser can do this.")
    if not is_still_valid(connection, identity):
        raise NotSignedIn()
