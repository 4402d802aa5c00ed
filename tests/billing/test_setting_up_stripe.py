"""`account-app stripe setup` makes what an account lacks, finds it again, and never makes it twice."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from relay.billing import FOLLOWED
from relay.cli.stripe import run, wanted
from relay.gateways.payments.setup import SetUp
from relay.settings import read_settings
from tests.fixtures.stripe_desk import Desk, desk

HOOK = "https://account.example.com/api/stripe/webhook"
EMPTY = {"STRIPE_PRICE_PLAN": "price_none", "STRIPE_PRICE_OVERAGE": "price_none_either", "STRIPE_METER_EVENT": "ours"}
LISTS = {
    "products": lambda c: c.v1.products.list({"limit": 100}),
    "prices": lambda c: c.v1.prices.list({"limit": 100}),
    "meters": lambda c: c.v1.billing.meters.list({"limit": 100}),
    "portals": lambda c: c.v1.billing_portal.configurations.list({"limit": 100}),
    "endpoints": lambda c: c.v1.webhook_endpoints.list({"limit": 100}),
    "destinations": lambda c: c.v2.core.event_destinations.list(),
}


@pytest.fixture
def account() -> Iterator[Desk]:
    with desk() as found:
        yield found


def set_up(account: Desk, *, usd: int = 20, hook: str = HOOK, dry_run: bool = False, **settings: str) -> SetUp:
    """One run in a process that has only these settings."""
    found = read_settings(**{**account.world.settings, **EMPTY, **settings})
    return asyncio.run(run(found, wanted(found, usd * 100, "Plan", hook), dry_run))


def objects(account: Desk) -> dict[str, list[Any]]:
    return {name: [dict(one.to_dict()) for one in listed(account.client).data] for name, listed in LISTS.items()}


def states(done: SetUp) -> list[str]:
    return [step.state for step in done.steps]


def test_an_empty_account_gets_all_of_it_once_and_a_second_run_changes_nothing(account: Desk) -> None:
    before = objects(account)
    assert set(states(set_up(account, dry_run=True))) == {"made"}
    assert objects(account) == before
    first = set_up(account)
    assert set(states(first)) == {"made"}
    made = objects(account)
    assert {name: len(made[name]) - len(before[name]) for name in made} == {
        "products": 2, "prices": 2, "meters": 1, "portals": 1, "endpoints": 1, "destinations": 1,
    }  # fmt: skip
    again = set_up(account)
    assert set(states(again)) == {"there"}
    # By the settings that the first run printed, too; and nobody is told a secret a second time.
    by_settings = set_up(account, **first.settings)
    assert set(states(by_settings)) == {"there"}
    assert objects(account) == made
    secrets = {name for name in first.settings if "SECRET" in name}
    assert secrets == {"STRIPE_WEBHOOK_SECRET", "STRIPE_THIN_WEBHOOK_SECRET"}
    assert first.settings.items() - again.settings.items() == {(name, first.settings[name]) for name in secrets}
    assert by_settings.settings == again.settings


def test_what_is_made_is_what_billing_counts_on(account: Desk) -> None:
    found, client = set_up(account, PLAN_MONTHLY_CREDIT_USD="12.50").settings, account.client
    plan = client.v1.prices.retrieve(found["STRIPE_PRICE_PLAN"])
    assert (plan.unit_amount, plan.currency, plan.recurring.interval) == (2000, "usd", "month")
    assert plan.metadata["monthly_credit_usd"] == "12.50"
    overage = client.v1.prices.retrieve(found["STRIPE_PRICE_OVERAGE"])
    assert (overage.unit_amount, overage.recurring.usage_type) == (1, "metered")
    meter = client.v1.billing.meters.retrieve(overage.recurring.meter)
    assert (meter.event_name, meter.default_aggregation.formula) == (found["STRIPE_METER_EVENT"], "sum")
    endpoint = endpoint_of(account)
    assert (endpoint.api_version, set(endpoint.enabled_events)) == (stripe.api_version, set(FOLLOWED))
    portal = client.v1.billing_portal.configurations.retrieve(found["STRIPE_PORTAL_CONFIGURATION"])
    assert portal.features.subscription_cancel.mode == "at_period_end"
    assert portal.features.payment_method_update.enabled
    (product,) = portal.features.subscription_update.products
    assert (product.product, product.prices) == (plan.product, [plan.id])


def test_another_plan_price_and_further_events_are_added_to_what_is_there(account: Desk) -> None:
    plan = account.client.v1.prices.retrieve(set_up(account).settings["STRIPE_PRICE_PLAN"])
    larger = account.client.v1.prices.create(
        {
            "product": str(plan.product),
            "currency": "usd",
            "unit_amount": 5000,
            "recurring": {"interval": "month"},
            "metadata": {"monthly_credit_usd": "40"},
        }
    )
    account.client.v1.webhook_endpoints.update(endpoint_of(account).id, {"enabled_events": ["invoice.paid"]})
    again = set_up(account)
    changed = {step.what for step in again.steps if step.state == "changed"}
    assert changed == {"portal configuration", "webhook endpoint"}
    assert endpoint_of(account).enabled_events == sorted(FOLLOWED)
    portal_id = again.settings["STRIPE_PORTAL_CONFIGURATION"]
    configured = account.client.v1.billing_portal.configurations.retrieve(portal_id)
    (product,) = configured.features.subscription_update.products
    assert set(product.prices) == {plan.id, larger.id}
    assert set(states(set_up(account))) == {"there"}


def test_what_does_not_fit_is_told_and_left_alone(account: Desk) -> None:
    settings = set_up(account).settings
    meters = account.client.v1.billing.meters
    meters.create({"display_name": "Others", "event_name": "others", "default_aggregation": {"formula": "count"}})
    old = HOOK + "/old"
    account.client.v1.webhook_endpoints.create({"url": old, "enabled_events": ["*"], "api_version": "2024-06-20"})
    before = objects(account)
    assert "costs $20.00" in note_of(set_up(account, usd=99), "monthly plan price")
    assert "brings $10" in note_of(set_up(account, PLAN_MONTHLY_CREDIT_USD="99"), "monthly plan price")
    other = set_up(account, **(settings | {"STRIPE_METER_EVENT": "others"}))
    assert "counts something else" in note_of(other, "meter")
    assert "not one cent for each unit of the meter" in note_of(other, "metered price of one cent")
    assert "2024-06-20" in note_of(set_up(account, hook=old, dry_run=True), "webhook endpoint")
    assert objects(account) == before


def test_the_command_prints_what_to_set_and_exits_1_when_something_does_not_fit(account: Desk) -> None:
    command = [sys.executable, "-m", "relay.cli", "stripe", "setup", "--webhook-url", HOOK]
    env = {"PATH": os.environ["PATH"], **account.world.settings, **EMPTY}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("STRIPE_WEBHOOK_SECRET=whsec_")]
    again = subprocess.run([*command, "--json", "--plan-usd", "30"], env=env, capture_output=True, text=True)
    report = json.loads(again.stdout)
    assert (again.returncode, report["ok"], report["dry_run"]) == (1, False, False)
    assert [step["what"] for step in report["steps"] if step["state"] == "differs"] == ["monthly plan price"]


def endpoint_of(account: Desk) -> stripe.WebhookEndpoint:
    return next(one for one in account.client.v1.webhook_endpoints.list({"limit": 100}).data if one.url == HOOK)


def note_of(done: SetUp, what: str) -> str:
    return next(step.note for step in done.steps if (step.what, step.state) == (what, "differs"))
