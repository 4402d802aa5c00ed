"""Asking the ledger directly: accounts with some credit, holds, settlements, and what the tables then say."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from relay import accounts, clock, ledger, pricing
from relay.database import Database
from relay.errors import ProductError
from relay.ids import new_id
from relay.ledger import Command, Held, Hold, Settle
from relay.metering import Learnt
from relay.pricing import PriceTable, Tokens
from relay.settings import Settings
from relay.tables import ApiKey, Balance, Entry, Grant, Usage, table
from relay.tables import Hold as HoldRow

MODEL = "claude-sonnet-5-5"
TTL = timedelta(minutes=15)
balances, entries, grants, holds = table(Balance), table(Entry), table(Grant), table(HoldRow)
usage, keys = table(Usage), table(ApiKey)


@dataclass
class Desk:
    """Amounts are in tokens of output, so that every price is one that the price list knows."""

    database: Database
    prices: PriceTable
    unit: int

    def account(self, *credits: int, **plan: Any) -> str:
        """A new account with top-ups of that size; `has_plan` and `spend_cap` put it on a plan."""
        account_id = self.database.write_now(self._open)
        for credit in credits:
            self.grant(account_id, credit)
        if plan:
            changes = {"has_plan": plan["has_plan"], "spend_cap_pico": plan.get("spend_cap", 0) * self.unit}
            mine = balances.c.account_id == account_id
            self.database.write_now(lambda c: c.execute(update(balances).where(mine).values(changes)))
        return account_id

    def _open(self, connection: Connection) -> str:
        person = accounts.account_for(connection, Settings(), f"{uuid.uuid4().hex}@example.com")
        return person.account_id

    def grant(
        self, account_id: str, size: int, kind: Any = "topup", ends: datetime | None = None, key: str = ""
    ) -> int:
        """The new grant's id; 0 when that key has given before."""
        key = key or new_id("key")

        def give(c: Connection) -> int:
            given = ledger.grant(
                c, account_id, kind=kind, amount_pico=size * self.unit, key=key, reason="a test", expires_at=ends
            )
            return c.execute(select(grants.c.id).where(grants.c.key == key)).scalar_one() if given else 0

        return self.database.write_now(give)

    def capped_key(self, account_id: str, cap: int) -> str:
        def make(c: Connection) -> str:
            _, made = accounts.create_key(c, account_id, "")
            c.execute(update(keys).where(keys.c.id == made.id).values(cap_pico=cap * self.unit))
            return made.id

        return self.database.write_now(make)

    def hold(self, account_id: str, size: int, key_id: str = "") -> Hold:
        now = clock.now()
        return Hold(
            new_id("req"), account_id, size * self.unit, MODEL, self.prices.version, max_tokens=size, at=now,
            expires_at=now + TTL, key_id=key_id, key_capped=bool(key_id),
        )  # fmt: skip

    def settlement(self, hold: Hold, size: int, **fields: Any) -> Settle:
        tokens = Tokens(output=size)
        charge = self.prices.charge(MODEL, "base", tokens)
        return Settle(
            hold.request_id, hold.account_id, clock.now(), "complete", charge.cost_pico, charge.price_pico,
            tokens, **fields,
        )  # fmt: skip

    def journal(self, hold: Hold, output: int) -> ledger.Journal:
        learnt = Learnt(started=True, input=1, output=output)
        return ledger.Journal(hold.request_id, learnt.journal(), clock.now() + TTL)

    async def held(self, account_id: str, size: int, key_id: str = "") -> Hold:
        """A hold that is durable. Raises what the ledger refuses with."""
        hold = self.hold(account_id, size, key_id)
        await self.database.batch(ledger.post, hold)
        return hold

    async def call(self, account_id: str, size: int) -> Hold:
        """Held, and settled to the last token."""
        hold = await self.held(account_id, size)
        await self.database.batch(ledger.post, self.settlement(hold, size))
        return hold

    async def at_once(self, *commands: Command) -> list[Any]:
        return await at_once((self.database, command) for command in commands)

    def figures(self, account_id: str) -> dict[str, int]:
        """Credit, held, and overage, in tokens."""
        names = ("credit", "held", "overage")
        row = self.database.read_now(
            lambda c: c.execute(
                select(*(balances.c[f"{n}_pico"] for n in names)).where(balances.c.account_id == account_id)
            ).one()
        )
        return {name: value // self.unit for name, value in zip(names, row, strict=True)}

    def remaining(self, grant_id: int) -> int:
        query = select(grants.c.remaining_pico).where(grants.c.id == grant_id)
        return self.database.read_now(lambda c: c.execute(query).scalar_one()) // self.unit

    def rows(self, of: Any, account_id: str) -> list[Row[Any]]:
        query = select(of).where(of.c.account_id == account_id)
        return list(self.database.read_now(lambda c: c.execute(query).all()))

    def count(self, of: Any) -> int:
        return self.database.read_now(lambda c: c.execute(select(func.count()).select_from(of)).scalar_one())


def open_desk(database: Database) -> Desk:
    prices = database.read_now(pricing.current)
    return Desk(database, prices, prices.charge(MODEL, "base", Tokens(output=1)).price_pico)


async def at_once(asked: Any) -> list[Any]:
    """Every command to its database, all waiting together; an answer or a refusal each."""
    waiting = [database.batch(ledger.post, command) for database, command in asked]
    return await asyncio.gather(*waiting, return_exceptions=True)


def split(outcomes: list[Any]) -> tuple[list[Held], list[ProductError]]:
    """Who was held, and who was refused; anything else is a defect."""
    held = [o for o in outcomes if isinstance(o, Held)]
    refused = [o for o in outcomes if isinstance(o, ProductError)]
    assert len(held) + len(refused) == len(outcomes), outcomes
    return held, refused
