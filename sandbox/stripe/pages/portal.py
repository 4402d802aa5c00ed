"""The portal's page: the card, the plan, the address and the invoices of one customer."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox.page import page
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.replies import Reply, html_reply, redirect
from sandbox.stripe.life import cards, changing, subscribing
from sandbox.stripe.objects import customer as customers
from sandbox.stripe.objects.portal import CONFIGURATION, SESSION
from sandbox.stripe.pages.figures import day, dollars
from sandbox.stripe.store import Json, Store

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

VISIT_SECONDS = 3600


def show(stripe: Stripe, form: dict[str, str], token: str, problem: str = "") -> Reply:
    store = stripe.store
    session = _session(store, token)
    features = store.table(CONFIGURATION)[session["configuration"]]["features"]
    customer = store.get("customer", session["customer"])
    alert = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    back = session["return_url"]
    body = (
        "<p class='quiet'>This stands in for Stripe's customer portal.</p>"
        + (f'<p><a href="{escape(back)}">Back</a></p>' if back else "")
        + alert
        + _plans(store, customer, features)
        + _card(store, customer, features)
        + _address(customer, features)
        + _invoices(store, customer, features)
    )
    return html_reply(page("Sandbox: customer portal", body), 402 if problem else 200)


def act(stripe: Stripe, form: dict[str, str], token: str) -> Reply:
    """`action` is `card`, `cancel`, `resume`, `plan` or `email`; then back to the page, or where the flow leads."""
    store, session = stripe.store, _session(stripe.store, token)
    features = store.table(CONFIGURATION)[session["configuration"]]["features"]
    customer = store.get("customer", session["customer"])
    feature, do = ACTIONS.get(form.get("action", ""), ("", _refuse))
    try:
        if feature and not features[feature]["enabled"]:
            raise Refused(403, "The portal does not allow this.")
        do(store, customer, form, features)
    except Refused as refused:
        return show(stripe, form, token, refused.message)
    after = (session["flow"] or {}).get("after_completion", {})
    if after.get("type") == "redirect":
        return redirect(after["redirect"]["return_url"])
    return redirect(f"/p/session/{token}")


def _refuse(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    raise Refused(400, "The portal knows no such action.")


def _change_card(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    """The new card becomes the customer's, and that of every subscription that had one of its own."""
    card = cards.BY_NUMBER.get(form.get("card", ""))
    if card is None or not card.attaches:
        raise Refused(402, "Your card was declined.", code="card_declined", kind="card_error")
    made = cards.method(store, card, customer["id"])
    customers.update(store, {"invoice_settings": {"default_payment_method": made["id"]}}, customer["id"])
    for subscription in _living(store, customer):
        if subscription["default_payment_method"]:
            subscribing.change(store, subscription, default_payment_method=made["id"])


def _cancel(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    subscription = _own(store, customer, form)
    if features["subscription_cancel"]["mode"] == "immediately":
        subscribing.cancel(store, subscription)
    else:
        changing.change(store, subscription, {"cancel_at_period_end": True})


def _resume(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    changing.change(store, _own(store, customer, form), {"cancel_at_period_end": False})


def _change_plan(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    subscription = _own(store, customer, form)
    if form.get("price") not in _choices(features):
        raise Refused(400, "The portal does not offer this plan.")
    item = next(one for one in subscription["items"]["data"] if one["price"]["recurring"]["usage_type"] == "licensed")
    asked = {"items": [{"id": item["id"], "price": form["price"]}]}
    changing.change(
        store, subscription, {**asked, "proration_behavior": features["subscription_update"]["proration_behavior"]}
    )


def _change_address(store: Store, customer: Json, form: dict[str, str], features: Json) -> None:
    if "email" not in features["customer_update"]["allowed_updates"]:
        raise Refused(403, "The portal does not allow this.")
    customers.update(store, {"email": form.get("email", "")}, customer["id"])


ACTIONS = {
    "card": ("payment_method_update", _change_card),
    "cancel": ("subscription_cancel", _cancel),
    "resume": ("subscription_cancel", _resume),
    "plan": ("subscription_update", _change_plan),
    "email": ("customer_update", _change_address),
}


def _session(store: Store, token: str) -> Json:
    found = next((one for one in store.all(SESSION) if one["_token"] == token), None)
    if found is None or found["created"] + VISIT_SECONDS < store.now():
        raise Refused(404, "This link has expired. Please go back and open the portal again.")
    return found


def _living(store: Store, customer: Json) -> list[Json]:
    mine = [one for one in store.all("subscription") if one["customer"] == customer["id"]]
    return [one for one in mine if one["status"] not in subscribing.OVER]


def _own(store: Store, customer: Json, form: dict[str, str]) -> Json:
    found = [one for one in _living(store, customer) if form.get("subscription") in (None, one["id"])]
    if not found:
        raise Refused(404, "There is no such plan.")
    return found[0]


def _choices(features: Json) -> list[str]:
    return [price for product in features["subscription_update"]["products"] or [] for price in product["prices"]]


def _plans(store: Store, customer: Json, features: Json) -> str:
    shown = "".join(_plan(store, one, features) for one in _living(store, customer))
    return f"<h2>Plan</h2>{shown or '<p>No plan.</p>'}"


def _plan(store: Store, subscription: Json, features: Json) -> str:
    names = [store.table("product")[one["price"]["product"]]["name"] for one in subscription["items"]["data"]]
    _, end = subscribing.period(subscription)
    ends = subscription["cancel_at_period_end"]
    words = f"{subscription['status']}, {'ends' if ends else 'renews'} on {day(end)}"
    buttons = ""
    if features["subscription_cancel"]["enabled"]:
        buttons = (
            "<button name='action' value='resume'>Keep the plan</button>"
            if ends
            else ("<button name='action' value='cancel'>Cancel the plan</button>")
        )
    if features["subscription_update"]["enabled"]:
        options = "".join(f"<option value='{price}'>{_label(store, price)}</option>" for price in _choices(features))
        buttons += f" <select name='price'>{options}</select> <button name='action' value='plan'>Change</button>"
    hidden = f"<input type='hidden' name='subscription' value='{subscription['id']}'>"
    return f"<p>{escape(', '.join(names))}: {escape(words)}</p><form method='post'><p>{hidden}{buttons}</p></form>"


def _label(store: Store, price_id: str) -> str:
    price = store.table("price")[price_id]
    name = price["nickname"] or store.table("product")[price["product"]]["name"]
    return escape(f"{name}, {dollars(price['unit_amount'] or 0)} each {price['recurring']['interval']}")


def _card(store: Store, customer: Json, features: Json) -> str:
    plans = _living(store, customer)
    held = cards.default_of(store, customer["id"], plans[0] if plans else None)
    words = f"{held['type'].replace('_', ' ')} ending in {held[held['type']]['last4']}" if held else "None."
    if not features["payment_method_update"]["enabled"]:
        return f"<h2>Card</h2><p>{words}</p>"
    options = "".join(
        f"<option value='{card.number}'>{escape(card.label)} ({card.number})</option>" for card in cards.CARDS
    )
    return (
        f"<h2>Card</h2><p>{words}</p><form method='post'><p><select name='card'>{options}</select> "
        "<button name='action' value='card'>Use this card</button></p></form>"
    )


def _address(customer: Json, features: Json) -> str:
    email = escape(customer["email"] or "")
    if "email" not in features["customer_update"]["allowed_updates"]:
        return f"<h2>Address</h2><p>{email}</p>"
    return (
        f"<h2>Address</h2><form method='post'><p><input name='email' type='email' value='{email}'> "
        "<button name='action' value='email'>Save</button></p></form>"
    )


def _invoices(store: Store, customer: Json, features: Json) -> str:
    if not features["invoice_history"]["enabled"]:
        return ""
    mine = [one for one in store.all("invoice") if one["customer"] == customer["id"] and one["status"] != "draft"]
    rows = "".join(
        f"<tr><td><a href='/i/{one['id']}'>{escape(one['number'])}</a></td><td>{day(one['created'])}</td>"
        f"<td>{dollars(one['total'])}</td><td>{escape(one['status'])}</td></tr>"
        for one in reversed(mine)
    )
    return f"<h2>Invoices</h2><table>{rows}</table>" if rows else "<h2>Invoices</h2><p>None yet.</p>"
