"""Customers on a plan with a small spend cap, whose payments are taken back and whose caps move while they ask."""

import random
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from relay import accounts, ledger
from relay.database import Database
from relay.errors import Unavailable
from relay.ids import new_id
from relay.money import PICO_PER_CENT
from relay.settings import Settings
from tests.fixtures.product import Product, eventually

CAP_MAX_PICO = 3 * PICO_PER_CENT
PAID_PICO = 5 * PICO_PER_CENT


@dataclass
class Paybacks:
    """Whatever the server is doing, and however often it and its database are killed."""

    product: Product
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter[str])
    _account_ids: list[str] = field(default_factory=list[str])
    _refunds: list[str] = field(default_factory=list[str])

    def new_customer(self) -> str:
        """Their API key."""
        account_id, key = self._write(_open_account)
        self._account_ids.append(account_id)
        self._write(partial(_pay, account_id=account_id, payment=new_id("paid")))
        return key

    def next(self) -> None:
        """Everybody pays anew, and loses it again in part or whole; now and then a refund fails, or a cap moves."""
        for account_id in self._account_ids:
            payment, refund = new_id("paid"), new_id("refund")
            self._write(partial(_pay, account_id=account_id, payment=payment))
            cap_pico = self.rng.randint(0, CAP_MAX_PICO)
            self._write(partial(ledger.set_cap, account_id=account_id, cap_pico=cap_pico))
            taken_pico = self.rng.randint(1, PAID_PICO)
            take = partial(ledger.claw_back, account_id=account_id, grant_key=payment, amount_pico=taken_pico)
            self._write(partial(take, key=refund))
            self._refunds.append(refund)
            self.done["refunds"] += 1
        if self._refunds and self.rng.random() < 0.3:
            self._write(partial(ledger.give_back, key=self._refunds.pop()))
            self.done["refunds that failed"] += 1

    def _write(self, work: Callable[[Connection], Any]) -> Any:
        settings = Settings(DATABASE_URL=self.product.environment["DATABASE_URL"])
        with closing(Database(settings.database_url, checkpoints=False)) as database:

            def tried() -> tuple[Any] | None:
                try:
                    return (database.write_now(work),)
                except (SQLAlchemyError, Unavailable):
                    return None

            return eventually(tried)[0]


def _open_account(connection: Connection) -> tuple[str, str]:
    person = accounts.account_for(connection, Settings(), f"{uuid.uuid4().hex}@example.com")
    ledger.set_cap(connection, person.account_id, CAP_MAX_PICO)
    ledger.allow_overage(connection, person.account_id, True)
    return person.account_id, accounts.create_key(connection, person.account_id)[0]


def _pay(connection: Connection, account_id: str, payment: str) -> None:
    ledger.grant(connection, account_id, kind="topup", amount_pico=PAID_PICO, key=payment, reason="", source="test")
