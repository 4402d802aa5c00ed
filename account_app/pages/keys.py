"""Keys: made once, named, capped, revoked. A key's drawer is in the address."""

import asyncio
from functools import partial
from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import session, theme
from account_app.acting import Acting, amount, refusal, text, word
from account_app.components import controls, parts, shapes
from account_app.components.address import here_to
from account_app.components.moments import date_of, moment
from account_app.layout import frame, is_filled
from account_app.live import Live
from account_app.reading.keys import KeyLine, KeysFigures, keys_of
from account_app.session import Session
from relay import accounts
from relay.accounts import Identity
from relay.database import Connection
from relay.errors import BadInput
from relay.money import pico_from_usd

ROUTE = "/keys"
TITLE = "Keys"
SHOWN_SECONDS = 120
"""How long a new key stays in this process: its owner copies it, and nothing keeps it after that."""


class Keys(Acting, Live, Session):
    """The keys, and a new one for as long as its owner needs to copy it."""

    found: rx.Field[KeysFigures] = rx.field(default_factory=KeysFigures)
    made: rx.Field[str] = rx.field("")
    _here: ClassVar = ROUTE
    _drawn = ("make", "change")
    _reading = staticmethod(keys_of)

    @rx.event
    async def make(self, form: Any) -> Any:
        """A new key, shown this once."""

        async def work(who: Identity) -> str:
            name, cap_pico = text(form, "new-name"), _cap(amount(form, "new-cap"))
            create = partial(accounts.create_key, account_id=who.account_id, name=name, cap_pico=cap_pico)
            return (await session.services().database.write(create))[0]

        done, found = await self._act("make", work)
        if not done:
            return found
        self.made = found
        return Keys.forget_later

    @rx.event
    def forget(self) -> None:
        """Its owner has it."""
        self.made = ""

    @rx.event(background=True)
    async def forget_later(self) -> None:
        """Its owner has had time enough."""
        async with self:
            shown = self.made
        await asyncio.sleep(SHOWN_SECONDS)
        async with self:
            if self.made == shown:
                self.made = ""

    @rx.event
    async def change(self, form: Any) -> Any:
        """A key's name and cap."""

        async def work(who: Identity) -> None:
            key_id, name, cap_pico = text(form, "key"), text(form, "name"), _cap(amount(form, "cap"))
            await session.services().database.write(lambda c: _change(c, who.account_id, key_id, name, cap_pico))

        _, leaving = await self._act("change", work, "Saved.")
        return leaving

    @rx.event
    async def revoke(self, key_id: Any) -> Any:
        """Ends a key and what it has open."""

        async def work(who: Identity) -> None:
            wanted = word(key_id)
            await session.services().database.write(lambda c: accounts.revoke_key(c, who.account_id, wanted))
            session.services().hub.ended(wanted)

        done, leaving = await self._act("revoke", work, "Revoked. What used this key has ended.")
        return rx.redirect(ROUTE, replace=True) if done else leaving


FOUND: ObjectVar[KeysFigures] = Keys.found  # pyright: ignore[reportAssignmentType]
CHOSEN: ObjectVar[KeyLine] = FOUND.chosen  # pyright: ignore[reportAssignmentType]


def _change(connection: Connection, account_id: str, key_id: str, name: str, cap_pico: int | None) -> None:
    accounts.rename_key(connection, account_id, key_id, name)
    accounts.cap_key(connection, account_id, key_id, cap_pico)


def _cap(typed: str) -> int | None:
    """None for no cap."""
    if not typed:
        return None
    try:
        return pico_from_usd(typed)
    except ValueError:
        raise BadInput("A cap is an amount in dollars, such as 25 or 2.50.") from None


def page() -> rx.Component:
    waiting = shapes.waiting(shapes.table(4))
    return frame(ROUTE, TITLE, _new(), _table(), _drawer(), _dialogs(), waiting=waiting, aside=_make_button())


def _make_button() -> rx.Component:
    return rx.cond(
        is_filled(ROUTE),
        rx.cond(
            FOUND.room,
            controls.dialog_button("make", "New key", theme.ACTION),
            rx.el.span("At most ", FOUND.most, " keys. Revoke one first.", class_name=theme.QUIET),
        ),
    )


def _new() -> rx.Component:
    """A key that was just made. It cannot be shown again, so it says so."""
    return rx.cond(
        Keys.made != "",
        rx.el.section(
            rx.el.h2("Your new key", class_name=theme.HEADING),
            rx.el.p("Copy it now. It is shown this once, and we keep only its hash.", class_name=f"{theme.QUIET} mt-1"),
            rx.el.div(
                rx.el.code(
                    Keys.made, id="new-key", class_name="figures text-sm text-ink [overflow-wrap:anywhere] flex-1"
                ),
                controls.copy_button(Keys.made, "key", auto_focus=True),
                class_name="mt-3 flex items-center gap-3 rounded-md bg-sunken px-3 py-2",
            ),
            rx.el.div(
                rx.el.button(
                    "Done", type="button", on_click=[Keys.forget, rx.set_focus("open-make")], class_name=theme.SECONDARY
                ),
                class_name="mt-4 flex justify-end",
            ),
            class_name=f"{theme.PANEL} p-5",
            aria_label="Your new key",
            role="status",
        ),
    )


def _table() -> rx.Component:
    columns = (
        ("Name", parts.LEFT),
        ("Key", parts.LEFT + parts.ONLY_WIDE),
        ("Last used", parts.LEFT + parts.ONLY_WIDE),
        ("Spent", parts.RIGHT),
        ("Cap", parts.RIGHT),
    )
    nothing = parts.empty(
        "No keys yet",
        "A key lets your own programs talk to Claude through this account. Make one, and give it a cap of its own.",
    )
    return parts.panel(
        rx.cond(
            FOUND.rows.length() > 0,
            rx.el.div(parts.table("API keys", columns, rx.foreach(FOUND.rows, _row)), class_name="mt-3"),
            nothing,
        ),
        title="API keys",
    )


def _row(key: ObjectVar[KeyLine]) -> rx.Component:
    return parts.row(
        parts.cell(
            rx.el.div(
                link(key.name, to=here_to("key", key.id), class_name=theme.ROW_LINK),
                rx.cond(key.state != "", parts.mark(key.state, key.tone)),
                class_name="flex flex-wrap items-center gap-2",
            ),
            wraps=True,
        ),
        parts.cell(rx.el.code(key.hint, class_name="text-muted"), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(
            rx.cond(key.used != "", moment(key.used), rx.el.span("Never", class_name="text-muted")),
            parts.LEFT + parts.ONLY_WIDE,
        ),
        parts.cell(_spent(key), parts.RIGHT),
        parts.cell(key.cap, parts.RIGHT),
    )


def _spent(key: ObjectVar[KeyLine]) -> rx.Component:
    """It leads to the requests of the last year: more than that no log shows at once."""
    requests = link(key.spent, to="/requests?range=12m&key=" + key.id.to(str), class_name=theme.ROW_LINK)
    return rx.cond(key.used != "", requests, rx.el.span(key.spent))


def _drawer() -> rx.Component:
    return controls.drawer(
        "key",
        "Key",
        rx.cond(CHOSEN.id != "", _chosen(), parts.empty("No such key", "It may have been revoked.")),
    )


def _chosen() -> rx.Component:
    return rx.el.div(
        rx.el.dl(
            _fact("Key", rx.el.code(CHOSEN.hint)),
            _fact("Made", date_of(CHOSEN.created)),
            _fact("Last used", rx.cond(CHOSEN.used != "", moment(CHOSEN.used), "Never")),
            _fact("Spent", _spent(CHOSEN)),
            class_name="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm",
        ),
        rx.el.form(
            rx.el.input(type="hidden", name="key", value=CHOSEN.id, read_only=True),
            controls.field("Name", "name", default_value=CHOSEN.name, max_length=100, auto_complete="off"),
            controls.field(
                "Cap in USD",
                "cap",
                hint="All that this key may ever spend. Empty for no cap. It counts from the next request on.",
                error=refusal(Keys, "change"),
                default_value=CHOSEN.cap_usd,
                input_mode="decimal",
                auto_complete="off",
            ),
            rx.el.div(
                controls.dialog_button("revoke", "Revoke"),
                rx.el.button("Save", type="submit", class_name=theme.ACTION),
                class_name="flex justify-between gap-2",
            ),
            on_submit=Keys.change,
            custom_attrs=controls.ONCE,
            key=CHOSEN.id,
            class_name="mt-6 flex flex-col gap-4",
        ),
    )


def _fact(name: str, value: rx.Component | rx.Var[str] | str) -> rx.Component:
    return rx.fragment(rx.el.dt(name, class_name="text-muted"), rx.el.dd(value, class_name="text-ink figures"))


def _dialogs() -> rx.Component:
    """Made anew after each act, and so closed."""
    return rx.el.div(_make_dialog(), _revoke_dialog(), key=Keys.acts.to(str))


def _make_dialog() -> rx.Component:
    return controls.dialog(
        "make",
        "New key",
        rx.el.form(
            controls.field(
                "Name",
                "new-name",
                hint="Where it is used, such as “build server”.",
                max_length=100,
                auto_complete="off",
            ),
            controls.field(
                "Cap in USD",
                "new-cap",
                hint="All that it may ever spend. Empty for no cap.",
                error=refusal(Keys, "make"),
                input_mode="decimal",
                auto_complete="off",
            ),
            controls.dialog_foot("make", rx.el.button("Make key", type="submit", class_name=theme.ACTION)),
            on_submit=Keys.make,
            custom_attrs=controls.ONCE,
            class_name="flex flex-col gap-4 mt-4",
        ),
    )


def _revoke_dialog() -> rx.Component:
    return controls.dialog(
        "revoke",
        "Revoke this key?",
        rx.el.p(
            "Whatever uses ",
            rx.el.strong(CHOSEN.name, class_name="font-medium text-ink [overflow-wrap:anywhere]"),
            " is refused from now on, and what it has open ends. This cannot be undone.",
            class_name=theme.QUIET,
        ),
        controls.dialog_foot(
            "revoke",
            rx.el.button("Revoke", type="button", on_click=Keys.revoke(CHOSEN.id), class_name=theme.DANGER),
        ),
    )
