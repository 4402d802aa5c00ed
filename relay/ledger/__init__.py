"""The ledger: grant, hold, settle, release, balance. The only place where an account's credit changes.

`post` takes whatever holds, journals and settlements are waiting (see `database.Database.batch`), locks the accounts
they touch in one order, applies the rules of `book` to each in turn, and writes the result set by set.
"""

from relay.ledger.book import Book
from relay.ledger.charging import NOT_PAID, Charge, available, charge, waits_for_holds
from relay.ledger.clawing import claw_back, give_back
from relay.ledger.commands import Command, Ended, Held, Hold, Journal, Renew, Settle, Settled
from relay.ledger.correcting import Corrected, correct
from relay.ledger.granting import due_to_expire, expire_due, given_by, grant, open_balance
from relay.ledger.planning import (
    allow_overage,
    begin_period,
    last_overage_before,
    lock,
    mark_sealed,
    overage_until,
    set_cap,
    with_unsealed_overage,
)
from relay.ledger.posting import post
from relay.ledger.rolling import NEVER, roll, to_roll

__all__ = [
    "NEVER",
    "NOT_PAID",
    "Book",
    "Charge",
    "Command",
    "Corrected",
    "Ended",
    "Held",
    "Hold",
    "Journal",
    "Renew",
    "Settle",
    "Settled",
    "allow_overage",
    "available",
    "begin_period",
    "charge",
    "claw_back",
    "correct",
    "due_to_expire",
    "expire_due",
    "give_back",
    "given_by",
    "grant",
    "last_overage_before",
    "lock",
    "mark_sealed",
    "open_balance",
    "overage_until",
    "post",
    "roll",
    "set_cap",
    "to_roll",
    "waits_for_holds",
    "with_unsealed_overage",
]
