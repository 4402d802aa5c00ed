"""The pages that Stripe hosts: where people pay, look after their plan, and read their invoices."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from sandbox.page import page
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.replies import Reply, html_reply
from sandbox.stripe.pages import checkout, customer, front, invoices, portal
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

Page = Callable[..., Reply | Awaitable[Reply]]
ROUTES: tuple[tuple[str, re.Pattern[str], Page], ...] = (
    ("GET", re.compile(r"/"), front.show),
    ("POST", re.compile(r"/clock"), front.move_time),
    ("GET", re.compile(r"/customers/(cus_\w+)"), customer.show),
    ("POST", re.compile(r"/customers/(cus_\w+)"), customer.act),
    ("GET", re.compile(r"/c/pay/(cs_\w+)"), checkout.show),
    ("POST", re.compile(r"/c/pay/(cs_\w+)"), checkout.pay),
    ("GET", re.compile(r"/p/session/(test_\w+)"), portal.show),
    ("POST", re.compile(r"/p/session/(test_\w+)"), portal.act),
    ("GET", re.compile(r"/i/(in_\w+)"), invoices.show),
    ("POST", re.compile(r"/i/(in_\w+)"), invoices.pay),
    ("GET", re.compile(r"/i/(in_\w+)/pdf"), invoices.pdf),
    ("GET", re.compile(r"/receipts/(ch_\w+)"), invoices.receipt),
)


async def answer(stripe: Stripe, request: Request) -> Reply:
    """One page, or the form that was sent from one. Each is called with the fields of its form."""
    for method, pattern, show in ROUTES:
        found = pattern.fullmatch(request.path)
        if found and method == request.method:
            form = dict(parse_qsl(request.body.decode("utf-8", "replace") or request.query))
            try:
                reply = show(stripe, form, *found.groups())
                return await reply if inspect.isawaitable(reply) else reply
            except Refused as refused:
                return html_reply(page("Sandbox: Stripe", f"<p>{refused.message}</p>"), refused.status)
    return html_reply(page("Sandbox: Stripe", "<p>There is no such page.</p>"), 404)
