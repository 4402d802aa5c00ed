"""What the billing page knows and does. Every handler asks anew who it is for, and what it was given."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar

from account_app import session
from account_app.acting import amount, words_of
from account_app.components.figures import dollars
from account_app.live import Live
from account_app.reading import billing as words
from account_app.reading.billing import BillingFigures, Upcoming
from account_app.session import Session, Visitor
from relay import billing, ledger
from relay.billing import alerts
from relay.database import Connection
from relay.errors import ProductError

ROUTE = "/billing"

CONFIRMING_SECONDS = 2
LOOK_AHEAD_SECONDS = 15
"""Stripe is asked for the next invoice when the page opens and after changes, at most this often."""


class Billing(Live, Session):
    """The figures of the page, and what was wrong with an amount. Every handler asks anew who it is for."""

    found: rx.Field[BillingFigures] = rx.field(default_factory=BillingFigures)
    upcoming: rx.Field[Upcoming] = rx.field(default_factory=Upcoming)
    topup_error: rx.Field[str] = rx.field("")
    cap_error: rx.Field[str] = rx.field("")
    _here: ClassVar = ROUTE
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
        return await self._buy("plan", lambda: None)

    @rx.event
    async def top_up(self, usd: str) -> Any:
        return await self._buy("topup", lambda: usd)

    @rx.event
    async def top_up_by(self, form: dict[str, Any]) -> Any:
        return await self._buy("topup", lambda: amount(form, "amount"))

    async def _buy(self, kind: Any, amount_of: Callable[[], object]) -> Any:
        """To Stripe's checkout; what is wrong with the amount is said beside it."""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        self.topup_error = ""
        try:
            return rx.redirect(await billing.check_out(session.services().office, identity, kind, amount_of()))
        except ProductError as error:
            if kind == "topup":
                self.topup_error = words_of(error, self.shown_locale)
            else:
                self._tell(words_of(error, self.shown_locale))
        return None

    @rx.event
    async def open_portal(self) -> Any:
        """The address lets in whoever has it, so it is made now and kept nowhere."""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        try:
            return rx.redirect(await billing.open_portal(session.services().office, identity))
        except ProductError as error:
            self._tell(words_of(error, self.shown_locale))
        return None

    @rx.event
    async def set_cap(self, form: dict[str, Any]) -> Any:
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        services = session.services()
        try:
            cap = billing.cap_from(amount(form, "usd"), services.settings)
            await services.database.write(lambda c: ledger.set_cap(c, identity.account_id, cap))
        except ProductError as error:
            self.cap_error = words_of(error, self.shown_locale)
            return None
        self.cap_error = ""
        services.hub.changed(identity.account_id)
        self._tell(f"The spend cap is {dollars(cap, self._locale(identity))} now.")
        return None

    @rx.event
    async def set_alert(self, name: str, wanted: bool) -> Any:
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        if name not in alerts.Choices._fields or not isinstance(wanted, bool):
            return None
        services = session.services()
        try:
            await services.database.write(lambda c: _choose(c, identity.account_id, name, wanted))
        except ProductError as error:
            self._tell(words_of(error, self.shown_locale))
        services.hub.changed(identity.account_id)
        return None


def _choose(connection: Connection, account_id: str, name: str, wanted: bool) -> None:
    chosen = alerts.choices(connection, account_id)._replace(**{name: wanted})
    alerts.choose(connection, account_id, chosen)


FOUND: ObjectVar[BillingFigures] = Billing.found  # pyright: ignore[reportAssignmentType]
UPCOMING: ObjectVar[Upcoming] = Billing.upcoming  # pyright: ignore[reportAssignmentType]
