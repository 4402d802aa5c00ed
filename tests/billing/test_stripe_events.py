"""Stripe's webhook: signed or refused, stored before it is believed, worked once, set aside when it is not for us."""

import asyncio
import json
import time
from contextlib import nullcontext
from functools import partial
from typing import Any

import httpx
import pytest
import stripe

from relay import billing, clock
from relay.errors import BadSignature
from relay.gateways.payments.reading import said
from relay.gateways.payments.signing import verified
from relay.money import PICO_PER_USD
from sandbox.stripe import defaults
from tests.fixtures.billing_desk import Town
from tests.fixtures.calling import new_customer
from tests.fixtures.product import Product, eventually


@pytest.fixture
def connected(shared_product: Product) -> Product:
    """The product, with the sandbox's Stripe telling it everything."""
    world = shared_product.world
    defaults.listen(world.stripe.store, f"{shared_product.url}/api/stripe/webhook", world.stripe.secret)
    return shared_product


def signed(
    product: Product, event: dict[str, Any] | str, *, at: float | None = None, secret: str = ""
) -> httpx.Response:
    body = event if isinstance(event, str) else json.dumps(event)
    key = secret or product.environment["STRIPE_WEBHOOK_SECRET"]
    header = stripe.WebhookSignature.generate_signature_header(body, key, timestamp=int(at or time.time()))
    with product.http() as http:
        return http.post("/api/stripe/webhook", content=body, headers={"stripe-signature": header})


def an_event(event_id: str = "evt_test", kind: str = "invoice.paid", **more: Any) -> dict[str, Any]:
    about = {"id": "in_missing", "object": "invoice"}
    return {
        "id": event_id, "object": "event", "type": kind, "created": 1_795_000_000, "livemode": False,
        "api_version": "2026-10-28.endive", "data": {"object": about}, **more,
    }  # fmt: skip


def states(product: Product) -> dict[str, str]:
    listed = product.run("events", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return {row["id"]: row["state"] for row in json.loads(listed.stdout)}


def test_from_the_click_to_the_credit_and_the_invoice(connected: Product) -> None:
    key = new_customer(connected, "0")
    with connected.http(key) as http:
        bought = http.post("/api/billing/checkout", json={"kind": "topup", "amount_usd": "25"}).raise_for_status()
        httpx.post(bought.json()["url"], data={"action": "pay", "card": "4242424242424242"}, timeout=30)
        assert eventually(lambda: http.get("/api/balance").json()["credit_usd"] == "25")
        (invoice,) = eventually(lambda: http.get("/api/billing/invoices").json()["invoices"])
        assert (invoice["status"], invoice["amount_usd"]) == ("paid", "25")
        assert http.get("/api/billing/preview").json() == {
            "amount_usd": "0", "lines": [], "period_start": None, "period_end": None
        }  # fmt: skip
        assert http.put("/api/billing/cap", json={"usd": "12.5"}).json() == {"spend_cap_usd": "12.5"}
        assert http.get("/api/balance").json()["spend_cap_usd"] == "12.5"
        assert http.post("/api/billing/portal").json()["url"].startswith("http")
    assert "done" in states(connected).values()
    assert connected.run("sync").returncode == 0
    reconciled = connected.run("reconcile", "--json")
    assert (reconciled.returncode, json.loads(reconciled.stdout)) == (0, {"ok": True, "differences": []})


@pytest.mark.parametrize("body", [{"usd": "-1"}, {"usd": "1000.01"}, {"usd": True}, {"usd": "NaN"}, {}, {"usd": []}])
def test_a_cap_out_of_bounds_is_refused_in_words(shared_product: Product, body: dict[str, Any]) -> None:
    with shared_product.http(new_customer(shared_product, "0")) as http:
        refused = http.put("/api/billing/cap", json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
        assert "$0 to $1000" in refused.json()["title"]


def test_only_stripes_signature_of_these_five_minutes_is_taken(shared_product: Product) -> None:
    assert signed(shared_product, an_event("evt_good")).status_code == 200
    forged = signed(shared_product, an_event("evt_forged"), secret="whsec_another")
    stale = signed(shared_product, an_event("evt_stale"), at=time.time() - 400)
    early = signed(shared_product, an_event("evt_early"), at=time.time() + 400)
    with shared_product.http() as http:
        unsigned = http.post("/api/stripe/webhook", content=b"{}")
    damaged = [signed(shared_product, body) for body in ("", "[" * 9_000, "{", "[]")]
    for refused in (forged, stale, early, unsigned, *damaged):
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_signature")
    known = states(shared_product)
    assert "evt_good" in known
    assert not {"evt_forged", "evt_stale", "evt_early"} & set(known)


@pytest.mark.parametrize(("age", "is_taken"), [(0, True), (86_400, False)])
@pytest.mark.parametrize("behind", ["t={now}", "t=soon", "v1=00", "v0=00"])
def test_the_time_that_counts_is_the_one_that_was_signed(age: int, is_taken: bool, behind: str) -> None:
    now = clock.now()
    at = int(now.timestamp())
    header = stripe.WebhookSignature.generate_signature_header("{}", "whsec_ours", timestamp=at - age)
    with nullcontext() if is_taken else pytest.raises(BadSignature):
        assert verified(b"{}", f"{header},{behind.format(now=at)}", now, ("whsec_ours",)) == {}


def test_no_nul_enters_with_an_event() -> None:
    found = said(an_event("evt_\0one", "invoice\0.paid"))
    assert (found.id, found.type) == ("evt_one", "invoice.paid")


def test_an_event_of_the_other_mode_is_set_aside(shared_product: Product) -> None:
    assert signed(shared_product, an_event("evt_live", livemode=True)).status_code == 200
    assert states(shared_product)["evt_live"] == "set_aside"


def test_what_fails_is_listed_and_replayed_until_it_works(shared_product: Product) -> None:
    assert signed(shared_product, an_event("evt_missing")).status_code == 200
    assert eventually(lambda: states(shared_product)["evt_missing"] == "failed")
    again = shared_product.run("events", "replay", "evt_missing")
    assert (again.returncode, "evt_missing: failed" in again.stdout) == (1, True)
    assert shared_product.run("events", "replay", "evt_nobody_sent").returncode == 2
    assert shared_product.run("events", "replay").returncode == 2


async def test_an_event_of_an_older_api_version_works_as_its_object_is_fetched_at_ours(here: Town) -> None:
    ada = here.person()
    here.pay(await billing.check_out(here.office, ada, "topup", "25"))
    old = [{**event, "api_version": "2023-10-16"} for event in here.stripe.world.stripe.store.all("event")]
    for event in old:
        await here.database.write(partial(billing.store, said=said(event), livemode=False))
    await billing.work_through(here.office)
    assert here.balance(ada).credit_pico == 25 * PICO_PER_USD


async def test_fifty_copies_backwards_and_a_month_late_have_one_effect(here: Town) -> None:
    ada = here.person()
    here.pay(await billing.check_out(here.office, ada, "plan"))
    here.pay(await billing.check_out(here.office, ada, "topup", "10"))
    await here.hear(lambda events: events[::-1] * 50)
    here.heard.clear()
    await here.advance(20 * 86_400)
    await here.hear(lambda events: [{**event, "id": event["id"] + "again"} for event in events])
    assert here.balance(ada).credit_pico == 20 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_handler_that_fails_holds_up_nobody_and_is_tried_again(here: Town) -> None:
    ada, bob = here.person("ada"), here.person("bob")
    for who in (ada, bob):
        here.pay(await billing.check_out(here.office, who, "topup", "10"))
    here.stripe.ask(status=500, times=4, path="GET /v1/checkout/sessions")
    await here.hear()
    await here.advance(3600)
    await billing.work_through(here.office)
    assert [here.balance(who).credit_pico for who in (ada, bob)] == [10 * PICO_PER_USD] * 2


async def test_a_customer_that_was_deleted_at_stripe_ends_the_plan_and_the_next_purchase_makes_another(
    here: Town,
) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    first = here.customer(ada)
    here.stripe.client.v1.customers.delete(first)
    await here.hear()
    assert not here.balance(ada).has_plan
    await here.buy_credit(ada, "5")
    assert here.customer(ada) not in ("", first)
    assert here.balance(ada).credit_pico == 15 * PICO_PER_USD


async def test_two_clicks_at_the_same_moment_make_one_customer(here: Town) -> None:
    ada = here.person()
    clicks = [billing.check_out(here.office, ada, "topup", "10") for _ in range(5)]
    assert len(set(await asyncio.gather(*clicks))) == 1
    assert len(here.stripe.world.stripe.store.all("customer")) == 1
