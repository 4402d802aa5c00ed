"""The sandbox's webhooks: signed, tried again, and as disorderly as they are asked to be."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import stripe

from sandbox.stripe import Stripe
from tests.fixtures.stripe_desk import Receiver, buy_plan, desk, receiver, until, use

SECRET = "whsec_tests"


def listening(ours: Receiver) -> Stripe:
    made = Stripe(webhooks=[ours.url], secret=SECRET)
    made.deliveries.waits = (0.05, 0.05, 0.05)
    return made


def kinds(ours: Receiver) -> list[str]:
    return [json.loads(body)["type"] for body in ours.bodies]


def test_an_event_comes_signed_and_comes_again_until_it_is_taken() -> None:
    with receiver(500, 404) as ours, desk(Stripe(webhooks=[ours.url], secret=SECRET)) as at:
        at.options(webhook_waits=[0.05, 0.05])
        until(lambda: len(ours.bodies) == 0)
        at.client.v1.customers.create({"email": "anna@example.com"})
        until(lambda: len(ours.bodies) >= 3)
        event = stripe.Webhook.construct_event(ours.bodies[-1], ours.signatures[-1], SECRET)
        assert event.api_version == stripe.api_version
        assert event.data.object["email"] == "anna@example.com"
        until(lambda: at.client.v1.events.retrieve(event.id).pending_webhooks == 0)
        sent = next(one for one in at.books()["deliveries"] if one["event"] == event.id)
        assert sent["statuses"] == [500, 404, 200]


def test_an_endpoint_made_by_the_api_hears_of_what_it_asked_for() -> None:
    with receiver() as ours, desk() as at:
        made = at.client.v1.webhook_endpoints.create(
            {"url": ours.url, "enabled_events": ["customer.updated"], "api_version": "2026-10-28.endive"}
        )
        assert made.secret.startswith("whsec_")
        assert "secret" not in at.client.v1.webhook_endpoints.retrieve(made.id)
        customer = at.client.v1.customers.create({"email": "anna@example.com"}).id
        at.client.v1.customers.update(customer, {"email": "ben@example.com"})
        until(lambda: ours.bodies)
        event = stripe.Webhook.construct_event(ours.bodies[0], ours.signatures[0], made.secret)
        assert event.data.previous_attributes.to_dict() == {"email": "anna@example.com"}
        assert kinds(ours) == ["customer.updated"]
        with pytest.raises(stripe.InvalidRequestError):
            at.client.v1.webhook_endpoints.create({"url": ours.url, "enabled_events": ["customer.risen"]})


def test_webhooks_misbehave_as_they_are_asked_to() -> None:
    with receiver() as ours, desk(listening(ours)) as at:
        until(lambda: at.books()["events"])

        def created(count: int, wanted: int, **wish: object) -> list[dict[str, object]]:
            ours.bodies.clear()
            at.ask(**wish)
            for _ in range(count):
                at.client.v1.customers.create({})
            until(lambda: len(ours.bodies) == wanted)
            return [json.loads(body) for body in ours.bodies]

        assert len({one["id"] for one in created(1, 3, webhooks="duplicate", type="customer")}) == 1
        disorder = [str(one["id"]) for one in created(3, 3, webhooks="disorder", of=3)]
        assert disorder == [one.id for one in at.client.v1.events.list({"type": "customer.created", "limit": 3}).data]
        assert created(1, 1, webhooks="old_version")[0]["api_version"] == "2023-10-16"
        assert created(1, 1, webhooks="other_mode")[0]["livemode"] is True
        assert len(created(2, 1, webhooks="drop")) == 1
        created(1, 1, webhooks="forged")
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(ours.bodies[0], ours.signatures[-1], SECRET)


def test_an_event_of_an_older_version_has_its_fields_where_they_were_then() -> None:
    with receiver() as ours, desk(listening(ours)) as at:
        at.ask(webhooks="old_version", type="customer.subscription.created")
        at.ask(webhooks="old_version", type="invoice.paid")
        _, plan = buy_plan(at)
        until(lambda: "checkout.session.completed" in kinds(ours) and "invoice.paid" in kinds(ours))
        old = {one["type"]: one for one in map(json.loads, ours.bodies) if one["api_version"] == "2023-10-16"}
        assert set(old) == {"customer.subscription.created", "invoice.paid"}
        begun = old["customer.subscription.created"]["data"]["object"]
        assert begun["current_period_end"] == plan["items"].data[0].current_period_end
        assert "current_period_end" not in begun["items"]["data"][0]
        paid = old["invoice.paid"]["data"]["object"]
        assert (paid["subscription"], paid["paid"]) == (plan.id, True)
        assert "parent" not in paid


def test_a_key_that_is_being_worked_on_is_refused() -> None:
    with desk() as at, ThreadPoolExecutor(2) as pool:
        at.ask(behaviour="slow", ms=1500)
        first = pool.submit(at.client.v1.customers.create, {"email": "a@example.com"}, {"idempotency_key": "k"})
        until(lambda: at.world.stripe.door.in_flight)
        with pytest.raises(stripe.APIError) as raised:
            at.client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
        assert raised.value.http_status == 409
        assert first.result().id == at.client.v1.customers.list().data[0].id


def test_requests_misbehave_as_they_are_asked_to() -> None:
    with desk() as at:
        at.ask(behaviour="lost", path="POST /v1/customers")
        assert at.client.v1.customers.list().data == []
        with pytest.raises(stripe.APIConnectionError):
            at.client.v1.customers.create({"email": "anna@example.com"}, {"idempotency_key": "k"})
        again = at.client.v1.customers.create({"email": "anna@example.com"}, {"idempotency_key": "k"})
        assert [one.id for one in at.client.v1.customers.list().data] == [again.id]
        at.ask(behaviour="refused")
        with pytest.raises(stripe.APIConnectionError):
            at.client.v1.customers.create({})
        at.ask(status=429, code="rate_limit", times=2)
        for _ in range(2):
            with pytest.raises(stripe.RateLimitError):
                at.client.v1.customers.list()
        assert len(at.client.v1.customers.list().data) == 1
        assert httpx.post(f"{at.url}/sandbox/next", json={"behaviour": "sulk"}).status_code == 400


def test_nothing_is_lost_when_it_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "stripe.json"
    with receiver(500) as ours:
        with desk(Stripe(webhooks=[ours.url], secret="whsec_one", file=file)) as at:
            customer, plan = buy_plan(at)
            at.client.v1.customers.create({}, {"idempotency_key": "k"})
            at.advance(advance_seconds=3600)
            before = at.now
        with desk(Stripe(webhooks=[ours.url], secret="whsec_two", file=file)) as at:
            assert at.now >= before
            end = at.client.v1.subscriptions.retrieve(plan.id)["items"].data[0].current_period_end
            at.client.v1.customers.create({}, {"idempotency_key": "k"})
            assert len(at.client.v1.customers.list().data) == 2
            at.advance(to=end + 3600)
            assert len(at.client.v1.invoices.list({"customer": customer, "status": "paid"}).data) == 2
            assert len(at.client.v1.webhook_endpoints.list().data) == 1
            until(lambda: all(one["done"] for one in at.books()["deliveries"]))
            stripe.Webhook.construct_event(ours.bodies[-1], ours.signatures[-1], "whsec_two")
        file.unlink()
        with desk(Stripe(file=file)) as at, pytest.raises(stripe.InvalidRequestError) as raised:
            at.client.v1.customers.retrieve(customer)
    assert (raised.value.http_status, raised.value.code) == (404, "resource_missing")


def test_time_is_moved_by_the_buttons_of_the_front_page() -> None:
    with desk() as at:
        customer, plan = buy_plan(at)
        for by in ("hour", "day", "period", "hour"):
            assert httpx.post(f"{at.url}/clock", data={"by": by}).status_code == 303
        assert len(at.client.v1.invoices.list({"customer": customer, "status": "paid"}).data) == 2
        seen = httpx.get(at.url).text
        assert "A day on" in seen
        assert customer in seen
        refused = httpx.post(f"{at.url}/sandbox/clock", json={"advance_seconds": -1})
        assert refused.status_code == 400
        assert plan.id in {one["id"] for one in at.books(customer)["subscriptions"]}


def test_whoever_hears_of_a_draft_may_still_add_to_it_while_time_moves_on() -> None:
    with receiver() as ours, desk() as at:
        secret = httpx.post(f"{at.url}/sandbox/listen", json={"url": ours.url}).json()["secret"]
        assert secret == at.world.settings["STRIPE_WEBHOOK_SECRET"]
        customer, plan = buy_plan(at)
        end = plan["items"].data[0].current_period_end
        mover = threading.Thread(target=at.advance, kwargs={"to": end + 7200, "wait_seconds": 2.0})
        mover.start()
        until(lambda: kinds(ours).count("invoice.created") == 2)
        use(at, customer, 9, timestamp=end - 60)
        mover.join()
        assert at.client.v1.invoices.list({"customer": customer}).data[0].amount_paid == 2009
