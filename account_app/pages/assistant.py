"""Assistant: the panel that the editor embeds, here in the dashboard. It streams from the relay by itself."""

import hashlib
from typing import Any, ClassVar

import reflex as rx
from reflex_components_core.el.elements.base import BaseHTML

from account_app import theme
from account_app.components import shapes
from account_app.layout import api, frame
from account_app.session import Session
from relay.accounts import Identity
from relay.settings import ROOT

ROUTE = "/assistant"
TITLE = "Assistant"
MODULE = ROOT / "assets" / "panel" / "v1" / "panel.js"


class Assistant(Session):
    """The page shows nothing of the account but its address; the panel asks the relay itself."""

    _here: ClassVar = ROUTE

    @rx.event
    async def load(self) -> Any:
        """On every visit: who is it, and may they be here?"""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        await self._arrive(identity)
        return None

    async def _arrive(self, identity: Identity) -> bool:
        self._greet(identity)
        self._fill(self._here)
        return True


class AssistantPanel(BaseHTML):
    """The custom element. The browser defines it when panel.js has come."""

    tag = "assistant-panel"

    api: rx.Var[str]


def address() -> str:
    """The module's, with a query that changes with its bytes: browsers keep what they have got for good."""
    version = hashlib.sha256(MODULE.read_bytes()).hexdigest()[:10] if MODULE.exists() else ""
    return f"/panel/v1/panel.js?{version}"


def page() -> rx.Component:
    return rx.fragment(
        rx.el.script(src=address(), type="module", async_=True),
        frame(
            ROUTE,
            TITLE,
            rx.el.div(AssistantPanel.create(api=api("")), class_name=f"{theme.PANEL} overflow-hidden"),
            waiting=shapes.waiting(rx.el.div(class_name=f"{theme.PANEL} assistant")),
            bare=True,
        ),
    )
