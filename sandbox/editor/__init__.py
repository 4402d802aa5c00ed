"""A small font editor that embeds the assistant panel, on an origin of its own: what docs/panel.md describes, alive.

It is isolated by COOP and COEP and has a strict Content-Security-Policy, as the docs' recipes have it.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

ACCOUNT_ORIGIN = "http://localhost:3000"
STATIC = Path(__file__).parent / "static"
OPENTYPE = Path(__file__).parent.parent.parent / "panel" / "node_modules" / "opentype.js" / "dist" / "opentype.mjs"
FILES = {
    **{path.name: path for path in STATIC.iterdir() if path.suffix in (".js", ".css")},
    # Vollkorn by Friedrich Althausen, its Latin part, under the SIL Open Font License 1.1 beside it.
    **{name: STATIC / name for name in ("Vollkorn-Regular.ttf", "Vollkorn-OFL.txt")},
    "opentype.js": OPENTYPE,
}
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".ttf": "font/ttf"}


def app(account_origin: str = ACCOUNT_ORIGIN) -> Starlette:
    """The editor, with the panel of the product at `account_origin` (or at `?account=` and `?api=`, on loopback)."""
    page = (STATIC / "index.html").read_text()

    async def front(request: Request) -> Response:
        origin = _loopback(request.query_params.get("account", account_origin)) or account_origin
        api = _loopback(request.query_params.get("api", origin)) or origin
        panel = "<assistant-panel>" if api == origin else f'<assistant-panel api="{api}">'
        shown = page.replace("{ACCOUNT_ORIGIN}", origin).replace("<assistant-panel>", panel)
        return HTMLResponse(shown, headers=_headers(origin, api))

    async def file(request: Request) -> Response:
        path = FILES.get(request.path_params["name"])
        if path is None or not path.is_file():
            return PlainTextResponse("Not found.", 404)
        kind = TYPES.get(path.suffix, "text/plain")
        return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})

    return Starlette(
        routes=[Route("/", front, methods=["GET"]), Route("/{name}", file, methods=["GET"])],
    )


def _headers(account: str, api: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; script-src 'self' {account}; connect-src 'self' {api}; "
        "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cache-control": "no-cache",
    }


def _loopback(origin: str) -> str | None:
    parts = urlsplit(origin)
    local = parts.hostname in ("localhost", "127.0.0.1") or (parts.hostname or "").endswith(".localhost")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and local else None
