"""The front page: who is there, what is to come, and the buttons that move time."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox.page import page, table
from sandbox.stripe.door.replies import Reply, html_reply, redirect
from sandbox.stripe.mischief import BEHAVIOURS, WEBHOOKS
from sandbox.stripe.pages.figures import moment
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import API_VERSION

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

DAY = 86_400
ROWS_MAX = 20
WAIT_SECONDS = 1.0


def show(stripe: Stripe, form: dict[str, str]) -> Reply:
    store = stripe.store
    intro = f"<p>Stands in for Stripe's API, version {API_VERSION}. No money moves.</p>"
    return html_reply(
        page(
            "Sandbox: Stripe",
            intro + _clock(store) + _customers(store) + _deliveries(stripe) + _to_come(store) + _mischief(),
        )
    )


async def move_time(stripe: Stripe, form: dict[str, str]) -> Reply:
    """On by an hour or a day, or just past the end of the period that ends first."""
    store = stripe.store
    to = store.exact_now() + DAY
    if form.get("by") == "hour":
        to = store.exact_now() + 3600
    if form.get("by") == "period":
        ends = [end for one in store.all("subscription") if (end := _end(one)) > store.now()]
        to = min(ends, default=store.now()) + 1.0
    await stripe.advance(to, WAIT_SECONDS)
    return redirect("/")


def _end(subscription: Json) -> int:
    if subscription["status"] == "canceled":
        return 0
    return min(item["current_period_end"] for item in subscription["items"]["data"])


def _clock(store: Store) -> str:
    ahead = f", {store.ahead / DAY:.1f} days ahead of this computer" if store.ahead > 1 else ""
    buttons = "".join(
        f'<button name="by" value="{by}">{label}</button> '
        for by, label in (("hour", "An hour on"), ("day", "A day on"), ("period", "To the end of the period"))
    )
    return (
        f"<h2>Time</h2><p>It is {moment(store.exact_now())} here{ahead}. Moving on does what is due on the way.</p>"
        f'<form method="post" action="/clock"><p>{buttons}</p></form>'
    )


def _customers(store: Store) -> str:
    rows = "".join(
        f"<tr><td><a href='/customers/{one['id']}'><code>{one['id']}</code></a></td>"
        f"<td>{escape(one.get('email') or '')}</td>"
        f"<td>{escape(_plan_of(store, one['id']))}</td></tr>"
        for one in reversed(store.all("customer")[-ROWS_MAX:])
    )
    return f"<h2>Customers</h2><table>{rows}</table>" if rows else "<h2>Customers</h2><p>None yet.</p>"


def _plan_of(store: Store, customer: str) -> str:
    plans = [one for one in store.all("subscription") if one["customer"] == customer]
    return ", ".join(f"{one['status']} until {moment(_end(one))}" if _end(one) else one["status"] for one in plans)


def _deliveries(stripe: Stripe) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one.type)}</code></td><td>{escape(one.url)}</td>"
        f"<td>{escape(', '.join(str(status or 'no answer') for status in one.statuses) or 'waiting')}</td></tr>"
        for one in reversed(stripe.deliveries.log[-ROWS_MAX:])
    )
    return f"<h2>Webhooks</h2><table>{rows}</table>" if rows else ""


def _to_come(store: Store) -> str:
    coming = [(at, what, about) for at, _, what, about in sorted(store.timeline.due) if at > store.exact_now() + 1]
    rows = "".join(
        f"<tr><td>{moment(at)}</td><td>{escape(what.replace('_', ' '))}</td><td><code>{escape(about)}</code></td></tr>"
        for at, what, about in coming[:ROWS_MAX]
    )
    return f"<h2>What is to come</h2><table>{rows}</table>" if rows else ""


def _mischief() -> str:
    """How to make it fail."""
    return (
        "<h2>Misbehaviour</h2><p>Post <code>{&quot;status&quot;: 500}</code>, "
        "<code>{&quot;behaviour&quot;: &quot;lost&quot;, &quot;path&quot;: &quot;/v1/billing&quot;, "
        "&quot;times&quot;: 2}</code> or <code>{&quot;webhooks&quot;: &quot;duplicate&quot;}</code> to "
        f"<code>/sandbox/next</code>.</p>{table(BEHAVIOURS)}<h2>Misbehaviour of webhooks</h2>{table(WEBHOOKS)}"
    )
