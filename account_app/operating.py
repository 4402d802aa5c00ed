"""What the operator's page does, and keeps. Every act and every look asks who it is."""

from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from account_app import session
from account_app.acting import Acting, text, word
from account_app.live import Live
from account_app.reading_operator import MarginLine, OperatorFigures, Person, operator_page
from account_app.session import Session
from relay import operating
from relay.accounts import Identity
from relay.errors import BadInput
from relay.money import pico_from_usd


class Operator(Acting, Live, Session):
    """The page's figures, and whether what we stand on answers."""

    found: rx.Field[OperatorFigures] = rx.field(default_factory=OperatorFigures)
    health: rx.Field[list[list[str]]] = rx.field(default_factory=list[list[str]])
    _reading = staticmethod(operator_page)

    def _may(self, identity: Any) -> bool:
        return operating.is_operator(session.services().settings, identity)

    def _allowed(self, identity: Identity) -> bool:
        return self._may(identity)

    @rx.event
    async def give(self, form: Any) -> Any:
        """Promo credit for the account of the form."""
        return await self._do(
            "give",
            lambda c, s, who: operating.give(c, s, who, text(form, "account"), _usd(form), text(form, "reason")),
        )

    @rx.event
    async def correct(self, form: Any) -> Any:
        """What a request shall cost in all."""
        return await self._do(
            "correct",
            lambda c, s, who: operating.correct(c, s, who, text(form, "request"), _usd(form), text(form, "reason")),
        )

    @rx.event
    async def block(self, form: Any) -> Any:
        """Ends what the account has open, and refuses its calls."""
        account_id, reason = "", ""

        def work(connection: Any, settings: Any, who: Identity) -> None:
            nonlocal account_id, reason
            account_id, reason = text(form, "account"), text(form, "reason")
            operating.block(connection, settings, who, account_id, reason)

        leaving = await self._do("block", work)
        if account_id and not self.wrong:
            session.services().hub.ended(account_id)
        return leaving

    @rx.event
    async def unblock(self, form: Any) -> Any:
        """Takes the account's calls again."""
        return await self._do(
            "block", lambda c, s, who: operating.unblock(c, s, who, text(form, "account"), text(form, "reason"))
        )

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

    async def _do(self, act: str, work: Callable[[Any, Any, Identity], Any]) -> Any:
        services = session.services()

        async def written(who: Identity) -> None:
            await services.database.write(lambda c: work(c, services.settings, who))

        _, leaving = await self._act(act, written, "Done, and written down.")
        return leaving


FOUND: ObjectVar[OperatorFigures] = Operator.found  # pyright: ignore[reportAssignmentType]
CHOSEN: ObjectVar[Person] = FOUND.chosen  # pyright: ignore[reportAssignmentType]
TOTAL: ObjectVar[MarginLine] = FOUND.total  # pyright: ignore[reportAssignmentType]


def _usd(form: object) -> int:
    try:
        return pico_from_usd(text(form, "usd").strip().removeprefix("$"))
    except ValueError:
        raise BadInput("Give an amount in dollars, such as 5 or 2.50.") from None
