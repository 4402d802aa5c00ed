"""What the account page does, and keeps: sessions, address, zone and language, data, and the end of it."""

import asyncio
from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar

from account_app import session
from account_app.acting import Acting, text, word
from account_app.live import Live
from account_app.reading.account import AccountFigures, account_of
from account_app.session import Session
from relay import accounts, billing
from relay.accounts import Identity, letters
from relay.errors import NotFound

ROUTE = "/account"

EXPORT_LOOKS = 600
"""How often, a second apart, the page looks how far an export is."""


class Account(Acting, Live, Session):
    """What the page shows, and how far its two-step forms are."""

    found: rx.Field[AccountFigures] = rx.field(default_factory=AccountFigures)
    closing: rx.Field[bool] = rx.field(False)
    _here: ClassVar = ROUTE
    _drawn = ("session", "choose", "move", "confirm", "close")
    _reading = staticmethod(account_of)

    @rx.event
    async def end_session(self, session_id: Any) -> Any:
        """Signs one browser out, with its streams and pages."""

        async def work(who: Identity) -> None:
            wanted = word(session_id)
            if not await session.services().database.write(lambda c: accounts.end_session(c, who.account_id, wanted)):
                raise NotFound("It was signed out already.")
            session.services().hub.ended(wanted)

        _, leaving = await self._act("session", work, "Signed out.")
        return leaving

    @rx.event
    async def choose(self, form: Any) -> Any:
        """Time zone and language."""

        async def work(who: Identity) -> None:
            zone, locale = text(form, "time_zone"), text(form, "locale")
            await session.services().database.write(lambda c: accounts.set_preferences(c, who.account_id, zone, locale))

        done, leaving = await self._act("choose", work, "Saved.")
        return Account.load if done else leaving

    @rx.event
    async def request_move(self, form: Any) -> Any:
        """Mails a code to the old address and one to the new."""

        async def work(who: Identity) -> None:
            services = session.services()
            email = accounts.normalise_email(text(form, "email"))
            codes = await accounts.request_move(services.database, services.settings, who, email)
            for purpose, mailed in (("move-from", codes.old), ("move-to", codes.new)):
                if mailed:
                    _post(mailed, purpose)

        _, leaving = await self._act("move", work)
        return leaving

    @rx.event
    async def confirm_move(self, form: Any) -> Any:
        """Both codes are there: the account is at its new address."""

        async def work(who: Identity) -> None:
            services = session.services()
            old, new = (accounts.normalise_code(text(form, name)) for name in ("old_code", "new_code"))
            moved = await accounts.confirm_move(services.database, services.settings, who, old, new)
            for message in letters.moved_mails(services.settings, moved):
                services.mail.post(message)
            await billing.follow_address(services.office, moved.account_id, moved.new_email)

        done, leaving = await self._act("confirm", work, "Your email is changed.")
        return Account.load if done else leaving

    @rx.event
    async def cancel_move(self) -> Any:
        """The account stays at its address, and both codes are worth nothing."""

        async def work(who: Identity) -> None:
            await session.services().database.write(lambda c: accounts.cancel_move(c, who))

        done, leaving = await self._act("cancel", work, "Your email stays as it is.")
        return Account.load if done else leaving

    @rx.event
    async def allow_mail(self) -> Any:
        """The person wants our mail after all."""

        async def work(who: Identity) -> None:
            await session.services().database.write(lambda c: accounts.allow_mail(c, who.email))

        _, leaving = await self._act("mail", work, "You get our mail again.")
        return leaving

    @rx.event(background=True)
    async def follow_export(self) -> None:
        """Tells how far the download is, until it has ended."""
        for _ in range(EXPORT_LOOKS):
            await asyncio.sleep(1)
            if (identity := await self._who()) is None:
                return
            session.services().hub.changed(identity.account_id)
            found = await session.read(accounts.last_export, identity.account_id)
            if found is None or not found.runs:
                return

    @rx.event
    async def request_closing(self) -> Any:
        """Mails the code without which nothing is deleted."""

        async def work(who: Identity) -> None:
            services = session.services()
            _post(await accounts.request_closing(services.database, services.settings, who), "close")

        done, leaving = await self._act("close", work)
        self.closing = self.closing or done
        return leaving

    @rx.event
    async def close(self, form: Any) -> Any:
        """Deletes the account."""

        async def work(who: Identity) -> accounts.Closed:
            services = session.services()
            code = accounts.normalise_code(text(form, "code"))
            return await accounts.close_account(services.database, services.settings, who, code)

        done, closed = await self._act("close", work)
        if not done:
            return closed
        services = session.services()
        services.mail.post(letters.closed_mail(services.settings, closed))
        for ended in closed.ended:
            services.hub.ended(ended)
        return self._leave()


FOUND: ObjectVar[AccountFigures] = Account.found  # pyright: ignore[reportAssignmentType]


def _post(mailed: accounts.MailedCode, purpose: str) -> None:
    services = session.services()
    about = f"{purpose}-{accounts.address_tag(services.settings, mailed.email)}"
    services.mail.post(letters.code_mail(services.settings, mailed, purpose, about))
