"""What the billing page knows and does. Every handler asks anew who it is for, and what it was given."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import reflex as rx
from reflex.vars import ObjectVar

from account_app import session
from account_app.acting import Acting, amount, refusal
from account_app.components.figures import dollars
from account_app.live import Live
from account_app.reading import billing as words
from account_app.reading.billing import BillingFigures, Upcoming
from account_app.session import Session, Visitor
from relay import billing, ledger
from relay.accounts import Identity
from relay.billing import alerts
from relay.database import Connection
from relay.errors import BadInput, ProductError

ROUTE = "/billing"

CONFIRMING_SECONDS = 2
LOOK_AHEAD_SECONDS = 15
"""Stripe is asked for the next invoice when the page opens and after changes, at most this often."""


class Billing(Acting, Live, Session):
    """The figures of the page, and the next invoice, which Stripe tells."""

    found: rx.Field[BillingFigures] = rx.field(default_factory=BillingFigures)
    upcoming: rx.Field[Upcoming] = rx.field(default_factory=Upcoming)
    _here: ClassVar = ROUTE
    _drawn = ("topup", "cap")
    _reading = staticmethod(words.billing_of)
    _stale: bool = True

    def _patience(self) -> float:
        if self.found.visit.waits:
            return CONFIRMING_SECONDS
        return LOOK_AHEAD_SECONDS if self._stale else super()._patience()

    async def _afterwards(self, visitor: Visitor) -> None:
        """The next invoice comes from Stripe, so it may come later than the rest, or not at all."""
        if not session.is_due(f"preview:{visitor.account_id}", LOOK_AHEAD_SECONDS):
            async with self:
                self._stale = True
            return
        try:
            found = words.upcoming_of(await billing.preview_of(session.services().office, visitor.account_id), visitor)
        except ProductError:
            found = None
        async with self:
            self._stale = False
            if found is not None:
                self.upcoming = found
            elif self.upcoming.state == "waiting":
                self.upcoming = replace(self.upcoming, state="unknown")

    @rx.event
    async def start_plan(self) -> Any:
        """To Stripe's checkout of the plan."""
        return await self._buy("plan", lambda: None)

    @rx.event
    async def top_up(self, usd: Any) -> Any:
        """To Stripe's checkout of one of the amounts that are offered."""
        return await self._buy("topup", lambda: usd)

    @rx.event
    async def top_up_by(self, form: Any) -> Any:
        """To Stripe's checkout of an amount that was typed."""
        return await self._buy("topup", lambda: amount(form, "amount"))

    async def _buy(self, kind: Literal["plan", "topup"], amount_of: Callable[[], object]) -> Any:
        async def work(who: Identity) -> str:
            return await billing.check_out(session.services().office, who, kind, amount_of())

        done, found = await self._act(kind, work)
        return rx.redirect(found) if done else found

    @rx.event
    async def open_portal(self) -> Any:
        """The address lets in whoever has it, so it is made now and kept nowhere."""

        async def work(who: Identity) -> str:
            return await billing.open_portal(session.services().office, who)

        done, found = await self._act("portal", work)
        return rx.redirect(found) if done else found

    @rx.event
    async def set_cap(self, form: Any) -> Any:
        """What may be owed in a billing period, from the next request on."""

        async def work(who: Identity) -> int:
            services = session.services()
            cap = billing.cap_from(amount(form, "usd"), services.settings)
            await services.database.write(lambda c: ledger.set_cap(c, who.account_id, cap))
            return cap

        done, found = await self._act("cap", work)
        if not done:
            return found
        self._tell(f"The spend cap is {dollars(found, self.shown_locale)} now.")
        return None

    @rx.event
    async def set_alert(self, name: Any, wanted: Any) -> Any:
        """Whether a mail of that sort is wanted."""

        async def work(who: Identity) -> None:
            if name not in alerts.Choices._fields or not isinstance(wanted, bool):
                raise BadInput("There is no such alert.")
            await session.services().database.write(lambda c: _choose(c, who.account_id, name, wanted))

        _, leaving = await self._act("alert", work)
        return leaving


def _choose(connection: Connection, account_id: str, name: str, wanted: bool) -> None:
    chosen = alerts.choices(connection, account_id)._replace(**{name: wanted})
    alerts.choose(connection, account_id, chosen)


FOUND: ObjectVar[BillingFigures] = Billing.found  # pyright: ignore[reportAssignmentType]
UPCOMING: ObjectVar[Upcoming] = Billing.upcoming  # pyright: ignore[reportAssignmentType]
TOPUP_REFUSAL, CAP_REFUSAL = refusal(Billing, "topup"), refusal(Billing, "cap")
