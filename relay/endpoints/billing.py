"""Buying, the spend cap, invoices, the next invoice, and Stripe's webhook."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import billing, clock, ledger
from relay.accounts import Identity
from relay.billing import InvoiceView, PreviewView
from relay.clock import rfc3339
from relay.endpoints.answers import JsonAnswer, read_body, read_fields, text_field
from relay.endpoints.callers import services_of, signed_in
from relay.errors import BadInput, Forbidden
from relay.money import usd

EVENT_BYTES_MAX = 1 << 20
KINDS = ("plan", "topup")


async def post_checkout(request: Request) -> Response:
    identity = await _person(request)
    fields = await read_fields(request)
    kind = text_field(fields, "kind")
    if kind not in KINDS:
        raise BadInput("`kind` is plan or topup.", field="kind")
    url = await billing.check_out(services_of(request).office, identity, kind, fields.get("amount_usd"))
    return JsonAnswer({"url": url})


async def post_portal(request: Request) -> Response:
    identity = await _person(request)
    return JsonAnswer({"url": await billing.open_portal(services_of(request).office, identity)})


async def put_cap(request: Request) -> Response:
    identity = await _person(request)
    services = services_of(request)
    cap_pico = billing.cap_from((await read_fields(request)).get("usd"), services.settings)
    await services.database.write(partial(ledger.set_cap, account_id=identity.account_id, cap_pico=cap_pico))
    services.hub.changed(identity.account_id)
    return JsonAnswer({"spend_cap_usd": usd(cap_pico)})


async def get_invoices(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    found = await services_of(request).database.read(partial(billing.invoices_of, account_id=account_id))
    return JsonAnswer({"invoices": [_invoice(one) for one in found]})


async def get_preview(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    return JsonAnswer(_preview(await billing.preview_of(services_of(request).office, account_id)))


async def post_stripe_webhook(request: Request) -> Response:
    """Stored, then answered; worked through behind the answer's back."""
    services = services_of(request)
    body = await read_body(request, EVENT_BYTES_MAX)
    signature = request.headers.get("stripe-signature", "")
    said = services.payments.said(body, signature, clock.now())
    await services.database.write(partial(billing.store, said=said, livemode=services.payments.livemode))
    return JsonAnswer({"received": True})


routes = [
    Route("/api/billing/checkout", post_checkout, methods=["POST"]),
    Route("/api/billing/portal", post_portal, methods=["POST"]),
    Route("/api/billing/cap", put_cap, methods=["PUT"]),
    Route("/api/billing/invoices", get_invoices, methods=["GET"]),
    Route("/api/billing/preview", get_preview, methods=["GET"]),
    Route("/api/stripe/webhook", post_stripe_webhook, methods=["POST"]),
]


async def _person(request: Request) -> Identity:
    """Who may buy and set caps. A program whose key has a cap of its own may not lift itself over it."""
    identity = await signed_in(request)
    if identity.key_cap_pico is not None:
        raise Forbidden("A key with a cap cannot buy or change billing. Sign in to do that.")
    return identity


def _invoice(view: InvoiceView) -> dict[str, Any]:
    return {
        "id": view.id,
        "number": view.number,
        "status": view.status,
        "amount_usd": usd(view.amount_pico),
        "created": rfc3339(view.created),
        "period_start": rfc3339(view.period_start),
        "period_end": rfc3339(view.period_end),
        "pdf_url": view.pdf_url or None,
        "hosted_url": view.hosted_url or None,
    }


def _preview(view: PreviewView) -> dict[str, Any]:
    return {
        "amount_usd": usd(view.amount_pico),
        "lines": [{"description": line.description, "amount_usd": usd(line.amount_pico)} for line in view.lines],
        "period_start": view.period_start and rfc3339(view.period_start),
        "period_end": view.period_end and rfc3339(view.period_end),
    }
