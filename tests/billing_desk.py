"""Billing beside the sandbox's Stripe: people who buy and use, two clocks that move together, events that arrive."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Row, select

from relay import accounts, billing, clock, ledger, pricing, sync, usage
from relay.accounts import Identity
from relay.audit import recompute
from relay.billing import Office
from relay.database import Database
from relay.errors import InsufficientCredit
from relay.gateways.payments import Payments
from relay.gateways.payments.reading import said
from relay.ids import new_id
from relay.ledger import Hold, Settle
from relay.money import PICO_PER_USD
from relay.pricing import PriceTable, Tokens
from relay.settings import read_settings
from relay.tables import Grant, Outbox, Window, table
from tests.stripe_desk import Desk, desk

MODEL = "claude-sonnet-5-5"
GOOD_CARD, BAD_CARD, SLOW = "4242424242424242", "4000000000000002", "delayed"
DAY = 86_400
SECRET_KEY = "a secret key of the tests, 32 characters"
grants, outbox, windows = table(Grant), table(Outbox), table(Window)


@dataclass
class Town:
    office: Office
    stripe: Desk
    prices: PriceTable
    heard: set[str] = field(default_factory=set)

    @property
    def database(self) -> Database:
        return self.office.database

    def person(self, name: str = "ada", cap_usd: int = 50) -> Identity:
        def open_account(connection: Connection) -> Identity:
            found = accounts.account_for(connection, self.office.settings, f"{name}@example.com")
            ledger.set_cap(connection, found.account_id, cap_usd * PICO_PER_USD)
            return Identity(found.account_id, found.email, "session")

        return self.database.write_now(open_account)

    async def buy_plan(self, who: Identity, card: str = GOOD_CARD) -> None:
        self.pay(await billing.check_out(self.office, who, "plan"), card)
        await self.hear()

    async def buy_credit(self, who: Identity, usd: str, card: str = GOOD_CARD) -> None:
        self.pay(await billing.check_out(self.office, who, "topup", usd), card)
        await self.hear()

    def pay(self, url: str, card: str = GOOD_CARD) -> None:
        """What a person does on Stripe's page."""
        httpx.post(url, data={"action": "pay", "card": card}, timeout=30)

    async def use(self, who: Identity, pico: int) -> bool:
        """Uses that much, rounded up to whole tokens; False when the ledger refuses."""
        unit = self.prices.charge(MODEL, "base", Tokens(output=1)).price_pico
        count, request_id, now = -(-pico // unit), new_id("req"), clock.now()
        hold = Hold(
            request_id,
            who.account_id,
            count * unit,
            MODEL,
            self.prices.version,
            count,
            now,
            now + timedelta(minutes=15),
        )
        try:
            await self.database.batch(ledger.post, hold)
        except InsufficientCredit:
            return False
        tokens = Tokens(output=count)
        charge = self.prices.charge(MODEL, "base", tokens)
        await self.database.batch(
            ledger.post,
            Settle(
                request_id, who.account_id, clock.now(), "complete",
                cost_pico=charge.cost_pico, price_pico=charge.price_pico, tokens=tokens,
            ),
        )  # fmt: skip
        return True

    async def hear(self, arrange: Callable[[list[Any]], Iterable[Any]] = list) -> None:
        """Every event that Stripe has sent meanwhile arrives, in the order and number that `arrange` makes of them."""
        new = [one for one in self.stripe.world.stripe.store.all("event") if one["id"] not in self.heard]
        self.heard |= {one["id"] for one in new}
        for event in arrange(new):
            await self.database.write(partial(billing.store, said=said(event), livemode=False))
        await billing.work_through(self.office)

    async def tick(self) -> None:
        """What the clock does once an interval."""
        await sync.tick(self.database)
        await sync.bill(self.office)

    async def advance(self, seconds: float) -> None:
        """Both clocks go on, and Stripe does what is due."""
        clock.move(timedelta(seconds=seconds))
        await asyncio.to_thread(partial(self.stripe.advance, advance_seconds=seconds))

    async def to_the_end_of_the_period(self, who: Identity) -> None:
        """A second beyond it: Stripe has renewed the plan and drafted the invoice, and nobody here knows."""
        end = self.balance(who).period_end
        assert end is not None
        await self.advance((end - clock.now()).total_seconds() + 1)

    def balance(self, who: Identity) -> usage.BalanceView:
        return self.database.read_now(partial(usage.balance, account_id=who.account_id))

    def grants(self, who: Identity) -> list[Row[Any]]:
        mine = select(grants).where(grants.c.account_id == who.account_id).order_by(grants.c.id)
        return list(self.database.read_now(lambda c: c.execute(mine).all()))

    def outbox(self, who: Identity) -> list[Row[Any]]:
        mine = select(outbox).where(outbox.c.account_id == who.account_id).order_by(outbox.c.id)
        return list(self.database.read_now(lambda c: c.execute(mine).all()))

    def metered(self, who: Identity) -> int:
        """What Stripe's meter has counted for them, by Stripe's own books."""
        customer = self.customer(who)
        return self.stripe.books(customer)["meter_totals"].get(customer, {}).get("overage_cents", 0)

    def customer(self, who: Identity) -> str:
        return self.database.read_now(partial(billing.known_customer, account_id=who.account_id))

    def invoices(self, who: Identity) -> list[dict[str, Any]]:
        """Stripe's, oldest first."""
        return self.stripe.books(self.customer(who))["invoices"]

    async def differences(self) -> list[Any]:
        """What reconcile and audit find, over everybody."""
        found: list[Any] = list(self.database.read_now(recompute))
        for subject in self.database.read_now(billing.subjects):
            found += [difference async for difference in billing.reconcile(self.office, subject)]
        return found


@asynccontextmanager
async def town(database_url: str) -> AsyncIterator[Town]:
    with desk() as stripe:
        settings = read_settings(DATABASE_URL=database_url, SECRET_KEY=SECRET_KEY, **stripe.world.settings)
        database, payments = Database(settings.database_url), Payments(settings)
        try:
            prices = database.read_now(pricing.current)
            yield Town(Office(database, payments, settings), stripe, prices)
        finally:
            await payments.aclose()
            database.close()


@pytest.fixture
async def here(sqlite_url: str) -> AsyncIterator[Town]:
    async with town(sqlite_url) as made:
        yield made


@pytest.fixture
async def anywhere(database_url: str) -> AsyncIterator[Town]:
    """On SQLite, and on PostgreSQL."""
    async with town(database_url) as made:
        yield made


def shuffled(seed: int) -> Callable[[list[Any]], list[Any]]:
    """Any order, and some of them more than once."""

    def arrange(events: list[Any]) -> list[Any]:
        dice = random.Random(seed)
        again = [one for one in events if dice.random() < 0.4]
        mixed = events + again
        dice.shuffle(mixed)
        return mixed

    return arrange
