"""The sandbox's Stripe and Stripe's own client to it, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import stripe
from stripe import StripeClient

from sandbox.serve import Running, in_thread
from sandbox.stripe import Stripe

DAY = 86_400


@dataclass
class Desk:
    """A running sandbox, its client, and what only the sandbox has."""

    world: Running
    client: StripeClient

    @property
    def url(self) -> str:
        return self.world.urls["stripe"]

    def advance(self, **how: float) -> None:
        """`advance_seconds`, or `to`."""
        httpx.post(f"{self.url}/sandbox/clock", json=how, timeout=30).raise_for_status()

    def ask(self, **wish: object) -> None:
        httpx.post(f"{self.url}/sandbox/next", json=wish).raise_for_status()

    def options(self, **values: object) -> None:
        httpx.post(f"{self.url}/sandbox/options", json=values).raise_for_status()

    def books(self, customer: str | None = None) -> dict[str, Any]:
        return httpx.post(f"{self.url}/sandbox/books", json={"customer": customer}).json()

    def events(self, kind: str) -> list[stripe.Event]:
        """Oldest first."""
        return self.client.v1.events.list({"type": kind, "limit": 100}).data[::-1]

    @property
    def now(self) -> int:
        return int(self.world.stripe.store.exact_now())


@contextmanager
def desk(stripe_server: Stripe | None = None, key: str = "sk_test_sandbox123") -> Iterator[Desk]:
    with in_thread(["stripe"], stripe=stripe_server) as world, client_of(world, key) as client:
        world.stripe.store.options.aggregation_seconds = 0
        yield Desk(world, client)


@contextmanager
def client_of(world: Running, key: str = "sk_test_sandbox123") -> Iterator[StripeClient]:
    http = stripe.RequestsClient()
    yield StripeClient(key, base_addresses={"api": world.urls["stripe"]}, http_client=http, max_network_retries=0)
    http.close()


def until(fact: Callable[[], object], seconds: float = 20) -> None:
    """Waits for a fact; an AssertionError when it does not come true."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)


@dataclass
class Receiver:
    """An address that takes webhooks: each one's body and signature, and the statuses that it answers with first."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    taken = Receiver(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.bodies.append(body)
            taken.signatures.append(self.headers["stripe-signature"])
            self.send_response(taken.statuses.pop(0) if taken.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def buy_plan(at: Desk, card: str = "4242424242424242", **more: Any) -> tuple[str, stripe.Subscription]:
    """A new customer who has bought the plan with this card: the customer's id and the subscription."""
    customer = at.client.v1.customers.create({"email": "anna@example.com"}).id
    items = [{"price": "price_plan", "quantity": 1}, {"price": "price_overage"}]
    session = check_out(at, mode="subscription", customer=customer, line_items=items, **more)
    assert pay(session, card).status_code == 303
    paid = at.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert isinstance(paid.subscription, stripe.Subscription)
    return customer, paid.subscription


def buy_credit(at: Desk, customer: str, cents: int = 2500, card: str = "4242424242424242") -> stripe.checkout.Session:
    """A top-up that was paid by this card: its session, complete."""
    price = {"currency": "usd", "unit_amount": cents, "product_data": {"name": "Credit"}}
    items = [{"price_data": price, "quantity": 1}]
    session = check_out(at, mode="payment", customer=customer, line_items=items, invoice_creation={"enabled": True})
    assert pay(session, card).status_code == 303
    return at.client.v1.checkout.sessions.retrieve(session.id)


def check_out(at: Desk, **params: Any) -> stripe.checkout.Session:
    where = {"success_url": "http://localhost/paid?session={CHECKOUT_SESSION_ID}", "cancel_url": "http://localhost/"}
    return at.client.v1.checkout.sessions.create({**where, **params})


def pay(session: stripe.checkout.Session, card: str = "4242424242424242") -> httpx.Response:
    """What a person does on the page."""
    assert session.url
    return httpx.post(session.url, data={"action": "pay", "card": card})


def use(at: Desk, customer: str, cents: int, **more: object) -> None:
    """Overage that the meter hears of."""
    payload = {"stripe_customer_id": customer, "value": str(cents)}
    at.client.v1.billing.meter_events.create({"event_name": "overage_cents", "payload": payload, **more})
