"""Buying, the spend cap, alerts, invoices, and the webhooks of Stripe and Resend."""

from relay.endpoints.openapi.words import JSON, NOBODY, answer, fields, ok, operation
from relay.endpoints.schemas import FLAG, TEXT, Schema

_AMOUNT: Schema = {"anyOf": [TEXT, {"type": "integer"}], "description": "USD, exact", "examples": ["10"]}
BILLING: Schema = {
    "/api/billing/checkout": {
        "post": operation(
            "Buy the plan or a top-up; answers where to pay",
            body=fields("kind", kind={"type": "string", "enum": ["plan", "topup"]}, amount_usd=_AMOUNT),
            answers=ok("Stripe's checkout.", "Address"),
            errors=(400, 401, 403, 409, 413, 503),
        )
    },
    "/api/billing/portal": {
        "post": operation(
            "A door to Stripe's portal, for this click alone",
            answers=ok("It opens for whoever has it.", "Address"),
            errors=(401, 403, 503),
        )
    },
    "/api/billing/cap": {
        "put": operation(
            "How much overage a period may bring; in force at once",
            body=fields("usd", usd=_AMOUNT),
            answers=ok("As set.", "Cap"),
            errors=(400, 401, 403, 413, 503),
        )
    },
    "/api/billing/invoices": {
        "get": operation("Invoices, newest first", answers=ok("All but drafts.", "Invoices"), errors=(401, 503))
    },
    "/api/billing/preview": {
        "get": operation(
            "The next invoice, as it would be now", answers=ok("Empty without a plan.", "Preview"), errors=(401, 503)
        )
    },
    "/api/billing/alerts": {
        "get": operation("Which alerts are mailed", answers=ok("Now.", "Alerts"), errors=(401, 503)),
        "put": operation(
            "Choose which alerts are mailed; payments that fail and receipts always are",
            body=fields("cap", "low_credit", cap=FLAG, low_credit=FLAG),
            answers=ok("As it is now.", "Alerts"),
            errors=(400, 401, 403, 413, 503),
        ),
    },
    "/api/resend/webhook": {
        "post": operation(
            "Resend tells of bounces and complaints, signed",
            body={"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
            answers=ok("Taken.", "Status"),
            errors=(400, 413, 503),
            security=NOBODY,
        )
    },
    "/api/stripe/webhook": {
        "post": operation(
            "Stripe's events, signed",
            body={"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
            answers={"200": answer("Stored.", {JSON: {"type": "object"}})},
            errors=(400, 413, 503),
            security=NOBODY,
        )
    },
}
