"""Customers on a plan with a small spend cap, whose payments are taken back and whose caps move while they ask."""

import asyncio
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

CAP_MAX_PICO, PAID_PICO = 2 * PICO_PER_CENT, 3 * PICO_PER_CENT
"""A call or three."""
PAUSE_SECONDS = 0.3


@dataclass
class Paybacks:
    """Whatever the server is doing, and however often it and its database are killed."""

    product: Product
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter[str])
    _payments: dict[str, str] = field(default_factory=dict[str, str])
    """The newest of each account."""
    _refunds: list[str] = field(default_factory=list[str])

    def new_customer(self) -> str:
        """Their API key."""
        account_id, key = self._write(_open_account)
        self._pay(account_id)
        return key

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.to_thread(self.next)
            await asyncio.sleep(PAUSE_SECONDS)

    def next(self) -> None:
        """Somebody pays and gets back what they paid before; now and then that fails, and caps move."""
        account_id = self.rng.choice(list(self._payments))
        before, refund = self._payments[account_id], new_id("refund")
        self._pay(account_id)
        self._write(
            partial(ledger.set_cap, account_id=account_id, cap_pico=self.rng.choice((0, PICO_PER_CENT, CAP_MAX_PICO)))
        )
        take = partial(ledger.claw_back, account_id=account_id, grant_key=before, amount_pico=PAID_PICO)
        self._write(partial(take, key=refund))
        self._refunds.append(refund)
        self.done["refunds"] += 1
        if self.rng.random() < 0.2:
            self._write(partial(ledger.give_back, key=self._refunds.pop(0)))
            self.done["refunds that failed"] += 1

    def _pay(self, account_id: str) -> None:
        key = self._payments[account_id] = new_id("paid")
        give = partial(ledger.grant, account_id=account_id, kind="topup", amount_pico=PAID_PICO, key=key)
        self._write(partial(give, reason="", source="test"))

    def _write(self, work: Callable[[Connection], Any]) -> Any:
        settings = Settings.model_validate({"DATABASE_URL": self.product.environment["DATABASE_URL"]})
        with closing(Database(settings.database_url, checkpoints=False)) as database:

            def tried() -> tuple[Any] | None:
                try:
                    return (database.write_now(work),)
                except (SQLAlchemyError, Unavailable):
                    return None

            return eventually(tried)[0]


def _open_account(connection: Connection) -> tuple[str, str]:
    person = accounts.account_for(connection, Settings.model_validate({}), f"{uuid.uuid4().hex}@example.com")
    ledger.set_cap(connection, person.account_id, CAP_MAX_PICO)
    ledger.allow_overage(connection, person.account_id, True)
    return person.account_id, accounts.create_key(connection, person.account_id)[0]
