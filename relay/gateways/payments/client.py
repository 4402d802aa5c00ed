"""Stripe, through its SDK. Every call is bounded in time; what failed says whether trying again can help."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import stripe
from stripe import StripeClient, StripeObject

from relay.gateways.payments import reading
from relay.gateways.payments.failures import Missing, failures
from relay.gateways.payments.shapes import (
    CheckoutSession,
    Customer,
    Dispute,
    Invoice,
    Refund,
    Said,
    Subscription,
    at,
    text,
)
from relay.gateways.payments.signing import verified
from relay.settings import Settings

if TYPE_CHECKING:
    # Some hundred modules of Stripe's, of which nothing is wanted when this runs.
    from stripe import params as asks
    from stripe.params import billing, billing_portal

CALL_SECONDS_MAX = 20
RETRIES = 2
PAGE = 100

Call = Callable[[StripeClient], Coroutine[Any, Any, StripeObject]]
PageOf = Callable[[StripeClient, Any], Coroutine[Any, Any, StripeObject]]
Json = dict[str, Any]
"""What Stripe answered, as plain data: read by `reading` alone."""


class Payments:
    """One process's way to Stripe. Build it once; `aclose` it in the loop that used it."""

    def __init__(self, settings: Settings) -> None:
        """Misconfigured when STRIPE_API_KEY is not set."""
        key = settings.secret("STRIPE_API_KEY")
        self.livemode = "_live_" in key
        self._settings = settings
        self._http = stripe.HTTPXClient(timeout=CALL_SECONDS_MAX)
        base = settings.STRIPE_API_BASE
        self._client = StripeClient(
            key,
            base_addresses={"api": base, "files": base, "connect": base, "meter_events": base},
            http_client=self._http,
            max_network_retries=RETRIES,
        )
        self._meter_id = ""

    @property
    def api_version(self) -> str:
        """The version that every call is pinned to."""
        return stripe.api_version or ""

    async def aclose(self) -> None:
        await self._http.close_async()

    def said(self, body: bytes, signature: str, now: datetime) -> Said:
        """What an event is about. BadSignature unless one of our secrets signed these bytes within five minutes."""
        given = (self._settings.STRIPE_WEBHOOK_SECRET, self._settings.STRIPE_THIN_WEBHOOK_SECRET)
        secrets = tuple(secret.get_secret_value() for secret in given if secret)
        return reading.said(verified(body, signature, now, secrets))

    async def customer(self, customer_id: str) -> Customer:
        return reading.customer(await self._do(lambda c: c.v1.customers.retrieve_async(customer_id)))

    async def find_customer(self, account_id: str, email: str) -> Customer | None:
        """A customer made for this account whose id we lost: looked for by address, as searching lags behind."""
        found = await self._do(lambda c: c.v1.customers.list_async({"email": email, "limit": PAGE}))
        ours = [reading.customer(one) for one in found["data"]]
        return next((one for one in ours if one.account_id == account_id), None)

    async def create_customer(self, account_id: str, email: str, key: str) -> Customer:
        params: asks.CustomerCreateParams = {"email": email, "metadata": {"account_id": account_id}}
        return reading.customer(await self._do(lambda c: c.v1.customers.create_async(params, {"idempotency_key": key})))

    async def change_email(self, customer_id: str, email: str) -> None:
        await self._do(lambda c: c.v1.customers.update_async(customer_id, {"email": email}))

    async def delete_customer(self, customer_id: str) -> None:
        """Its subscriptions end with it. Nothing happens when it is gone already."""
        try:
            await self._do(lambda c: c.v1.customers.delete_async(customer_id))
        except Missing:
            return

    async def open_checkout(self, params: Mapping[str, Any], key: str) -> CheckoutSession:
        made: Any = params
        return reading.checkout(
            await self._do(lambda c: c.v1.checkout.sessions.create_async(made, {"idempotency_key": key}))
        )

    async def checkout(self, session_id: str) -> CheckoutSession:
        return reading.checkout(await self._do(lambda c: c.v1.checkout.sessions.retrieve_async(session_id)))

    async def portal_url(self, customer_id: str, return_url: str) -> str:
        """A door that opens for whoever has it: one for each click, never logged."""
        params: billing_portal.SessionCreateParams = {"customer": customer_id, "return_url": return_url}
        if self._settings.STRIPE_PORTAL_CONFIGURATION:
            params["configuration"] = self._settings.STRIPE_PORTAL_CONFIGURATION
        return text(await self._do(lambda c: c.v1.billing_portal.sessions.create_async(params)), "url")

    async def subscription(self, subscription_id: str) -> Subscription:
        return reading.subscription(await self._do(lambda c: c.v1.subscriptions.retrieve_async(subscription_id)))

    async def invoice(self, invoice_id: str) -> Invoice:
        """With every line of it, and the payments that were made."""
        params: asks.InvoiceRetrieveParams = {"expand": ["payments"]}
        found = await self._do(lambda c: c.v1.invoices.retrieve_async(invoice_id, params))
        if at(found, "lines", "has_more"):
            lines = self.each(lambda c, page: c.v1.invoices.line_items.list_async(invoice_id, page))
            found["lines"]["data"] = [line async for line in lines]
        return reading.invoice(found)

    async def each(self, page_of: PageOf, about: Mapping[str, Any] | None = None) -> AsyncIterator[Any]:
        """Every object of a list, however long, as plain data."""
        params: dict[str, Any] = {**(about or {}), "limit": PAGE}
        while True:
            page = await self._do(lambda c: page_of(c, params))
            for one in page["data"]:
                yield one
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]

    async def invoices_of(self, subscription_id: str) -> list[str]:
        """The ids of its newest invoices."""
        params: asks.InvoiceListParams = {"subscription": subscription_id, "limit": 3}
        found = await self._do(lambda c: c.v1.invoices.list_async(params))
        return [text(one, "id") for one in found["data"]]

    async def preview(self, customer_id: str, subscription_id: str) -> Invoice:
        """What the next invoice would be, with what the meter has counted so far."""
        params: asks.InvoiceCreatePreviewParams = {"customer": customer_id, "subscription": subscription_id}
        return reading.invoice(await self._do(lambda c: c.v1.invoices.create_preview_async(params)))

    async def refunds(self, payment_intent_id: str) -> list[Refund]:
        return await self._refunds({"payment_intent": payment_intent_id})

    async def disputes(self, payment_intent_id: str) -> list[Dispute]:
        return await self._disputes({"payment_intent": payment_intent_id})

    async def paybacks_since(self, begin: datetime) -> list[Refund | Dispute]:
        """Every refund and dispute of anybody's that was made since, newest first."""
        made = {"created": {"gte": int(begin.timestamp())}}
        return [*await self._refunds(made), *await self._disputes(made)]

    async def _refunds(self, which: Mapping[str, Any]) -> list[Refund]:
        return [reading.refund(one) async for one in self.each(lambda c, page: c.v1.refunds.list_async(page), which)]

    async def _disputes(self, which: Mapping[str, Any]) -> list[Dispute]:
        return [reading.dispute(one) async for one in self.each(lambda c, page: c.v1.disputes.list_async(page), which)]

    async def refund(self, refund_id: str) -> Refund:
        return reading.refund(await self._do(lambda c: c.v1.refunds.retrieve_async(refund_id)))

    async def charge_payment_intent(self, charge_id: str) -> str:
        return text(await self._do(lambda c: c.v1.charges.retrieve_async(charge_id)), "payment_intent")

    async def dispute(self, dispute_id: str) -> Dispute:
        return reading.dispute(await self._do(lambda c: c.v1.disputes.retrieve_async(dispute_id)))

    async def tell_meter(self, customer_id: str, cents: int, used_at: datetime, identifier: str) -> None:
        """AlreadyTold when Stripe remembers the identifier."""
        params: billing.MeterEventCreateParams = {
            "event_name": self._settings.STRIPE_METER_EVENT,
            "payload": {"stripe_customer_id": customer_id, "value": str(cents)},
            "identifier": identifier,
            "timestamp": int(used_at.timestamp()),
        }
        # The identifier makes a repeat harmless; the SDK's own retries would hide a lost answer from the outbox.
        await self._do(lambda c: c.v1.billing.meter_events.create_async(params, {"max_network_retries": 0}))

    async def metered_cents(self, customer_id: str, start: datetime, end: datetime) -> int:
        """What the meter has counted in [start, end), both on whole minutes."""
        params: billing.MeterListEventSummariesParams = {
            "customer": customer_id,
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
            "limit": PAGE,
        }
        meter_id = await self.meter_id()
        found = await self._do(lambda c: c.v1.billing.meters.event_summaries.list_async(meter_id, params))
        return sum(int(one["aggregated_value"]) for one in found["data"])

    async def meter_id(self) -> str:
        """The id of the active meter with our event name; Missing when there is none."""
        if not self._meter_id:
            params: billing.MeterListParams = {"status": "active", "limit": PAGE}
            found = await self._do(lambda c: c.v1.billing.meters.list_async(params))
            name = self._settings.STRIPE_METER_EVENT
            ours = [text(one, "id") for one in found["data"] if text(one, "event_name") == name]
            if not ours:
                raise Missing(f"There is no active meter with the event name {name}.", passing=False)
            self._meter_id = ours[0]
        return self._meter_id

    async def add_invoice_item(
        self, customer_id: str, cents: int, description: str, key: str, subscription_id: str = ""
    ) -> str:
        """A line of the customer's next invoice, once per `key` however old it is; the item's id."""
        for one in (await self._items(customer_id))["data"]:
            if text(one, "metadata", "key") == key:
                return text(one, "id")
        params: asks.InvoiceItemCreateParams = {
            "customer": customer_id,
            "amount": cents,
            "currency": "usd",
            "description": description,
            "metadata": {"key": key},
        }
        if subscription_id:
            params["subscription"] = subscription_id
        return text(await self._do(lambda c: c.v1.invoice_items.create_async(params, {"idempotency_key": key})), "id")

    async def _items(self, customer_id: str) -> Json:
        params: asks.InvoiceItemListParams = {"customer": customer_id, "limit": PAGE}
        return await self._do(lambda c: c.v1.invoice_items.list_async(params))

    async def bill_items_now(self, customer_id: str, key: str) -> str:
        """An invoice of its own for the pending items of a customer whose subscription is over; its id."""
        params: asks.InvoiceCreateParams = {
            "customer": customer_id,
            "auto_advance": True,
            "pending_invoice_items_behavior": "include",
            "metadata": {"key": key},
        }
        return text(await self._do(lambda c: c.v1.invoices.create_async(params, {"idempotency_key": key})), "id")

    async def price_is(self, price_id: str) -> str:
        """`licensed` (so much a month), `metered`, `once` or `archived`. Missing when there is none of that id."""
        found = await self._do(lambda c: c.v1.prices.retrieve_async(price_id))
        return str(at(found, "recurring", "usage_type") or "once") if at(found, "active") else "archived"

    async def webhook_addresses(self) -> list[str]:
        """Where Stripe sends events to, of the endpoints that are enabled."""
        found = await self._do(lambda c: c.v1.webhook_endpoints.list_async({"limit": PAGE}))
        return [text(one, "url") for one in found["data"] if text(one, "status") == "enabled"]

    async def account_mode(self) -> str:
        """For health and doctor: that Stripe answers and takes our key."""
        await self._do(lambda c: c.v1.customers.list_async({"limit": 1}))
        return "live" if self.livemode else "test"

    async def their_time(self) -> str:
        """The `Date` of an answer of Stripe's, as it was sent: its signatures hang on that clock."""
        with failures():
            found = await self._client.v1.customers.list_async({"limit": 1})
        return found.last_response.headers.get("date", "") if found.last_response else ""

    async def ask(self, call: Call) -> Json:
        """One call, its answer as plain data: for what is not billing (see `setup`). PaymentsFailed as always."""
        return await self._do(call)

    async def _do(self, call: Call) -> Json:
        with failures():
            found = await call(self._client)
        return found.to_dict()
