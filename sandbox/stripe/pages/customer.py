"""One customer's page: what was paid and used, with the buttons that a cardholder or an operator would press."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox.page import page, table
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.replies import Reply, html_reply, redirect
from sandbox.stripe.objects import customer as customers
from sandbox.stripe.objects import dispute, refund
from sandbox.stripe.pages.figures import day, dollars
from sandbox.stripe.store import Json, Store

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe


def show(stripe: Stripe, form: dict[str, str], customer_id: str, problem: str = "") -> Reply:
    store = stripe.store
    customer = store.get("customer", customer_id)
    alert = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    body = (
        f"<p><code>{customer_id}</code></p>{alert}{_payments(store, customer)}{_usage(store, customer)}"
        "<form method='post'><p><button name='action' value='delete'>Delete this customer</button></p></form>"
        "<p><a href='/'>All customers</a></p>"
    )
    return html_reply(page(customer["email"] or customer_id, body), 400 if problem else 200)


def act(stripe: Stripe, form: dict[str, str], customer_id: str) -> Reply:
    """`action` is `refund`, `dispute` or `delete`; the first two name a `charge`."""
    store = stripe.store
    try:
        if form.get("action") == "delete":
            customers.delete(store, {}, customer_id)
            return redirect("/")
        charge = store.get("charge", form.get("charge", ""))
        if form.get("action") == "refund":
            refund.create(store, {"charge": charge["id"], "reason": "requested_by_customer"})
        else:
            dispute.begin(store, charge)
    except Refused as refused:
        return show(stripe, form, customer_id, refused.message)
    return redirect(f"/customers/{customer_id}")


def _payments(store: Store, customer: Json) -> str:
    mine = [one for one in store.all("charge") if one["customer"] == customer["id"]]
    rows = "".join(
        f"<tr><td>{day(one['created'])}</td><td>{dollars(one['amount'])}</td><td>{_state(one)}</td>"
        f"<td>{_buttons(one)}</td></tr>"
        for one in reversed(mine)
    )
    return f"<h2>Payments</h2><table>{rows}</table>" if rows else "<h2>Payments</h2><p>None yet.</p>"


def _state(charge: Json) -> str:
    if charge["disputed"]:
        return "disputed"
    if charge["amount_refunded"]:
        return f"{dollars(charge['amount_refunded'])} refunded"
    return escape(charge["status"])


def _buttons(charge: Json) -> str:
    if charge["status"] != "succeeded" or charge["disputed"] or charge["refunded"]:
        return ""
    return (
        f"<form method='post'><input type='hidden' name='charge' value='{charge['id']}'>"
        "<button name='action' value='refund'>Refund</button> "
        "<button name='action' value='dispute'>Dispute</button></form>"
    )


def _usage(store: Store, customer: Json) -> str:
    totals = {
        name: f"{sum(one.value for one in events if not one.cancelled)} in {len(events)} events"
        for (name, owner), events in store.meter_events.by_customer.items()
        if owner == customer["id"]
    }
    return f"<h2>Meters</h2>{table(totals)}" if totals else ""
