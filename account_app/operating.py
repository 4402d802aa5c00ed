"""What the operator's page does, and keeps. Every act and every look asks who it is."""

from collections.abc import Callable
from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar
from sqlalchemy import Connection

from account_app import session
from account_app.acting import Acting, amount, text, word
from account_app.live import Live
from account_app.reading.operator import OperatorFigures, Person, operator_page
from account_app.session import Session
from relay import operating
from relay.accounts import Identity
from relay.errors import BadInput, ProductError
from relay.money import pico_from_usd
from relay.settings import Settings

ROUTE = "/operator"


class Operator(Acting, Live, Session):
    """The page's figures, and whether what we stand on answers."""

    found: rx.Field[OperatorFigures] = rx.field(default_factory=OperatorFigures)
    health: rx.Field[list[list[str]]] = rx.field(default_factory=list[list[str]])
    once: rx.Field[str] = rx.field("")
    _here: ClassVar = ROUTE
    _drawn = ("give", "correct", "block", "inspect")
    _reading = staticmethod(operator_page)

    def _show(self, found: Any, asked: str) -> None:
        # Kept until an act is done, so that a form that is sent twice acts once.
        self.once = self.once or operating.new_key()
        super()._show(found, asked)

    def _may(self, identity: Identity | None) -> bool:
        return operating.is_operator(session.services().settings, identity)

    def _allowed(self, identity: Identity) -> bool:
        return self._may(identity)

    @rx.event
    async def give(self, form: Any) -> Any:
        """Promo credit for the account of the form."""
        return await self._do(
            "give",
            lambda c, s, who: operating.give(
                c, s, who, text(form, "account"), _usd(form), text(form, "reason"), text(form, "once")
            ),
        )

    @rx.event
    async def correct(self, form: Any) -> Any:
        """What a request shall cost in all."""
        return await self._do(
            "correct",
            lambda c, s, who: operating.correct(
                c, s, who, text(form, "request").strip(), _usd(form), text(form, "reason"), text(form, "once")
            ),
        )

    @rx.event
    async def block(self, form: Any) -> Any:
        """Ends what the account has open, and refuses its calls."""
        return await self._turn(form, operating.block)

    @rx.event
    async def unblock(self, form: Any) -> Any:
        """Takes the account's calls again."""
        return await self._turn(form, operating.unblock)

    @rx.event
    async def replay(self, event_id: Any) -> Any:
        """Works one of Stripe's events once more."""
        return await self._do("replay", lambda c, s, who: operating.replay(c, s, who, word(event_id)))

    @rx.event
    async def look(self) -> Any:
        """Asks everything that we stand on."""

        async def work(_: Identity) -> list[list[str]]:
            of = session.services()
            answers = await operating.health_of(of.database, of.limits, of.claude, of.payments, of.mail)
            return [[a.name, "Well" if a.ok else "Down", a.detail, f"{a.milliseconds} ms"] for a in answers]

        done, found = await self._act("look", work)
        if not done:
            return found
        self.health = found
        return None

    @rx.event(background=True)
    async def inspect(self) -> Any:
        """Looks for differences, and goes on when the page is left. The next look finds what it found."""
        services, identity = session.services(), await self._who()
        if identity is None or not self._allowed(identity):
            return
        try:
            for kind in operating.KINDS:
                await operating.inspect(
                    services.office, identity, kind, lambda: services.hub.changed(identity.account_id)
                )
        except ProductError as error:
            async with self:
                self._refused("inspect", error.message)
            return
        async with self:
            if self.wrong_at == "inspect":
                self.wrong, self.wrong_at = "", ""

    async def _turn(self, form: Any, turn: Callable[[Connection, Settings, Identity, str, str], None]) -> Any:
        """Blocks or unblocks the account of the form; its open pages say so at once."""
        turned = ""

        def work(connection: Connection, settings: Settings, who: Identity) -> None:
            nonlocal turned
            turned = text(form, "account")
            turn(connection, settings, who, turned, text(form, "reason"))

        leaving = await self._do("block", work)
        if turned and not self.wrong:
            if turn is operating.block:
                session.services().hub.ended(turned)
            session.services().hub.changed(turned)
        return leaving

    async def _do(self, act: str, work: Callable[[Connection, Settings, Identity], object]) -> Any:
        services = session.services()

        async def written(who: Identity) -> None:
            await services.database.write(lambda c: work(c, services.settings, who))

        done, leaving = await self._act(act, written, "Done, and written down.")
        if done:
            self.once = operating.new_key()
        return leaving


FOUND: ObjectVar[OperatorFigures] = Operator.found  # pyright: ignore[reportAssignmentType]
CHOSEN: ObjectVar[Person] = FOUND.chosen  # pyright: ignore[reportAssignmentType]
EARNED: Any = FOUND.earned


def _usd(form: object) -> int:
    try:
        return pico_from_usd(amount(form, "usd"))
    except ValueError:
        raise BadInput("Give an amount in dollars, such as 5 or 2.50.") from None
