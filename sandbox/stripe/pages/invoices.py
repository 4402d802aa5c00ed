"""An invoice as a page and as a PDF, and the receipt of a charge."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sandbox.page import page
from sandbox.stripe.door.errors import missing
from sandbox.stripe.door.replies import Reply, html_reply, redirect
from sandbox.stripe.life import invoicing
from sandbox.stripe.life.cards import BY_NUMBER, method
from sandbox.stripe.pages.checkout import PAYS
from sandbox.stripe.pages.figures import day, dollars
from sandbox.stripe.pages.pdf import document
from sandbox.stripe.store import Json

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe


def show(stripe: Stripe, form: dict[str, str], invoice_id: str) -> Reply:
    invoice = _final(stripe, invoice_id)
    rows = "".join(
        f"<tr><td>{escape(line['description'] or '')}<br><span class='quiet'>{_span(line)}</span></td>"
        f"<td>{dollars(line['amount'])}</td></tr>"
        for line in invoice["_lines"]
    )
    pay_now = (
        "<form method='post'><p><button>Pay with a card that works</button></p></form>"
        if invoice["status"] == "open"
        else ""
    )
    body = (
        f"<p>{escape(invoice['status'])}, {day(invoice['created'])}, for {escape(invoice['customer_email'] or '')}</p>"
        f"<table>{rows}<tr><td><strong>Total</strong></td><td><strong>{dollars(invoice['total'])}</strong></td></tr>"
        f"<tr><td>Due</td><td>{dollars(invoice['amount_remaining'])}</td></tr></table>{pay_now}"
        f'<p><a href="/i/{invoice_id}/pdf">PDF</a></p>'
    )
    return html_reply(page(f"Invoice {invoice['number']}", body))


def pay(stripe: Stripe, form: dict[str, str], invoice_id: str) -> Reply:
    invoice = _final(stripe, invoice_id)
    if invoice["status"] == "open":
        card = BY_NUMBER.get(form.get("card", PAYS), BY_NUMBER[PAYS])
        invoicing.collect(stripe.store, invoice, method(stripe.store, card, invoice["customer"]))
    return redirect(f"/i/{invoice_id}")


def pdf(stripe: Stripe, form: dict[str, str], invoice_id: str) -> Reply:
    invoice = _final(stripe, invoice_id)
    lines = [f"{line['description']}: {dollars(line['amount'])}" for line in invoice["_lines"]]
    words = [
        f"Invoice {invoice['number']}",
        f"{day(invoice['created'])}, {invoice['status']}",
        f"For {invoice['customer_email'] or invoice['customer']}",
        "",
        *lines,
        "",
        f"Total: {dollars(invoice['total'])}",
        f"Paid: {dollars(invoice['amount_paid'])}",
    ]
    name = f"Invoice-{invoice['number']}.pdf"
    headers = {"content-type": "application/pdf", "content-disposition": f'attachment; filename="{name}"'}
    return Reply(200, document(words), headers)


def receipt(stripe: Stripe, form: dict[str, str], charge_id: str) -> Reply:
    charge = stripe.store.get("charge", charge_id)
    words = f"{dollars(charge['amount'])} on {day(charge['created'])}, {charge['status']}"
    return html_reply(page("Receipt", f"<p>{words}</p><p>{escape(charge['description'] or '')}</p>"))


def _final(stripe: Stripe, invoice_id: str) -> Json:
    invoice = stripe.store.get("invoice", invoice_id)
    if invoice["status"] == "draft":
        raise missing("invoice", invoice_id)
    return invoice


def _span(line: Json) -> str:
    start, end = line["period"]["start"], line["period"]["end"]
    return day(start) if start == end else f"{day(start)} to {day(end)}"
