"""Which rows an export is of: every table that names the account, and every row of it that is theirs."""

from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Table, select
from sqlmodel import SQLModel

from relay.accounts.identity import Identity
from relay.tables import Account, MailStop, SignInCode, StripeEvent, table

accounts = table(Account)

SECRET_ENDINGS = ("_hash", "_hmac")
"""Hashes of secrets say nothing to their owner, and something to a thief."""
NOT_THEIRS = {"operator_actions": {"operator"}, "inspections": {"operator"}, "checkouts": {"url"}, "holds": {"worker"}}
"""Whose name it is that did something, links that let anybody in, names of our machines."""
IN_TIME = {"usage": ("at", "id")}
"""Tables that have their account's rows in an order of their own; the others have them by their primary key."""


class Part(NamedTuple):
    """A table, and which of its rows are the account's."""

    of: Table
    columns: tuple[Column[Any], ...]
    mine: ColumnElement[bool]
    order: tuple[Column[Any], ...]
    """In which an index has them: a page begins where the last one ended, and no page reads what is before it."""


def parts(identity: Identity) -> list[Part]:
    """Every table with rows of the account, in the order of their names; its own row first."""
    account_id, email = identity.account_id, identity.email
    customer = select(accounts.c.stripe_customer_id).where(accounts.c.id == account_id).scalar_subquery()
    others = {
        table(SignInCode).name: table(SignInCode).c.email == email,
        table(MailStop).name: table(MailStop).c.email == email,
        table(StripeEvent).name: table(StripeEvent).c.customer_id == customer,
    }
    found = [_part(accounts, accounts.c.id == account_id)]
    for name, each in sorted(SQLModel.metadata.tables.items()):
        if "account_id" in each.c:
            found.append(_part(each, each.c.account_id == account_id))
        elif name in others:
            found.append(_part(each, others[name]))
    return found


def _part(of: Table, mine: ColumnElement[bool]) -> Part:
    hidden = NOT_THEIRS.get(of.name, set[str]())
    shown = [c for c in of.c if not c.name.endswith(SECRET_ENDINGS) and c.name not in hidden]
    # Some tables know a row by the hash of a secret: it orders the pages, and is left out when they are written.
    keys = tuple(of.c[name] for name in IN_TIME.get(of.name, of.primary_key.columns.keys()) if name != "account_id")
    return Part(of, tuple(shown), mine, keys or tuple(of.primary_key.columns))
