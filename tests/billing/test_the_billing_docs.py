"""docs/billing.md names every event that is followed and every state of a subscription, and its example adds up."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args

import pytest
import stripe
from sqlalchemy import select, update

from relay import clock
from relay.billing import Office
from relay.billing.handlers import HANDLERS
from relay.billing.plans import follow_subscription
from relay.database import Database
from relay.gateways.payments import Item, Subscription
from relay.money import PICO_PER_CENT
from relay.settings import ROOT, read_settings
from relay.tables import Account, table
from tests.fixtures.ledger_desk import balances, open_desk

WORDS = (ROOT / "docs" / "billing.md").read_text()
# Stripe's own word for a collection that is paused is not a state; ours is told like one.
STATES = {"trialing", "active", "past_due", "unpaid", "canceled", "incomplete", "incomplete_expired", "paused"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = WORDS.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_event_that_is_followed_has_a_row_and_no_other_does() -> None:
    assert [row[0].strip("`") for row in rows("What each event leads to")] == list(HANDLERS)


def test_every_state_of_a_subscription_has_a_row() -> None:
    told = {name for row in rows("What each state of a plan means") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == STATES
    known = {word for arm in get_args(stripe.Subscription.__annotations__["status"]) for word in get_args(arm)}
    assert known == STATES


@dataclass
class Stripe:
    """Tells one subscription, whatever is asked."""

    told: Subscription

    async def subscription(self, subscription_id: str) -> Subscription:
        return self.told


@pytest.mark.parametrize("row", rows("What each state of a plan means")[1:], ids=lambda row: row[0])
async def test_each_state_allows_the_pay_per_use_that_its_row_says(row: list[str], database: Database) -> None:
    account_id = open_desk(database).account()
    people = table(Account)
    mine = update(people).where(people.c.id == account_id).values(stripe_customer_id="cus_1")
    database.write_now(lambda c: c.execute(mine))
    settings, now = read_settings(), clock.now()
    status = re.findall(r"`(\w+)`", row[0])[0]
    cancels_at = now + timedelta(days=30) if "cancelled" in row[0] else None
    item = Item(settings.STRIPE_PRICE_PLAN, 1, False, "", now, now + timedelta(days=30))
    ended = now if status == "canceled" else None
    told: Any = Stripe(
        Subscription("sub_1", status, account_id, "cus_1", (item,), cancels_at, ended, None, status == "paused", now)
    )
    await follow_subscription(Office(database, told, settings), "sub_1")
    has_plan = select(balances.c.has_plan).where(balances.c.account_id == account_id)
    allowed = database.read_now(lambda c: c.execute(has_plan).scalar_one())
    assert allowed == row[2].startswith("up to the spend cap")


@pytest.mark.parametrize("row", rows("Windows and the outbox, by an example"), ids=lambda row: row[0])
def test_the_example_adds_up(row: list[str]) -> None:
    before, after = (int(float(cell) * PICO_PER_CENT) for cell in row[1:3])
    floors = [before // PICO_PER_CENT, after // PICO_PER_CENT]
    assert row[3] == f"{floors[0]} → {floors[1]}"
    assert row[4] == {0: "nothing", 1: "1 cent"}[floors[1] - floors[0]]


def test_the_example_begins_where_the_hour_before_ended() -> None:
    told = rows("Windows and the outbox, by an example")
    assert [row[1] for row in told[1:]] == [row[2] for row in told[:-1]]
