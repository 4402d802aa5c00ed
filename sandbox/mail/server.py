"""Mail on loopback: Resend's `POST /emails`, and a page on which every mail can be read."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.mail.events import event, tell
from sandbox.mail.letters import RECORDS, Letter, Letterbox, Refused
from sandbox.page import page
from sandbox.queueing import Failures

KEY_PREFIX = "re_"


def app(letterbox: Letterbox | None = None) -> Starlette:
    """A fresh mail server around its own letterbox."""
    server = MailServer(letterbox or Letterbox())
    return Starlette(
        routes=[
            Route("/", server.read, methods=["GET"]),
            Route("/emails.json", server.listed, methods=["GET"]),
            Route("/emails", server.send, methods=["POST"]),
            Route("/emails/{id}", server.one, methods=["GET"]),
            Route("/sandbox/next", server.failures.queue, methods=["POST"]),
            Route("/domains", server.domains, methods=["GET"]),
            Route("/domains/{name}", server.domain, methods=["GET"]),
            Route("/sandbox/event", server.tell, methods=["POST"]),
            Route("/sandbox/domain", server.change_domain, methods=["POST"]),
        ]
    )


class MailServer:
    """The endpoints, with the letterbox that they fill."""

    def __init__(self, letterbox: Letterbox) -> None:
        self.letterbox = letterbox
        self.failures = Failures()

    async def send(self, request: Request) -> Response:
        """Takes one mail, as the Resend SDK sends it."""
        try:
            _authenticate(request)
            status = self.failures.take()
            if status is not None:
                raise Refused(status, "application_error", "sandbox: this send was asked to fail")
            made = self.letterbox.accept(await request.body(), request.headers.get("idempotency-key"))
        except Refused as refused:
            return _refusal(refused)
        return JSONResponse({"id": made})

    async def one(self, request: Request) -> Response:
        """One mail by its id, in Resend's shape."""
        try:
            _authenticate(request)
        except Refused as refused:
            return _refusal(refused)
        for letter in self.letterbox.letters:
            if letter.id == request.path_params["id"]:
                return JSONResponse({"object": "email", **letter.row()})
        return _refusal(Refused(404, "not_found", "Email not found"))

    async def domains(self, request: Request) -> Response:
        """The domains that may send, without their records, as Resend lists them."""
        try:
            _authenticate(request)
        except Refused as refused:
            return _refusal(refused)
        rows = [{key: value for key, value in row.items() if key != "records"} for row in self._domain_rows()]
        return JSONResponse({"object": "list", "has_more": False, "data": rows})

    async def domain(self, request: Request) -> Response:
        """One domain and the records that it wants in the DNS. Its id is its name."""
        try:
            _authenticate(request)
        except Refused as refused:
            return _refusal(refused)
        for row in self._domain_rows():
            if row["id"] == request.path_params["name"]:
                return JSONResponse({"object": "domain", **row})
        return _refusal(Refused(404, "not_found", "Domain not found"))

    async def change_domain(self, request: Request) -> Response:
        """`{"name", "SPF", "DKIM"}`: how a domain's records are found from now on; it is verified when both are."""
        wish = await request.json()
        self.letterbox.domains[wish["name"]] = {kind: wish.get(kind, "verified") for kind in RECORDS}
        return JSONResponse({"domains": list(self.letterbox.domains)})

    def _domain_rows(self) -> list[dict[str, Any]]:
        return [_domain_row(name, records) for name, records in self.letterbox.domains.items()]

    async def listed(self, request: Request) -> Response:
        """Every mail as JSON, newest first; `?to=` keeps those to one address."""
        wanted = request.query_params.get("to")
        found = [letter for letter in reversed(self.letterbox.letters) if wanted in (None, *letter.body.to)]
        return JSONResponse([letter.row() for letter in found])

    async def tell(self, request: Request) -> Response:
        """Sends an event about a mail: `{"id" or "to", "kind", "bounce", "webhook"}`, as JSON or by a button's form."""
        is_form = "json" not in request.headers.get("content-type", "")
        asked = dict(parse_qsl((await request.body()).decode())) if is_form else await request.json()
        try:
            letter = self._letter(asked)
            body = event(letter, asked.get("kind", "bounced"), asked.get("bounce", "permanent"))
        except Refused as refused:
            return _refusal(refused)
        webhooks = [asked["webhook"]] if "webhook" in asked else self.letterbox.webhooks
        statuses = [await tell(url, body, self.letterbox.secret) for url in webhooks]
        return RedirectResponse("/", 303) if is_form else JSONResponse({"statuses": statuses})

    def _letter(self, asked: dict[str, str]) -> Letter:
        for letter in reversed(self.letterbox.letters):
            if asked.get("id") == letter.id or asked.get("to") in letter.body.to:
                return letter
        raise Refused(404, "not_found", "Email not found")

    async def read(self, request: Request) -> Response:
        """Every mail on one page, newest first."""
        letters = "".join(_article(letter) for letter in reversed(self.letterbox.letters))
        intro = "<p class='quiet'>Nothing leaves this machine: what the product mails ends here.</p>"
        return HTMLResponse(page("Sandbox: mail", intro + (letters or "<p>No mail yet.</p>")))


def _domain_row(name: str, records: dict[str, str]) -> dict[str, Any]:
    status = "verified" if set(records.values()) == {"verified"} else "pending"
    told = [
        {"record": kind, "name": f"{kind.lower()}.{name}", "type": "TXT", "ttl": "Auto", "status": found, "value": "v"}
        for kind, found in records.items()
    ]
    return {"id": name, "name": name, "status": status, "region": "eu-west-1", "records": told}


def _authenticate(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Refused(401, "missing_api_key", "Missing API Key")
    if not key.startswith(KEY_PREFIX):
        raise Refused(403, "invalid_api_key", "API key is invalid")


def _refusal(refused: Refused) -> Response:
    body = {"statusCode": refused.status, "name": refused.name, "message": refused.message}
    return JSONResponse(body, status_code=refused.status)


def _article(letter: Letter) -> str:
    body = letter.body
    # The sandbox attribute without allow-scripts makes whatever the mail contains inert.
    framed = f'<iframe sandbox title="HTML" srcdoc="{escape(body.html)}"></iframe>' if body.html else ""
    shut = "" if body.html else "open"
    plain = f"<details {shut}><summary>Text</summary><pre>{escape(body.text)}</pre></details>" if body.text else ""
    return (
        f"<article><h2>{escape(body.subject)}</h2><p class='quiet'>{escape(body.sender)} to "
        f"{escape(', '.join(body.to))}, {letter.at:%Y-%m-%d %H:%M:%S} UTC</p>"
        f"{framed}{plain}{_buttons(letter)}</article>"
    )


def _buttons(letter: Letter) -> str:
    """What may become of a mail afterwards."""
    ends = {"bounced": "It bounces", "complained": "The reader calls it spam"}
    buttons = "".join(f'<button name="kind" value="{kind}">{words}</button> ' for kind, words in ends.items())
    of = f'<input type="hidden" name="id" value="{letter.id}">'
    return f'<form method="post" action="/sandbox/event">{of}{buttons}</form>'
