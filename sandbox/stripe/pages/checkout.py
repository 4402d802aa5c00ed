"""The page on which people pay: what they buy, with what, and a button for each way that it can end."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox.page import page
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.replies import Reply, html_reply, redirect
from sandbox.stripe.life import paying
from sandbox.stripe.life.cards import BY_NUMBER, CARDS
from sandbox.stripe.pages.figures import dollars
from sandbox.stripe.store import Json

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

DECLINED = "4000000000000002"
PAYS = "4242424242424242"


def show(stripe: Stripe, form: dict[str, str], session_id: str, problem: str = "") -> Reply:
    session = stripe.store.get("checkout.session", session_id)
    if session["status"] != "open":
        words = "It has been paid." if session["status"] == "complete" else "It has expired."
        return html_reply(page("Sandbox: checkout", f"<p>This page is no longer open. {words}</p>{_back(session)}"))
    alert = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    body = f"{_items(session)}{alert}{_form(session)}{_back(session)}"
    return html_reply(page("Sandbox: checkout", body), 402 if problem else 200)


def pay(stripe: Stripe, form: dict[str, str], session_id: str) -> Reply:
    """`action` is `pay` or `decline`; `card` is the number of one of Stripe's test cards."""
    session = stripe.store.get("checkout.session", session_id)
    number = DECLINED if form.get("action") == "decline" else form.get("card", PAYS)
    try:
        paying.pay(stripe.store, session, BY_NUMBER.get(number) or BY_NUMBER[DECLINED])
    except Refused as refused:
        return show(stripe, form, session_id, refused.message)
    return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))


def _items(session: Json) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['description'])}{_rhythm(one)}</td><td>{_amount(one)}</td></tr>"
        for one in session["_items"]
    )
    return (
        f"<p class='quiet'>Nothing is charged: this stands in for Stripe's page.</p><table>{rows}"
        f"<tr><td><strong>Due today</strong></td><td><strong>{dollars(session['amount_total'])}</strong></td></tr>"
        "</table>"
    )


def _rhythm(item: Json) -> str:
    recurring = item["price"]["recurring"]
    return f", each {recurring['interval']}" if recurring else ""


def _amount(item: Json) -> str:
    return "by use" if item["quantity"] is None else dollars(item["amount_total"])


def _form(session: Json) -> str:
    email = (session["customer_details"] or {}).get("email") or session["customer_email"] or ""
    options = "".join(f'<option value="{card.number}">{escape(card.label)} ({card.number})</option>' for card in CARDS)
    word = "Subscribe" if session["mode"] == "subscription" else "Pay"
    return (
        f"<form method='post'><p>{escape(email)}</p><p><label>Card or account<br><select name='card'>{options}</select>"
        f"</label></p><p><button name='action' value='pay'>{word} {dollars(session['amount_total'])}</button> "
        "<button name='action' value='decline'>Decline</button></p></form>"
    )


def _back(session: Json) -> str:
    to = session["cancel_url"]
    return f'<p><a href="{escape(to)}">Back</a></p>' if to else ""
