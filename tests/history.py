"""A month of use for the pages to show: booked through the ledger, at moments of one's choosing."""

import random
from datetime import datetime, timedelta
from typing import Any

from relay import clock, ledger, pricing
from relay.database import Database
from relay.ids import new_id
from relay.ledger import Hold, Settle
from relay.money import PICO_PER_USD
from relay.pricing import PriceTable, Tokens

MODELS = ("claude-sonnet-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5")
ENDINGS = ("complete",) * 8 + ("client_gone", "upstream_error")


def a_month(database: Database, account_id: str, *, days: int = 30) -> list[str]:
    """Two to eight calls a day up to an hour ago, some of them stopped or failed; their ids, oldest first."""
    chance, prices = random.Random(7), database.read_now(pricing.current)
    give(database, account_id, 100)
    commands: list[tuple[Hold, Settle]] = []
    for day in range(days, 0, -1):
        for _ in range(chance.randrange(2, 8)):
            at = clock.now() - timedelta(days=day - 1, minutes=60 + chance.randrange(600))
            commands.append(commands_of(account_id, prices, chance, at))
    for some in zip(*commands, strict=True):
        database.write_now(lambda c, some=some: ledger.post(c, some))
    return [hold.request_id for hold, _ in commands]


def give(database: Database, account_id: str, usd: int) -> None:
    key = new_id("g")
    database.write_now(
        lambda c: ledger.grant(c, account_id, kind="topup", amount_pico=usd * PICO_PER_USD, key=key, reason="A test")
    )


def call(database: Database, account_id: str, chance: random.Random) -> str:
    """One call that ends now; its id."""
    commands = commands_of(account_id, database.read_now(pricing.current), chance, clock.now())
    for command in commands:
        database.write_now(lambda c, command=command: ledger.post(c, [command]))
    return commands[0].request_id


def commands_of(account_id: str, prices: PriceTable, chance: random.Random, at: datetime) -> tuple[Hold, Settle]:
    """A call that began two seconds before `at`."""
    model, request_id, begun = chance.choice(MODELS), new_id("req"), at - timedelta(seconds=2)
    tokens = Tokens(chance.randrange(400, 9_000), chance.randrange(300, 6_000), cache_read=chance.randrange(0, 40_000))
    charge = prices.charge(model, "base", tokens)
    ended: Any = chance.choice(ENDINGS)
    until = at + timedelta(days=99)
    hold = Hold(request_id, account_id, 2 * charge.price_pico, model, prices.version, 9_000, begun, until)
    settle = Settle(
        request_id,
        account_id,
        at,
        ended,
        charge.cost_pico,
        charge.price_pico,
        tokens,
        estimated=ended == "client_gone",
        first_token_ms=chance.randrange(200, 900),
    )
    return hold, settle
