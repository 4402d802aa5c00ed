"""Deleting an account: what names the person goes at once, what counts money stays under nobody's name.

Sessions, tokens and keys end in one transaction with the change of address, so streams that are open end and settle
on the account that was. Its address is free, and whoever comes with it begins anew.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from relay import clock
from relay.accounts.codes import MailedCode, Tried, codes, use
from relay.accounts.identity import Identity
from relay.accounts.proving import Proof, make_own_code, prove, refuse_unless_session
from relay.accounts.sessions import end_all_sessions
from relay.database import Database
from relay.errors import Conflict, Forbidden
from relay.money import PICO_PER_CENT
from relay.settings import Settings
from relay.tables import Account, ApiKey, Asset, Balance, Export, Invoice, Outbox, Plan, Session, table

accounts, sessions, keys, balances = table(Account), table(Session), table(ApiKey), table(Balance)
plans, invoices, outbox = table(Plan), table(Invoice), table(Outbox)
assets, exports = table(Asset), table(Export)

NOWHERE = "closed.invalid"
"""No address can be there (RFC 2606), so nobody can sign in to an account that was closed."""
PLAN_HAS_ENDED = ("canceled", "incomplete_expired")
UNPAID = ("draft", "open", "uncollectible")


class Owed(NamedTuple):
    """What stands against deleting an account, and what would be lost with it."""

    has_plan: bool
    unbilled_overage: bool
    unpaid_invoices: int
    credit_pico: int

    @property
    def stands_against(self) -> tuple[str, ...]:
        """In words, each with the way out."""
        reasons = (
            (self.has_plan, "Your plan is still running. Cancel it on the billing page; it ends with its period."),
            (self.unbilled_overage, "Pay-per-use of this period is not billed yet. Its invoice comes when it ends."),
            (self.unpaid_invoices, "An invoice is not paid yet. Pay it on the billing page."),
        )
        return tuple(words for stands, words in reasons if stands)


class Closed(NamedTuple):
    """What ended, for the streams and pages that hang on it."""

    account_id: str
    email: str
    ended: tuple[str, ...]


async def request_closing(database: Database, settings: Settings, identity: Identity) -> MailedCode:
    """A code to the account's own address. TooMany; Conflict while money is owed; Forbidden when it is blocked."""
    return await database.write(lambda connection: _make_code(connection, settings, identity))


async def close_account(database: Database, settings: Settings, identity: Identity, code: str) -> Closed:
    """Closed for good. CodeInvalid, TooMany, Conflict, Forbidden: then nothing has changed."""
    tried = await prove(database, settings, identity, (Proof(identity.email, "close", code),))
    return await database.write(lambda connection: _close(connection, identity, tried))


def owed(connection: Connection, account_id: str) -> Owed:
    """What the account owes by our own tables."""
    balance = connection.execute(select(balances).where(balances.c.account_id == account_id)).one()
    running = (plans.c.account_id == account_id, plans.c.status.not_in(PLAN_HAS_ENDED))
    unsent = (outbox.c.account_id == account_id, outbox.c.state != "sent")
    unpaid = (invoices.c.account_id == account_id, invoices.c.status.in_(UNPAID), invoices.c.total_cents > 0)
    unsealed_cents = balance.overage_pico // PICO_PER_CENT - balance.sealed_overage_pico // PICO_PER_CENT
    return Owed(
        has_plan=bool(balance.has_plan or connection.execute(select(plans.c.account_id).where(*running)).first()),
        unbilled_overage=bool(
            unsealed_cents > 0
            # A call that is open may outlive the plan that it was held under.
            or balance.held_pico > max(0, balance.credit_pico)
            or connection.execute(select(outbox.c.id).where(*unsent).limit(1)).first()
        ),
        unpaid_invoices=connection.execute(select(func.count()).select_from(invoices).where(*unpaid)).scalar_one(),
        credit_pico=balance.credit_pico,
    )


def _make_code(connection: Connection, settings: Settings, identity: Identity) -> MailedCode:
    _refuse(connection, identity)
    return make_own_code(connection, settings, identity, "close")


def _close(connection: Connection, identity: Identity, tried: tuple[Tried, ...]) -> Closed:
    # The balance is locked first, as the ledger does, so that no call can begin between the look and the end.
    locked = select(balances.c.account_id).where(balances.c.account_id == identity.account_id).with_for_update()
    connection.execute(locked)
    _refuse(connection, identity)
    for code in tried:
        use(connection, code.id)
    return forget_person(connection, identity.account_id, identity.email)


def forget_person(connection: Connection, account_id: str, email: str) -> Closed:
    """Takes the person out of the account; what counts money stays."""
    now = clock.now()
    live = (keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
    ended = [*connection.execute(select(sessions.c.id).where(sessions.c.account_id == account_id)).scalars()]
    ended += connection.execute(select(keys.c.id).where(*live)).scalars()
    end_all_sessions(connection, account_id)
    connection.execute(update(keys).where(*live).values(revoked_at=now))
    # Keys keep their rows for what they spent; what could name the person or be shown again does not.
    blank = {"name": "", "hint": "", "key_hash": "closed:" + keys.c.id}
    connection.execute(update(keys).where(keys.c.account_id == account_id).values(blank))
    connection.execute(delete(exports).where(exports.c.account_id == account_id))
    # Their content leaves the store with the clock's next turn, whatever becomes of this process.
    leaving = {"until": func.coalesce(assets.c.until, now.replace(microsecond=0)), "purge_at": now, "name": ""}
    mine = (assets.c.account_id == account_id, assets.c.gone_at.is_(None))
    connection.execute(update(assets).where(*mine, assets.c.since.is_not(None)).values(leaving))
    connection.execute(update(assets).where(*mine, assets.c.since.is_(None)).values(purge_at=now, name=""))
    connection.execute(delete(codes).where(codes.c.email == email, codes.c.purpose != "sign-in"))
    gone = {"email": f"{account_id}@{NOWHERE}", "closed_at": now, "time_zone": "", "locale": ""}
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(gone))
    return Closed(account_id, email, (*ended, account_id))


def _refuse(connection: Connection, identity: Identity) -> None:
    refuse_unless_session(connection, identity)
    if connection.execute(select(accounts.c.blocked_at).where(accounts.c.id == identity.account_id)).scalar():
        # Its address would be free for a new account, and the block with it.
        raise Forbidden("This account is blocked. Write to us to have it deleted.")
    reasons = owed(connection, identity.account_id).stands_against
    if reasons:
        raise Conflict(" ".join(reasons))
