"""Accounts: found by address, or opened with an empty balance and the welcome grant in one transaction."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from relay import clock, ledger
from relay.accounts.addresses import address_tag
from relay.ids import new_id
from relay.money import pico_from_usd
from relay.settings import Settings
from relay.tables import Account, table, upsert

accounts = table(Account)


class Person(NamedTuple):
    account_id: str
    email: str
    is_closed: bool = False
    is_blocked: bool = False
    is_new: bool = False


def find_account(connection: Connection, email: str) -> Person | None:
    """The account of a normalised address."""
    columns = (accounts.c.id, accounts.c.closed_at, accounts.c.blocked_at)
    row = connection.execute(select(*columns).where(accounts.c.email == email)).first()
    return Person(row.id, email, row.closed_at is not None, row.blocked_at is not None) if row else None


def account_for(connection: Connection, settings: Settings, email: str) -> Person:
    """The account of a normalised address, opened if need be."""
    known = find_account(connection, email) or _open_account(connection, settings, email)
    found = known or find_account(connection, email)
    assert found is not None  # another worker has just opened it
    return found


def _open_account(connection: Connection, settings: Settings, email: str) -> Person | None:
    """None when another worker opened it in the same moment."""
    row = {
        "id": new_id("acct"),
        "email": email,
        "created_at": clock.now(),
        "time_zone": "",
        "locale": "",
    }
    added = (
        upsert(connection, accounts)
        .values(row)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(accounts.c.id)
    )
    account_id = connection.execute(added).scalar()
    if account_id is None:
        return None
    ledger.open_balance(connection, account_id, pico_from_usd(settings.DEFAULT_SPEND_CAP_USD))
    _welcome(connection, settings, account_id, email)
    return Person(account_id, email, is_new=True)


def _welcome(connection: Connection, settings: Settings, account_id: str, email: str) -> None:
    amount_pico = pico_from_usd(settings.SIGN_UP_GRANT_USD)
    if amount_pico > 0:
        # Once for an address, also when its account was deleted since: a seal of it says so and tells nobody which.
        key = f"sign-up:{address_tag(settings, email)}"
        ledger.grant(
            connection,
            account_id,
            kind="promo",
            amount_pico=amount_pico,
            key=key,
            reason="Welcome",
            source="sign-up",
        )
