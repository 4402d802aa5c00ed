"""A page whose figures are read when it opens, and again whenever they change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import reflex as rx
from sqlalchemy import Connection

from account_app import session
from account_app.session import Session, Visitor
from relay.accounts import Identity

NOT_YOURS = "That page is not for this account. This is your overview."
OUT_OF_REACH = "The figures could not be renewed just now. We keep trying."


# Reflex takes no mixin of a State of ours; it stands beside Session in the pages, and so it is typed.
_Beside = Session if TYPE_CHECKING else rx.State


class Live(_Beside, mixin=True):
    """Mix it into a page's Session, and say how its figures are read:

        class Overview(Live, Session):
            found: rx.Field[Figures] = rx.field(default_factory=Figures)
            _here: ClassVar = ROUTE
            _reading = staticmethod(overview_of)

    `_reading(connection, visitor)` runs in a thread on a read-only connection; its frozen dataclass becomes `found`.
    The page's `on_load` is `Overview.load`. A handler of the page's own begins with `await self._who()` and, having
    changed something of the account, need do no more: the change comes back by itself.
    """

    _here: ClassVar[str]
    _reading: Callable[[Connection, Visitor], Any] = staticmethod(lambda connection, visitor: None)

    @rx.event
    async def load(self) -> Any:
        """On every visit, and whenever the query of the address changes: who is it, and may they be here?"""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        self._greet(identity)
        if not self._may(identity):
            self._tell(NOT_YOURS)
            return rx.redirect("/", replace=True)
        return type(self).follow

    @rx.event(background=True)
    async def follow(self) -> Any:
        """Keeps the figures true for as long as the page is open. Asks who it is each time."""
        identity = await self._who()
        if identity is None or not self._may(identity):
            return
        visitor, asked = self._visitor(identity), self.router.url.query
        async for _ in session.changes(self._handle(), identity.account_id, self._patience):
            if (identity := await self._who()) is None or not self._may(identity):
                async with self:
                    leaving = self._to_sign_in()
                yield leaving
                return
            found = await session.read(self._reading, visitor)
            async with self:
                self.blocked = identity.blocked
                self._show(found, asked)
            await self._afterwards(visitor)

    async def _arrive(self, identity: Identity) -> bool:
        if not self._may(identity):
            return False
        self._greet(identity)
        found = await session.read(self._reading, self._visitor(identity))
        if found is not None:
            self._show(found, self.router.url.query)
        return found is not None

    async def _afterwards(self, visitor: Visitor) -> None:
        """For what a page asks of others than our database, after its own figures are there."""

    def _may(self, identity: Identity | None) -> bool:
        """Whether this person may see the page; everybody who is signed in, unless the page says otherwise."""
        return identity is not None

    def _patience(self) -> float:
        return session.RETRY_SECONDS if self.problem else session.REFRESH_SECONDS

    def _show(self, found: Any, asked: str) -> None:
        """What could not be read leaves what is shown as it is, and says so."""
        if found is None:
            self.problem = OUT_OF_REACH
            return
        self.found, self.shown_query = found, asked.removeprefix("?")
        self.problem = ""
        self._fill(self._here)
