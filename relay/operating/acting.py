"""What operators do to an account or an event, each with its reason."""

import re
from typing import Any

from sqlalchemy import Connection, select, update

from relay import billing, clock, ledger
from relay.accounts import Identity
from relay.errors import BadInput, Conflict, NotFound
from relay.ids import new_id
from relay.ledger.correcting import Corrected
from relay.money import usd
from relay.operating.log import note
from relay.operating.people import refuse_unless_operator
from relay.settings import Settings
from relay.tables import Account, Usage, table

accounts, usage = table(Account), table(Usage)
_KEY = re.compile(r"op_[0-9a-f]{28}", re.ASCII)


def new_key() -> str:
    """What a form that gives or corrects is sent with: however often it is sent, it acts once."""
    return new_id("op")


def give(
    connection: Connection, settings: Settings, who: Identity, account_id: str, amount_pico: int, reason: str, key: str
) -> bool:
    """A promo grant that does not expire. False when the key has given before. NotFound, BadInput."""
    refuse_unless_operator(settings, who)
    given = ledger.grant(
        connection, account_id, kind="promo", amount_pico=amount_pico, key=f"operator:{_checked(key)}",
        reason=reason.strip(), source="operator",
    )  # fmt: skip
    if given:
        note(connection, who, "grant", reason=reason, account_id=account_id, detail=f"${usd(amount_pico)}")
    return given


def correct(
    connection: Connection, settings: Settings, who: Identity, request_id: str, price_pico: int, reason: str, key: str
) -> Corrected:
    """What shall be paid for a request in all, once per key. NotFound, BadInput, Conflict as `ledger.correct`."""
    refuse_unless_operator(settings, who)
    done = ledger.correct(connection, request_id, reason=reason.strip(), price_pico=price_pico, key=_checked(key))
    if not done.first:
        return done
    of = connection.execute(select(usage.c.account_id).where(usage.c.request_id == request_id).limit(1)).scalar_one()
    detail = f"from ${usd(done.before_pico)} to ${usd(done.after_pico)}"
    note(connection, who, "correct", reason=reason, account_id=of, about=request_id, detail=detail)
    return done


def block(connection: Connection, settings: Settings, who: Identity, account_id: str, reason: str) -> None:
    """Refuses its calls from now on, in words; what it has open ends. Conflict when it was blocked, or is one's own."""
    refuse_unless_operator(settings, who)
    if account_id == who.account_id:
        raise BadInput("Nobody blocks their own account.")
    _turn(connection, account_id, accounts.c.blocked_at.is_(None), blocked_at=clock.now())
    note(connection, who, "block", reason=reason, account_id=account_id)


def unblock(connection: Connection, settings: Settings, who: Identity, account_id: str, reason: str) -> None:
    """Takes its calls again."""
    refuse_unless_operator(settings, who)
    _turn(connection, account_id, accounts.c.blocked_at.is_not(None), blocked_at=None)
    note(connection, who, "unblock", reason=reason, account_id=account_id)


def replay(connection: Connection, settings: Settings, who: Identity, event_id: str) -> None:
    """Has one of Stripe's events worked once more. NotFound."""
    refuse_unless_operator(settings, who)
    billing.replay(connection, event_id)
    note(connection, who, "replay", reason="Worked once more", about=event_id)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadInput("This form is out of date. Load the page again.")
    return key


def _turn(connection: Connection, account_id: str, is_other: Any, **values: object) -> None:
    known = connection.execute(select(accounts.c.closed_at).where(accounts.c.id == account_id)).one_or_none()
    if known is None or known.closed_at is not None:
        raise NotFound("There is no such account.")
    if connection.execute(update(accounts).where(accounts.c.id == account_id, is_other).values(values)).rowcount != 1:
        raise Conflict("That is so already.")
