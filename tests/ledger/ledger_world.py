"""What the ledger's model is driven in, and what happens to an account from outside of its calls."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import Connection

from relay import clock, ledger, pricing
from relay.database import Database
from relay.ids import new_id
from relay.pricing import PriceTable, Tokens
from tests.ledger.ledger_model import Model

MODEL = "claude-sonnet-5-5"
TURN = timedelta(minutes=20)

some_tokens = st.integers(1, 40)
which = st.integers(0, 1)
nth = st.integers(0, 100)


class World:
    """Two `Database` objects on one database, as two processes have them."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.writers = [Database(url), Database(url)]
        self.prices: PriceTable = self.writers[0].read_now(pricing.current)
        self.unit = self.price(Tokens(output=1))
        self.opened = 0

    def price(self, tokens: Tokens) -> int:
        return self.prices.charge(MODEL, self.prices.tier(MODEL, tokens), tokens).price_pico

    def close(self) -> None:
        for writer in self.writers:
            writer.close()
        self.loop.close()


class TakingBack(RuleBasedStateMachine):
    """Refunds, disputes, and what a plan and its cap do, whatever is open meanwhile."""

    world: World
    model: Model
    account_id: str

    def write(self, writer: int, work: Callable[[Connection], Any]) -> Any:
        return self.world.writers[writer].write_now(work)

    @rule(writer=which, turn=nth, tokens=some_tokens)
    def claw_back(self, writer: int, turn: int, tokens: int) -> None:
        bought = [grant for grant in self.model.grants if grant.key]
        if not bought:
            return
        grant, key, amount = bought[turn % len(bought)], new_id("key"), tokens * self.world.unit
        for _ in range(2):
            took = self.write(writer, lambda c: ledger.claw_back(c, self.account_id, grant.key, key, amount))
            assert took == self.model.claw_back(key, grant, amount)

    @rule(writer=which, turn=nth)
    def give_back(self, writer: int, turn: int) -> None:
        if self.model.clawbacks:
            key = sorted(self.model.clawbacks)[turn % len(self.model.clawbacks)]
            assert self.write(writer, lambda c: ledger.give_back(c, key))
            self.model.give_back(key)

    @rule(writer=which, cap=st.integers(0, 60))
    def set_cap(self, writer: int, cap: int) -> None:
        self.model.cap = cap * self.world.unit
        self.write(writer, lambda c: ledger.set_cap(c, self.account_id, self.model.cap))

    @rule(writer=which, allowed=st.booleans())
    def allow_overage(self, writer: int, allowed: bool) -> None:
        self.model.has_plan = allowed
        self.write(writer, lambda c: ledger.allow_overage(c, self.account_id, allowed))

    @rule(writer=which)
    def begin_period(self, writer: int) -> None:
        now, spent = clock.now(), self.model.overage
        self.model.begun = spent
        self.write(writer, lambda c: ledger.begin_period(c, self.account_id, now, now + 90 * TURN, spent))
