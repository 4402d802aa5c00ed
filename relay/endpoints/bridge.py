"""`GET /api/auth/bridge?origin=…`: the window in which an editor of another site is handed a bearer token.

Another site's page never gets the session cookie, but a window of ours that it opens does. That window asks for a token
by itself, signs the person in first if need be, and posts the token to the one origin that it was opened for.
"""

import base64
import hashlib
import re
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from relay.endpoints.answers import NO_STORE
from relay.endpoints.callers import services_of
from relay.errors import Forbidden

PAGE = (Path(__file__).parent / "bridge.html").read_text()


def _hash(tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
    assert found
    return "'sha256-" + base64.b64encode(hashlib.sha256(found.group(1).encode()).digest()).decode() + "'"


HEADERS = {
    **NO_STORE,
    "content-security-policy": (
        f"default-src 'none'; script-src {_hash('script')}; style-src {_hash('style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # The one page of ours that keeps its opener: it has to answer it.
    "cross-origin-opener-policy": "unsafe-none",
}


async def bridge(request: Request) -> Response:
    """Forbidden for an origin that EDITOR_ORIGINS does not name, whole and exactly."""
    origin = request.query_params.get("origin", "")
    if origin not in services_of(request).settings.editor_origins:
        raise Forbidden("This origin may not use the assistant: it is not among EDITOR_ORIGINS.")
    return HTMLResponse(PAGE.replace("{EDITOR_ORIGIN}", escape(origin)), headers=HEADERS)


routes = [Route("/api/auth/bridge", bridge, methods=["GET"])]
