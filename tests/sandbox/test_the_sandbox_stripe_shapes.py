"""Answers have the shape of Stripe's own classes, and requests are held to Stripe's own types."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import httpx
import pytest
import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class

from tests.fixtures.stripe_desk import Desk, buy_credit, buy_plan, check_out, desk, use

# What Stripe leaves out until it is asked for, or until there is something to tell.
SOMETIMES = {
    *("deleted", "OBJECT_NAME", "currency_options", "tiers", "payments", "confirmation_secret", "line_items", "level3"),
    *("presentment_details", "refunds", "account", "context", "previous_attributes", "secret", "cash_balance"),
    *("invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids", "total_count"),
}


def faults(value: Any, kind: type, where: str) -> Iterator[str]:
    """Every field that the class does not have, and every one that it must have and is not there."""
    hints: dict[str, Any] = {name: hint for name, hint in kind.__annotations__.items() if name[0] != "_"}
    yield from (f"{where}.{name} is strange" for name in value.keys() - hints.keys())
    needed = {name for name, hint in hints.items() if type(None) not in arms(hint)}
    yield from (f"{where}.{name} is missing" for name in needed - value.keys() - SOMETIMES)
    for name in value.keys() & hints.keys():
        yield from below(value[name], hints[name], f"{where}.{name}")


def below(value: Any, hint: Any, where: str) -> Iterator[str]:
    if value is None and type(None) not in arms(hint):
        yield f"{where} is null"
    if isinstance(value, list):
        for one in value:
            yield from below(one, next((get_args(arm)[0] for arm in arms(hint) if get_args(arm)), None), where)
    elif isinstance(value, dict) and isinstance(value.get("object"), str) and value["object"] in OBJECT_CLASSES:
        if value["object"] == "list":
            yield from (fault for one in value["data"] for fault in below(one, None, f"{where}[]"))
        else:
            yield from faults(value, get_object_class("V1", value["object"]), where)
    elif isinstance(value, dict):
        inner = [arm for arm in arms(hint) if inspect.isclass(arm) and issubclass(arm, stripe.StripeObject)]
        if inner and "." in inner[0].__qualname__:
            yield from faults(value, inner[0], where)


def arms(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


@pytest.fixture(scope="module")
def lived() -> Iterator[Desk]:
    """A Stripe in which everything has happened once."""
    with desk() as at:
        customer, plan = buy_plan(at, subscription_data={"metadata": {"a": "b"}})
        use(at, customer, 12)
        paid = buy_credit(at, customer)
        at.client.v1.refunds.create({"payment_intent": str(paid.payment_intent), "amount": 100})
        disputed = buy_credit(at, customer, 900)
        httpx.post(f"{at.url}/sandbox/dispute", json={"payment_intent": disputed.payment_intent}).raise_for_status()
        buy_credit(at, customer, 700, "000123456789")
        check_out(at, mode="subscription", customer=customer, line_items=[{"price": "price_plan", "quantity": 2}])
        item = plan["items"].data[0]
        at.client.v1.subscriptions.update(plan.id, {"items": [{"id": item.id, "quantity": 2}]})
        bad = at.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
        at.client.v1.subscriptions.update(plan.id, {"default_payment_method": bad})
        at.client.v1.billing_portal.sessions.create({"customer": customer})
        at.client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.sent"]})
        at.advance(to=item.current_period_end + 3600)
        yield at


def test_every_answer_has_the_shape_of_stripes_class(lived: Desk) -> None:
    store = lived.world.stripe.store
    http = httpx.Client(headers={"authorization": "Bearer sk_test_sandbox1"})
    places = {
        "invoiceitem": "invoiceitems",
        "checkout.session": "checkout/sessions",
        "billing.meter": "billing/meters",
        "billing_portal.configuration": "billing_portal/configurations",
    }
    found: list[str] = []
    kinds = {kind for kind in store.tables if kind in OBJECT_CLASSES and kind != "billing_portal.session"}
    assert len(kinds) >= 18
    for kind in sorted(kinds):
        for one in list(store.all(kind)):
            url = f"{lived.url}/v1/{places.get(kind, kind + 's')}/{one['id']}"
            answer = http.get(url)
            assert answer.status_code == 200, url
            assert not [name for name in answer.json() if name.startswith("_")]
            found += faults(answer.json(), get_object_class("V1", kind), kind)
    http.close()
    assert sorted(set(found)) == []


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("checkout/sessions", {"mode": "payment", "payment_method_types[0]": "card"}, "payment_method_types"),
        ("checkout/sessions", {"mode": "donation"}, "mode"),
        ("subscriptions", {"customer": "c", "items[0][plan]": "p", "prorate": "true"}, "prorate"),
        ("invoices/create_preview", {"coupon": "x"}, "coupon"),
        ("prices", {"currency": "usd", "product": "prod_plan", "recurring[usage_type]": "metered"}, "recurring"),
        ("subscription_items/si_1/usage_records", {"quantity": "1"}, None),
        ("refunds", {"payment_intent": "pi", "reason": "boredom"}, "reason"),
        ("billing/meters", {"event_name": "e", "display_name": "E", "default_aggregation[formula]": "max"}, None),
    ],
)
def test_parameters_that_are_unknown_or_removed_are_refused(
    lived: Desk, path: str, params: dict[str, str], param: str | None
) -> None:
    answer = httpx.post(f"{lived.url}/v1/{path}", data=params, headers={"authorization": "Bearer sk_test_sandbox1"})
    assert answer.status_code in (400, 404)
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"].startswith(param)


def test_what_is_expanded_is_whole_and_what_cannot_be_is_refused(lived: Desk) -> None:
    client = lived.client
    newest = client.v1.invoices.list(
        {"limit": 1, "expand": ["data.customer", "data.parent.subscription_details.subscription"]}
    )
    assert newest.data[0].customer.email == "anna@example.com"
    assert newest.data[0].parent.subscription_details.subscription.object == "subscription"
    for path in ("customer.sausage", "colour", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.invoices.retrieve(newest.data[0].id, {"expand": [path]})
