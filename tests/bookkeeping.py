"""An account whose calls go through the real ledger, and the reading routes over it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, update
from starlette.applications import Starlette
from starlette.middleware import Middleware

from relay import accounts, clock, ledger, pricing
from relay.database import Database
from relay.endpoints import alerts, health, openapi, usage
from relay.endpoints.answers import WithRequestId, exception_handlers
from relay.ids import new_id
from relay.ledger import Ended, Hold, Settle
from relay.limits import Limits
from relay.money import PICO_PER_USD
from relay.pricing import PriceTable, Tokens
from relay.settings import Settings, read_settings
from relay.tables import Balance, table

MODEL = "claude-sonnet-5-5"
OTHER_MODEL = "claude-haiku-5-5"
USD = PICO_PER_USD
SOME_TOKENS = Tokens(input=1234, output=567, cache_read=89, cache_write_5m=10, cache_write_1h=11)


@dataclass
class Services:
    settings: Settings
    database: Database
    limits: Limits
    prices: PriceTable


@dataclass
class Person:
    account_id: str
    key: str


@dataclass
class Books:
    services: Services
    app: Starlette
    prices: PriceTable

    @property
    def database(self) -> Database:
        return self.services.database

    def client(self, person: Person | None = None) -> httpx.AsyncClient:
        headers = {"x-api-key": person.key} if person else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://localhost:3000", headers=headers
        )

    def person(self, email: str, credit_usd: int = 10) -> Person:
        return self.database.write_now(lambda c: self._open(c, email, credit_usd))

    def _open(self, connection: Connection, email: str, credit_usd: int) -> Person:
        account_id = accounts.account_for(connection, self.services.settings, email).account_id
        key, _ = accounts.create_key(connection, account_id, "test")
        if credit_usd:
            self._give(connection, account_id, "topup", credit_usd * USD, None)
        return Person(account_id, key)

    def give(self, person: Person, kind: ledger.granting.Kind, pico: int, until: datetime | None = None) -> None:
        self.database.write_now(lambda c: self._give(c, person.account_id, kind, pico, until))

    def _give(
        self, c: Connection, account_id: str, kind: ledger.granting.Kind, pico: int, until: datetime | None
    ) -> None:
        ledger.grant(c, account_id, kind=kind, amount_pico=pico, key=new_id("key"), reason="test", expires_at=until)

    def put_on_plan(self, person: Person, spend_cap_pico: int) -> None:
        balances = table(Balance)
        change = {"has_plan": True, "spend_cap_pico": spend_cap_pico}
        self.database.write_now(
            lambda c: c.execute(update(balances).where(balances.c.account_id == person.account_id).values(change))
        )

    async def hold(self, person: Person, pico: int = USD, model: str = MODEL, key_id: str = "") -> str:
        request_id, now = new_id("req"), clock.now()
        hold = Hold(
            request_id=request_id,
            account_id=person.account_id,
            amount_pico=pico,
            model=model,
            price_version=self.prices.version,
            max_tokens=1000,
            at=now,
            expires_at=now + timedelta(minutes=15),
            key_id=key_id,
        )
        await self.database.batch(ledger.post, hold)
        return request_id

    async def settle(
        self,
        person: Person,
        request_id: str,
        tokens: Tokens = SOME_TOKENS,
        model: str = MODEL,
        at: datetime | None = None,
        ended: Ended = "complete",
    ) -> int:
        """The price that was booked."""
        tier = self.prices.tier(model, tokens)
        charge = self.prices.charge(model, tier, tokens)
        await self.database.batch(
            ledger.post,
            Settle(
                request_id=request_id,
                account_id=person.account_id,
                at=at or clock.now(),
                ended=ended,
                cost_pico=charge.cost_pico,
                price_pico=charge.price_pico,
                tokens=tokens,
                tier=tier,
                estimated=ended == "client_gone",
                first_token_ms=120,
            ),
        )
        return charge.price_pico

    async def call(
        self,
        person: Person,
        tokens: Tokens = SOME_TOKENS,
        model: str = MODEL,
        at: datetime | None = None,
        ended: Ended = "complete",
    ) -> str:
        """A whole call; its request id."""
        request_id = await self.hold(person, model=model)
        await self.settle(person, request_id, tokens, model, at, ended)
        return request_id

    async def get(self, person: Person, path: str, status: int = 200) -> Any:
        """What the API answers to that person."""
        async with self.client(person) as client:
            answer = await client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    def correct(self, request_id: str, **truth: Any) -> ledger.Corrected:
        return self.database.write_now(lambda c: ledger.correct(c, request_id, reason="a test", **truth))


@asynccontextmanager
async def open_books(database_url: str, **changes: str) -> AsyncIterator[Books]:
    given = {"DATABASE_URL": database_url, "SECRET_KEY": "a secret key of the tests, 32 characters"}
    settings = read_settings(**given, **changes)
    database = Database(settings.database_url)
    database.write_now(lambda c: pricing.publish(c, 20, datetime(2026, 1, 1, tzinfo=UTC)))
    prices = database.read_now(pricing.current)
    services = Services(settings, database, Limits(settings), prices)
    app = Starlette(
        routes=[*usage.routes, *alerts.routes, *health.routes, *openapi.routes],
        exception_handlers=exception_handlers,
        middleware=[Middleware(WithRequestId)],
    )
    app.router.redirect_slashes = False
    app.state.services = services
    try:
        yield Books(services, app, prices)
    finally:
        await services.limits.aclose()
        database.close()
        clock.set_back_to_real_time()


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as books:
        yield books
