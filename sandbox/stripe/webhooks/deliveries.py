"""Webhooks: events on their way to whoever asked for them, signed, and tried again until they are taken."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx
import orjson
from stripe import WebhookSignature

from sandbox.stripe.door.showing import shown
from sandbox.stripe.mischief import Mischief, Wish
from sandbox.stripe.objects.thin_event import DESTINATION, notification
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.older import older

HELD_SECONDS_MAX = 1.0
AT_ONCE = 16
# In seconds of real time: as Stripe does, quickly at first and then for days.
WAITS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0)


@dataclass(slots=True)
class Delivery:
    """One event on its way to one address. `statuses` are the answers so far; 0 is none."""

    event: str
    type: str
    url: str
    endpoint: str
    statuses: list[int] = field(default_factory=list)
    done: bool = False


class Deliveries:
    """Sends in the background, in the order of events unless told otherwise; a failing address delays nobody."""

    def __init__(self, store: Store, mischief: Mischief) -> None:
        self.store = store
        self.mischief = mischief
        self.waits = WAITS
        self.log: list[Delivery] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.held: list[tuple[Delivery, Json]] = []
        self.held_for = 0
        self.turn = asyncio.Semaphore(AT_ONCE)
        self.http: httpx.AsyncClient | None = None
        store.told.append(self.take)

    def take(self, event: Json) -> None:
        """Plans the deliveries of a new event."""
        endpoints = [one for one in self._endpoints(event) if _wants(one, event["type"])]
        if event["object"] == "event":
            event["pending_webhooks"] = len(endpoints)
        if not endpoints:
            return
        wish = self.mischief.for_event(event["type"])
        for endpoint in endpoints:
            self._plan(endpoint, event, wish)

    def resume(self) -> None:
        """Takes up, after a restart, what had not arrived."""
        for delivery in self.log:
            event = self.store.find(delivery.event)
            if event is not None and not delivery.done:
                self._later(delivery, event, None)

    async def first_attempts(self, seconds_max: float) -> None:
        """Until everything has been sent once, or so much time has passed."""
        for _ in range(int(seconds_max * 100)):
            if all(one.statuses or one.done for one in self.log[-AT_ONCE * 4 :]):
                return
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.http is not None:
            await self.http.aclose()

    def _endpoints(self, event: Json) -> list[Json]:
        if event["object"] == "event":
            return [one for one in self.store.all("webhook_endpoint") if one["status"] == "enabled"]
        return [one for one in self.store.all(DESTINATION) if one["status"] == "enabled"]

    def _plan(self, endpoint: Json, event: Json, wish: Wish | None) -> None:
        delivery = Delivery(event["id"], event["type"], _url(endpoint), endpoint["id"])
        self.log.append(delivery)
        if wish and wish.behaviour == "disorder":
            self.held_for = wish.of
        if self.held_for:
            self._hold(delivery, event)
        elif not (wish and wish.behaviour == "drop"):
            for _ in range(3 if wish and wish.behaviour == "duplicate" else 1):
                self._later(delivery, event, wish)

    def _hold(self, delivery: Delivery, event: Json) -> None:
        """Keeps an event until enough have come to send them the wrong way round, or none comes any more."""
        if not self.held:
            asyncio.get_running_loop().call_later(HELD_SECONDS_MAX, self._release)
        self.held.append((delivery, event))
        if len(self.held) >= self.held_for:
            self._release()

    def _release(self) -> None:
        held, self.held, self.held_for = self.held, [], 0
        if held:
            self._start(self._in_turn(held[::-1]))

    async def _in_turn(self, held: list[tuple[Delivery, Json]]) -> None:
        for delivery, event in held:
            await self._attempt(delivery, event, None)
            if not delivery.done:
                self._later(delivery, event, None)

    def _later(self, delivery: Delivery, event: Json, wish: Wish | None) -> None:
        self._start(self._send(delivery, event, wish))

    def _start(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _send(self, delivery: Delivery, event: Json, wish: Wish | None) -> None:
        if wish and wish.behaviour == "delay":
            await asyncio.sleep(wish.ms / 1000)
        for wait in (0.0, *self.waits):
            await asyncio.sleep(wait)
            async with self.turn:
                await self._attempt(delivery, event, wish)
            if delivery.done:
                return

    async def _attempt(self, delivery: Delivery, event: Json, wish: Wish | None) -> None:
        endpoint = self.store.find(delivery.endpoint)
        if endpoint is None or endpoint.get("deleted"):
            delivery.done = True
            return
        body = _payload(event, wish)
        # Whoever receives it compares this with the real time, however far the sandbox's own was moved.
        signature = WebhookSignature.generate_signature_header(body, endpoint["_secret"], int(time.time()))
        if wish and wish.behaviour == "forged":
            signature = WebhookSignature.generate_signature_header(body, "whsec_of_somebody_else", int(time.time()))
        status = await self._post(delivery.url, body, signature)
        delivery.statuses.append(status)
        delivery.done = delivery.done or 200 <= status < 300
        if delivery.done and event["object"] == "event":
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)

    async def _post(self, url: str, body: str, signature: str) -> int:
        if self.http is None:
            self.http = httpx.AsyncClient(trust_env=False, verify=False, timeout=20)  # noqa: S501
        headers = {"stripe-signature": signature, "content-type": "application/json; charset=utf-8"}
        try:
            answer = await self.http.post(url, content=body.encode(), headers={**headers, "user-agent": "Stripe/1.0"})
        except httpx.HTTPError:
            return 0
        return answer.status_code


def _wants(endpoint: Json, kind: str) -> bool:
    return "*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"]


def _url(endpoint: Json) -> str:
    return endpoint["url"] if "url" in endpoint else endpoint["webhook_endpoint"]["url"]


def _payload(event: Json, wish: Wish | None) -> str:
    told = shown(notification(event) if event["object"] != "event" else event)
    if wish and wish.behaviour == "old_version":
        told = older(told)
    if wish and wish.behaviour == "other_mode":
        told["livemode"] = True
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
