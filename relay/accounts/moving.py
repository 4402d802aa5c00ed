"""A new e-mail address for an account: a code to the old one and a code to the new one, both given back together.

Until both are, nothing is told of the new address: neither whether somebody has an account there, nor whether it
has had too many codes.
"""

from typing import NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from relay.accounts.codes import MailedCode, Tried, use
from relay.accounts.identity import Identity
from relay.accounts.proving import (
    Proof,
    end_codes,
    make_code,
    make_own_code,
    pending_address,
    prove,
    refuse_unless_session,
)
from relay.database import Database
from relay.errors import BadInput, CodeInvalid, Conflict
from relay.settings import Settings
from relay.tables import Account, table

accounts = table(Account)


class MoveCodes(NamedTuple):
    """What to mail. `new` is None when the new address has had too many codes; the person is not told so."""

    old: MailedCode
    new: MailedCode | None


class Moved(NamedTuple):
    account_id: str
    old_email: str
    new_email: str


async def request_move(database: Database, settings: Settings, identity: Identity, new_email: str) -> MoveCodes:
    """Two codes for a normalised new address. BadInput when it is the present one; TooMany for one's own address."""
    if new_email == identity.email:
        raise BadInput("This is your address already.")
    return await database.write(lambda connection: _make_codes(connection, settings, identity, new_email))


async def confirm_move(
    database: Database, settings: Settings, identity: Identity, old_code: str, new_code: str
) -> Moved:
    """The account is at its new address. CodeInvalid, TooMany; Conflict when somebody has an account there."""
    new_email = await database.read(lambda connection: pending_move(connection, identity))
    if new_email is None:
        raise CodeInvalid()
    proofs = (Proof(identity.email, "move-from", old_code), Proof(new_email, "move-to", new_code))
    tried = await prove(database, settings, identity, proofs)
    try:
        return await database.write(lambda connection: _move(connection, identity, new_email, tried))
    except IntegrityError:
        raise _taken() from None


def pending_move(connection: Connection, identity: Identity) -> str | None:
    """The new address whose codes this session can still give back."""
    return pending_address(connection, identity, "move-to")


def cancel_move(connection: Connection, identity: Identity) -> bool:
    """Ends both codes: the account stays where it is. False when nothing was pending. Forbidden, NotSignedIn."""
    refuse_unless_session(connection, identity)
    return end_codes(connection, identity, ("move-from", "move-to")) > 0


def _make_codes(connection: Connection, settings: Settings, identity: Identity, new_email: str) -> MoveCodes:
    refuse_unless_session(connection, identity)
    old = make_own_code(connection, settings, identity, "move-from")
    return MoveCodes(old, make_code(connection, settings, identity, new_email, "move-to"))


def _move(connection: Connection, identity: Identity, new_email: str, tried: tuple[Tried, ...]) -> Moved:
    refuse_unless_session(connection, identity)
    for code in tried:
        use(connection, code.id)
    if connection.execute(select(accounts.c.id).where(accounts.c.email == new_email)).first():
        raise _taken()
    # The old address in the condition: of two moves at once, only the first finds the account where it was.
    here = (accounts.c.id == identity.account_id, accounts.c.email == identity.email)
    if connection.execute(update(accounts).where(*here).values(email=new_email)).rowcount != 1:
        raise CodeInvalid()
    return Moved(identity.account_id, identity.email, new_email)


def _taken() -> Conflict:
    return Conflict("There is an account with that address already. Sign in there and delete it first.")
