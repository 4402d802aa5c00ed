"""What must be there in a Stripe account before anybody can pay: found, or made, one thing after the other.

Everything is recognised again by a name of ours (a price's lookup key, a meter's event name, a webhook's address, a
mark in the metadata), so a second run finds what the first one made. What is there and cannot be changed is left as
it is and told; nothing is made twice, and nothing is deleted.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from stripe import StripeClient

from relay.gateways.payments.client import PAGE, Payments
from relay.gateways.payments.failures import Missing
from relay.gateways.payments.shapes import at, number, text
from relay.money import pico_from_usd

MARK = "account_app"
PLAN_KEY, OVERAGE_KEY = "account_app_plan", "account_app_overage"
THIN_EVENTS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
State = Literal["there", "made", "changed", "differs", "left out"]
Call = Callable[[StripeClient], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the account shall have. An empty address leaves its webhook out."""

    name: str
    plan_cents: int
    credit_usd: str
    meter_event: str
    plan_price: str
    overage_price: str
    event_types: tuple[str, ...]
    webhook_url: str
    thin_webhook_url: str


@dataclass(frozen=True, slots=True)
class Step:
    """`state` as it is now; with a dry run, as it would be. `note` says what a person has to do about it."""

    what: str
    state: State
    id: str = ""
    note: str = ""


@dataclass
class SetUp:
    """One run. `steps` is what was found and done, `settings` what belongs into `.env`, secrets among it."""

    payments: Payments
    wanted: Wanted
    dry_run: bool = False
    steps: list[Step] = field(default_factory=list[Step])
    settings: dict[str, str] = field(default_factory=dict[str, str])

    async def run(self) -> None:
        """PaymentsFailed when Stripe refuses or does not answer; a further run goes on from there."""
        plan, plan_product = await self._plan_price()
        meter_id = await self._meter()
        overage = await self._overage_price(meter_id)
        portal = await self._portal(plan, plan_product)
        self.settings = {
            "STRIPE_PRICE_PLAN": plan,
            "STRIPE_PRICE_OVERAGE": overage,
            "STRIPE_METER_EVENT": self.wanted.meter_event,
            "STRIPE_PORTAL_CONFIGURATION": portal,
            **self.settings,
        }
        await self._webhook()
        await self._thin_webhook()

    async def _plan_price(self) -> tuple[str, str]:
        """Its id, and its product's."""
        what, credit = "monthly plan price", {"monthly_credit_usd": self.wanted.credit_usd}
        found = await self._price(self.wanted.plan_price, PLAN_KEY)
        if found is None:
            product = await self._product("plan", self.wanted.name)
            params: Any = {
                "product": product,
                "currency": "usd",
                "unit_amount": self.wanted.plan_cents,
                "recurring": {"interval": "month"},
                "lookup_key": PLAN_KEY,
                "metadata": credit,
            }
            return await self._make(what, lambda c: c.v1.prices.create_async(params)), product
        price_id, product = text(found, "id"), text(found, "product")
        brings = text(found, "metadata", "monthly_credit_usd")
        if number(found, "unit_amount") != self.wanted.plan_cents:
            has = f"${number(found, 'unit_amount') / 100:.2f}"
            self._say(what, "differs", price_id, f"It costs {has}, and a price never changes. Make another in Stripe.")
        elif not brings:
            marked: Any = {"metadata": credit}
            await self._change(what, price_id, lambda c: c.v1.prices.update_async(price_id, marked))
        elif pico_from_usd(brings) != pico_from_usd(self.wanted.credit_usd):
            note = f"It brings ${brings} of credit, which goes before PLAN_MONTHLY_CREDIT_USD. Change it in Stripe."
            self._say(what, "differs", price_id, note)
        else:
            self._say(what, "there", price_id)
        return price_id, product

    async def _meter(self) -> str:
        name = self.wanted.meter_event
        meters = self.payments.each(lambda c, page: c.v1.billing.meters.list_async(page), {"status": "active"})
        found = await _first(meters, lambda one: text(one, "event_name") == name)
        shape = {
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
        if found is None:
            params: Any = {"display_name": "Overage in cents", "event_name": name, **shape}
            return await self._make("meter", lambda c: c.v1.billing.meters.create_async(params))
        fits = _has(found, shape)
        note = "" if fits else "It counts something else. Set STRIPE_METER_EVENT to another name, or deactivate it."
        self._say("meter", "there" if fits else "differs", text(found, "id"), note)
        return text(found, "id")

    async def _overage_price(self, meter_id: str) -> str:
        found = await self._price(self.wanted.overage_price, OVERAGE_KEY)
        recurring = {"interval": "month", "usage_type": "metered", "meter": meter_id}
        shape = {"currency": "usd", "unit_amount": 1, "recurring": recurring}
        if found is None:
            product = await self._product("overage", f"{self.wanted.name}: pay-per-use")
            params: Any = {**shape, "product": product, "lookup_key": OVERAGE_KEY}
            return await self._make("metered price of one cent", lambda c: c.v1.prices.create_async(params))
        fits = _has(found, shape)
        note = "" if fits else f"It is not one cent for each unit of the meter {meter_id}. Make another in Stripe."
        self._say("metered price of one cent", "there" if fits else "differs", text(found, "id"), note)
        return text(found, "id")

    async def _portal(self, plan: str, product: str) -> str:
        """Cards, invoices, cancelling at the period's end, and changing between the plan prices of that product."""
        prices = sorted({plan, *(await self._prices_of(product))})
        features = {
            "payment_method_update": {"enabled": True},
            "invoice_history": {"enabled": True},
            "customer_update": {"enabled": False},
            "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
            "subscription_update": {
                "enabled": True,
                "default_allowed_updates": ["price"],
                "proration_behavior": "always_invoice",
                "products": [{"product": product, "prices": prices}],
            },
        }
        params: Any = {"features": features, "metadata": {MARK: "portal"}}
        portals = self.payments.each(
            lambda c, page: c.v1.billing_portal.configurations.list_async(page), {"active": True}
        )
        found = await _first(portals, lambda one: text(one, "metadata", MARK) == "portal")
        if found is None:
            return await self._make(
                "portal configuration", lambda c: c.v1.billing_portal.configurations.create_async(params)
            )
        found_id = text(found, "id")
        if _has(at(found, "features"), features):
            self._say("portal configuration", "there", found_id)
        else:
            await self._change(
                "portal configuration",
                found_id,
                lambda c: c.v1.billing_portal.configurations.update_async(found_id, params),
            )
        return found_id

    async def _webhook(self) -> None:
        what, url, types = "webhook endpoint", self.wanted.webhook_url, sorted(self.wanted.event_types)
        if not url:
            return self._say(what, "left out", note=_OUT_OF_REACH)
        endpoints = self.payments.each(lambda c, page: c.v1.webhook_endpoints.list_async(page))
        found = await _first(endpoints, lambda one: text(one, "url") == url)
        if found is None:
            params: Any = {"url": url, "enabled_events": types, "api_version": self.payments.api_version}
            made = await self._made(what, lambda c: c.v1.webhook_endpoints.create_async(params))
            return self._keep_secret("STRIPE_WEBHOOK_SECRET", text(made, "secret"))
        found_id = text(found, "id")
        if text(found, "api_version") != self.payments.api_version:
            speaks = text(found, "api_version") or "the account's version"
            note = f"It speaks {speaks}, not {self.payments.api_version}. Delete it in Stripe, and run this again."
            self._say(what, "differs", found_id, note)
        elif sorted(at(found, "enabled_events")) != types or text(found, "status") != "enabled":
            change: Any = {"enabled_events": types, "disabled": False}
            await self._change(what, found_id, lambda c: c.v1.webhook_endpoints.update_async(found_id, change))
        else:
            self._say(what, "there", found_id)

    async def _thin_webhook(self) -> None:
        """Errors of the meter come as thin events, for which an event destination of the second API is needed."""
        what, url = "event destination for meter errors", self.wanted.thin_webhook_url
        if not url:
            return self._say(what, "left out", note=_OUT_OF_REACH)
        include = ["webhook_endpoint.url"]
        page: Any = {"include": include, "limit": PAGE}
        listed = await self._ask(lambda c: c.v2.core.event_destinations.list_async(page))
        found = next((one for one in listed["data"] if text(one, "webhook_endpoint", "url") == url), None)
        if found is None:
            params: Any = {
                "name": "Meter errors",
                "type": "webhook_endpoint",
                "event_payload": "thin",
                "enabled_events": [*THIN_EVENTS],
                "webhook_endpoint": {"url": url},
                "include": ["webhook_endpoint.signing_secret"],
            }
            made = await self._made(what, lambda c: c.v2.core.event_destinations.create_async(params))
            secret = text(made, "webhook_endpoint", "signing_secret")
            return self._keep_secret("STRIPE_THIN_WEBHOOK_SECRET", secret)
        fits = set(THIN_EVENTS) <= set(at(found, "enabled_events")) and text(found, "status") == "enabled"
        note = "" if fits else f"It must be enabled and hear of {' and '.join(THIN_EVENTS)}."
        self._say(what, "there" if fits else "differs", text(found, "id"), note)

    async def _price(self, known_id: str, lookup_key: str) -> Any | None:
        """The price that the settings name, else the one that an earlier run has made."""
        try:
            return await self._ask(lambda c: c.v1.prices.retrieve_async(known_id))
        except Missing:
            params: Any = {"lookup_keys": [lookup_key], "active": True}
            found = await self._ask(lambda c: c.v1.prices.list_async(params))
            return next(iter(found["data"]), None)

    async def _prices_of(self, product: str) -> list[str]:
        """The product's other plan prices, which customers may change to."""
        if not product:
            return []
        params: Any = {"product": product, "active": True, "type": "recurring", "limit": PAGE}
        found = await self._ask(lambda c: c.v1.prices.list_async(params))
        return [text(one, "id") for one in found["data"] if text(one, "metadata", "monthly_credit_usd")]

    async def _product(self, role: str, name: str) -> str:
        products = self.payments.each(lambda c, page: c.v1.products.list_async(page), {"active": True})
        found = await _first(products, lambda one: text(one, "metadata", MARK) == role)
        if found is not None:
            self._say(f"product “{name}”", "there", text(found, "id"))
            return text(found, "id")
        params: Any = {"name": name, "metadata": {MARK: role}}
        return await self._make(f"product “{name}”", lambda c: c.v1.products.create_async(params))

    async def _make(self, what: str, call: Call) -> str:
        return text(await self._made(what, call), "id")

    async def _made(self, what: str, call: Call) -> Any:
        """What was made; nothing in a dry run, in which whatever depends on it has no id yet."""
        made: Any = {} if self.dry_run else await self._ask(call)
        self._say(what, "made", text(made, "id"))
        return made

    async def _change(self, what: str, object_id: str, call: Call) -> None:
        if not self.dry_run:
            await self._ask(call)
        self._say(what, "changed", object_id)

    async def _ask(self, call: Call) -> Any:
        return await self.payments.ask(call)

    def _say(self, what: str, state: State, object_id: str = "", note: str = "") -> None:
        self.steps.append(Step(what, state, object_id, note))

    def _keep_secret(self, name: str, secret: str) -> None:
        if secret:
            self.settings[name] = secret


_OUT_OF_REACH = "Stripe cannot reach this machine. Set API_ORIGIN to a public address, or forward with `stripe listen`."


async def _first(found: AsyncIterator[Any], fits: Callable[[Any], bool]) -> Any | None:
    async for one in found:
        if fits(one):
            return one
    return None


def _has(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there; more may be. Lists must be the same, in any order."""
    if isinstance(wanted, Mapping):
        pairs = cast(Mapping[str, Any], wanted).items()
        return isinstance(found, Mapping) and all(_has(at(found, name), value) for name, value in pairs)
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        ours, theirs = cast(Sequence[Any], wanted), cast(Sequence[Any], found or ())
        return len(theirs) == len(ours) and all(any(_has(one, each) for one in theirs) for each in ours)
    return found == wanted
