"""What is there from the beginning: the objects that an operator makes once in a real account."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.objects import meter, portal, price, product, thin_event, webhook_endpoint
from sandbox.stripe.store import Store

PLAN, OVERAGE, METER, EVENT_NAME = "price_plan", "price_overage", "mtr_overage", "overage_cents"
PLAN_CENTS = 2000
THIN_EVENTS = ["v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"]
SETTINGS = {"STRIPE_PRICE_PLAN": PLAN, "STRIPE_PRICE_OVERAGE": OVERAGE, "STRIPE_METER_EVENT": EVENT_NAME}


def lay_out(store: Store) -> None:
    """A plan of $20 a month, and a metered price of one cent for each unit. What is there stays as it is."""
    if PLAN in store.table("price"):
        return
    product.create(store, {"id": "prod_plan", "name": "Font editor plan"})
    product.create(store, {"id": "prod_overage", "name": "Assistant use beyond credit", "unit_label": "cent"})
    counting = {"default_aggregation": {"formula": "sum"}, "display_name": "Overage in cents"}
    meter.create(store, {"_id": METER, "event_name": EVENT_NAME, **counting})
    monthly: dict[str, Any] = {"currency": "usd", "recurring": {"interval": "month"}}
    price.create(store, {**monthly, "_id": PLAN, "product": "prod_plan", "unit_amount": PLAN_CENTS})
    metered = {"interval": "month", "usage_type": "metered", "meter": METER}
    price.create(store, {**monthly, "_id": OVERAGE, "product": "prod_overage", "unit_amount": 1, "recurring": metered})
    _allow_everything(store)


def _allow_everything(store: Store) -> None:
    """A portal in which people may do what the product counts on."""
    features = {
        "customer_update": {"enabled": True, "allowed_updates": ["email", "name", "address"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True},
    }
    portal.configure(store, {"_id": "bpc_default", "features": features})


def listen(store: Store, url: str, secret: str) -> None:
    """Every event goes to this address. The same address again only takes the new secret."""
    known = next((one for one in store.all("webhook_endpoint") if one["url"] == url), None)
    if known is None:
        webhook_endpoint.create(store, {"url": url, "enabled_events": ["*"], "_secret": secret})
    else:
        known["_secret"] = secret


def listen_thin(store: Store, url: str, secret: str) -> None:
    """The thin events of the meters go to this address."""
    for one in store.all(thin_event.DESTINATION):
        if one["webhook_endpoint"]["url"] == url:
            one["_secret"] = secret
            return
    asked = {"name": "Meter errors", "type": "webhook_endpoint", "event_payload": "thin", "_secret": secret}
    thin_event.add_destination(store, {**asked, "enabled_events": THIN_EVENTS, "webhook_endpoint": {"url": url}})
