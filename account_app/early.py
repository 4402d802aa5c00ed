"""A page that comes with its figures: what its State would tell by the socket, read and drawn when it is asked for.

Whose figures they are is looked up by the cookie of that very request, and no cache keeps the answer. Where anything
is missing, the page comes as it was exported, and its figures by the socket.
"""

import asyncio
import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import structlog
from reflex.istate.data import ReflexURL, URLData
from reflex.state import State
from reflex_base.utils import format as formats

from account_app import session
from account_app.drawing import Drawing, with_sheet
from account_app.guard import Scope
from account_app.places import route_of
from account_app.session import Session
from relay import accounts
from relay.accounts import Identity, cookie_value, cookies_of

log = structlog.get_logger(__name__)
SECONDS_MAX = 1.0
"""Whoever would wait longer is better served by an empty page at once."""

NOT_BEFORE = "body:not(:has(>script)) .found{visibility:hidden}"
"""What `placing.ALL_AT_ONCE` asks for, where a browser does not know that link or has waited long enough: the scripts
stand behind the content.
"""

BODY = re.compile(r"(?<=<body>).*?(?=<script)", re.DOTALL)


class Early:
    """Makes the pages of those who are signed in, out of the exported ones (`pages`, by their addresses)."""

    def __init__(self, pages: Mapping[str, str], drawing: Drawing) -> None:
        self._pages = pages
        self._drawing = drawing

    async def page(self, scope: Scope, address: str) -> tuple[str, str] | None:
        """The page with its figures, and its style sheet; None when it cannot be made now."""
        if not self._drawing.has_room:
            return None
        try:
            return await asyncio.wait_for(self._made(scope, address), SECONDS_MAX)
        except TimeoutError:
            log.warning("page_not_drawn_in_time", page=address)
        except Exception:
            log.exception("page_not_drawn", page=address)
        return None

    async def _made(self, scope: Scope, address: str) -> tuple[str, str] | None:
        identity = await _who(scope)
        query = scope.get("query_string", b"").decode("latin-1")
        state = await early_state(identity, address, query, _reader(scope)) if identity else None
        if state is None:
            return None
        drawn = await self._drawing.draw(route_of(address), address + (f"?{query}" if query else ""), state)
        body, styles = with_sheet(drawn)
        sheet = NOT_BEFORE + styles
        told = f'<style data-early>{sheet}</style><meta name="early" content="{html.escape(state)}"/>'
        # Before the scripts: the first of them asks whether the page came with its figures.
        head, scripts, rest = self._pages[address].partition("<script>")
        return head + told + scripts + BODY.sub(lambda _: body, rest, count=1), sheet


async def early_state(identity: Identity, address: str, query: str, reader: tuple[str, str]) -> str | None:
    """JSON of what differs from the State that every browser begins with, by substate. None when the figures are out
    of reach, this person may not see the page, or nobody knows their zone. `reader`: the browser's zone and locale.
    """
    root: Any = State(_reflex_internal_init=True)  # pyright: ignore[reportCallIssue]
    root.rx_router_url = URLData.from_url(ReflexURL(f"http://localhost{address}{'?' + query if query else ''}"))
    page: Any = root.get_substate(_class_at(address).get_full_name().split("."))
    root._clean()
    page.zone, page.locale = reader
    if not (identity.time_zone or page.zone) or not await page._arrive(identity):
        return None
    return formats.json_dumps(root.get_delta())


def _class_at(address: str) -> type[Session]:
    return next(page for page in Session.get_substates() if getattr(page, "_here", "") == address)  # pyright: ignore


async def _who(scope: Scope) -> Identity | None:
    credential = accounts.credential_from_headers(cookies_of(scope["headers"]))
    return await accounts.recognise(session.services().database, credential)


def _reader(scope: Scope) -> tuple[str, str]:
    cookies = cookies_of(scope["headers"])
    return unquote(cookie_value(cookies, "zone")), unquote(cookie_value(cookies, "locale"))
