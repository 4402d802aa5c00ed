"""Mailed codes: asked for by a browser, mailed, tried at most five times, used once. Here they sign somebody in;
in `moving` and `closing` they prove that whoever is signed in reads that address.

The rows are also the limits of an address (a mail a minute, five codes an hour, ten a day): they outlive a
restart, and an index lets only one code of an address be open, whichever worker made it.
"""

import hmac
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from relay import clock
from relay.accounts.identity import Identity
from relay.accounts.mail_stops import mail_arrived
from relay.accounts.people import account_for
from relay.accounts.secrets import hash_of, new_code, new_secret, seal
from relay.accounts.sessions import open_session
from relay.database import Database
from relay.errors import CodeInvalid, Forbidden, TooMany
from relay.settings import Settings
from relay.tables import Session, SignInCode, table, upsert

codes, sessions = table(SignInCode), table(Session)

CODE_LIFE = timedelta(minutes=10)
TRIES_MAX = 5
MAIL_EVERY = timedelta(seconds=60)
ADDRESS_LIMITS = ((MAIL_EVERY, 1), (timedelta(hours=1), 5), (timedelta(days=1), 10))
"""How many codes an address gets in each span; with five tries a code, fifty guesses a day among a million.
"""
PENDING_LIFE = timedelta(hours=1)
Purpose = Literal["sign-in", "move-from", "move-to", "close"]
"""What a code is good for. The limits of an address span all of them."""


class Browser(NamedTuple):
    """Who asks: the pre-sign-in cookie that it sent, its kind in plain words, its coarse address, its
    session's token.
    """

    token: str
    device: str = ""
    place: str = ""
    session_token: str = ""


class MailedCode(NamedTuple):
    """What to mail. `key` is the same for the same code, so that a mail sent again arrives once."""

    email: str
    code: str
    key: str
    at: datetime


class CodeAnswer(NamedTuple):
    """The new pre-sign-in cookie, always; and the mail, unless the address has had enough of them."""

    browser_token: str
    mailed: MailedCode | None


class NewSession(NamedTuple):
    token: str
    identity: Identity
    is_new_account: bool


async def request_code(database: Database, settings: Settings, email: str, browser: Browser) -> CodeAnswer:
    """Makes the newest code of a normalised address, bound to a new browser token. Accounts are not looked
    at.

    Within a limit nothing is mailed and the open code stays; the browser that asked for it is bound anew.
    """
    answer_token, code = new_secret(), new_code()
    wanted = Wanted(email, "sign-in", hash_of(answer_token), hash_code(settings, "sign-in", email, code))
    old_hash = hash_of(browser.token)
    code_id = await database.write(lambda connection: issue(connection, wanted, old_hash))
    return CodeAnswer(answer_token, mailed(wanted, code_id, code) if code_id else None)


async def verify_code(database: Database, settings: Settings, email: str, code: str, browser: Browser) -> NewSession:
    """Signs the browser in, opening the account if it is new. CodeInvalid; TooMany when the code's tries are
    used up.

    Two transactions: the try is on disk before the code is compared, so no crash and no race gives a sixth.
    """
    browser_hash = hash_of(browser.token)
    tried = await database.write(lambda connection: count_try(connection, email, "sign-in", browser_hash))
    if not hmac.compare_digest(tried.code_hmac, hash_code(settings, "sign-in", email, code)):
        raise CodeInvalid()
    return await database.write(lambda connection: _sign_in(connection, settings, tried.id, email, browser))


def pending_email(connection: Connection, browser_token: str) -> str | None:
    """The address that this browser last asked a code for: the code page knows it without keeping it in the
    URL.
    """
    now = clock.now()
    mine = (
        codes.c.browser_hash == hash_of(browser_token),
        codes.c.purpose == "sign-in",
        codes.c.created_at > now - PENDING_LIFE,
    )
    return connection.execute(select(codes.c.email).where(*mine).order_by(codes.c.id.desc()).limit(1)).scalar()


class Wanted(NamedTuple):
    """A code to be made. `bound_to` is the hash of what must be shown with it: a browser's token, a session's id."""

    email: str
    purpose: Purpose
    bound_to: str
    code_hmac: str


class Tried(NamedTuple):
    id: int
    code_hmac: str


def hash_code(settings: Settings, purpose: Purpose, email: str, code: str) -> str:
    """A code made for one purpose is nothing for another: each has a key of its own."""
    return seal(settings, f"{purpose} code", email, code)


def mailed(wanted: Wanted, code_id: int, code: str) -> MailedCode:
    return MailedCode(wanted.email, code, f"{wanted.purpose}-code-{code_id}-{wanted.code_hmac[:16]}", clock.now())


def issue(connection: Connection, wanted: Wanted, old_bound_to: str) -> int | None:
    """The new code's id; None when the address is at a limit, or another worker has just made one."""
    now = clock.now()
    same_purpose = (codes.c.email == wanted.email, codes.c.purpose == wanted.purpose)
    if is_limited(connection, wanted.email, now):
        same_browser = (*same_purpose, codes.c.browser_hash == old_bound_to)
        connection.execute(update(codes).where(*same_browser).values(browser_hash=wanted.bound_to))
        return None
    still_open = (*same_purpose, codes.c.ended_at.is_(None))
    connection.execute(update(codes).where(*still_open).values(ended_at=now))
    row = {
        "email": wanted.email,
        "purpose": wanted.purpose,
        "code_hmac": wanted.code_hmac,
        "browser_hash": wanted.bound_to,
        "tries": 0,
    }
    added = upsert(connection, codes).values(row | {"created_at": now, "expires_at": now + CODE_LIFE})
    return connection.execute(added.on_conflict_do_nothing().returning(codes.c.id)).scalar()


def is_limited(connection: Connection, email: str, now: datetime) -> bool:
    counts = [func.count().filter(codes.c.created_at > now - span) for span, _ in ADDRESS_LIMITS]
    longest = max(span for span, _ in ADDRESS_LIMITS)
    # A clock that was wrongly ahead leaves codes in the future: they would lock the address until then.
    recent = (codes.c.email == email, codes.c.created_at > now - longest, codes.c.created_at <= now)
    found = connection.execute(select(*counts).where(*recent)).one()
    return any(count >= most for count, (_, most) in zip(found, ADDRESS_LIMITS, strict=True))


def count_try(connection: Connection, email: str, purpose: Purpose, bound_to: str) -> Tried:
    """Counts a try on the open code of this address and browser: a stranger's guesses cannot use up
    somebody's tries.
    """
    live = _is_live(email, purpose, bound_to, clock.now())
    counted = update(codes).where(live, codes.c.tries < TRIES_MAX).values(tries=codes.c.tries + 1)
    row = connection.execute(counted.returning(codes.c.id, codes.c.code_hmac)).first()
    if row:
        return Tried(*row)
    created_at = connection.execute(select(codes.c.created_at).where(live)).scalar()
    if created_at is None:
        raise CodeInvalid()
    wait = MAIL_EVERY - (clock.now() - created_at)
    raise TooMany(
        "That was wrong too often, and the code no longer works. Ask for a new one.",
        retry_after=max(1, round(wait.total_seconds())),
    )


def _is_live(email: str, purpose: Purpose, bound_to: str, now: datetime) -> ColumnElement[bool]:
    """Not before it was made either: a clock that is set back must not bring a code to life again."""
    mine = (codes.c.email == email) & (codes.c.purpose == purpose) & (codes.c.browser_hash == bound_to)
    return mine & codes.c.ended_at.is_(None) & (codes.c.created_at <= now) & (codes.c.expires_at > now)


def _sign_in(connection: Connection, settings: Settings, code_id: int, email: str, browser: Browser) -> NewSession:
    mail_arrived(connection, email, use(connection, code_id))
    person = account_for(connection, settings, email)
    if person.is_closed:
        raise Forbidden("This account is closed.")
    if browser.session_token:
        connection.execute(delete(sessions).where(sessions.c.token_hash == hash_of(browser.session_token)))
    session_id, token = open_session(connection, person.account_id, browser.device, browser.place)
    identity = Identity(person.account_id, email, "session", session_id, blocked=person.is_blocked)
    return NewSession(token, identity, person.is_new)


def use(connection: Connection, code_id: int) -> datetime:
    """Ends a code that was right; when it was mailed. CodeInvalid when it has ended since it was tried."""
    unused = (codes.c.id == code_id, codes.c.ended_at.is_(None))
    used = update(codes).where(*unused).values(ended_at=clock.now())
    mailed_at = connection.execute(used.returning(codes.c.created_at)).scalar()
    if mailed_at is None:
        raise CodeInvalid()
    return mailed_at
