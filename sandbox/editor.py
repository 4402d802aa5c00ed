"""A stand-in for the font editor that embeds the assistant panel: one page on an origin of its own."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.page import page

ACCOUNT_ORIGIN = "http://localhost:3000"


def app(account_origin: str = ACCOUNT_ORIGIN) -> Starlette:
    """The editor's page, with the panel of the product at `account_origin` (or at `?account=`, on
    loopback).
    """

    async def front(request: Request) -> Response:
        origin = _loopback(request.query_params.get("account", account_origin)) or account_origin
        return HTMLResponse(
            page(
                "Sandbox: editor",
                "<p>Stands in for the browser font editor. The assistant panel below comes from "
                f"<code>{escape(origin)}</code>.</p><p lang='en' style='font-size:72px'>Hamburgefonstiv</p>"
                f'<script type="module" src="{escape(origin)}/panel/v1/panel.js"></script>'
                f'<assistant-panel api="{escape(origin)}"></assistant-panel>',
            )
        )

    return Starlette(routes=[Route("/", front, methods=["GET"])])


def _loopback(origin: str) -> str | None:
    parts = urlsplit(origin)
    local = parts.hostname in ("localhost", "127.0.0.1") or (parts.hostname or "").endswith(".localhost")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and local else None
