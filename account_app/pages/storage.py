"""Storage: the files of a person, sent straight to the API by the browser; what they cost, and the way back."""

from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar, StringVar, VarData
from reflex_components_core.react_router import link

from account_app import session, theme
from account_app.acting import Acting, word
from account_app.components import chart, parts, shapes
from account_app.components.address import has, here_to, here_with
from account_app.components.moments import date_of, moment
from account_app.components.telling import FLOATING
from account_app.components.uploads import uploads
from account_app.layout import frame
from account_app.live import Live
from account_app.reading.storage import DeletedLine, FileLine, StorageFigures, storage_of
from account_app.session import Session
from relay import storage
from relay.accounts import Identity

ROUTE = "/storage"
TITLE = "Storage"


class Storage(Acting, Live, Session):
    """A page of the files. `removed` is the one that was deleted last, for as long as its undo is offered."""

    found: rx.Field[StorageFigures] = rx.field(default_factory=StorageFigures)
    removed: rx.Field[str] = rx.field("")
    _here: ClassVar = ROUTE
    _drawn = ("delete", "put_back")
    _reading = staticmethod(storage_of)

    @rx.event
    async def delete(self, name: Any) -> Any:
        """It can be put back for some days."""

        async def work(who: Identity) -> str:
            wanted = storage.asset_name(word(name))
            house = session.services().storehouse
            bounds = storage.bounds_of(house)
            await house.database.write(lambda c: storage.delete(c, who.account_id, wanted, bounds))
            return wanted

        done, found = await self._act("delete", work)
        if not done:
            return found
        self.removed = found
        return None

    @rx.event
    async def put_back(self, name: Any) -> Any:
        """As though it had never been deleted."""

        async def work(who: Identity) -> None:
            storage.refuse_to_store(who)
            wanted = storage.asset_name(word(name))
            house = session.services().storehouse
            bounds = storage.bounds_of(house)
            await house.database.write(lambda c: storage.put_back(c, who.account_id, wanted, bounds))

        done, leaving = await self._act("put_back", work, "It is back.")
        if done:
            self.removed = ""
        return leaving

    @rx.event
    def forget(self) -> None:
        """The undo is not wanted; the list of what was deleted still has it."""
        self.removed = ""


FOUND: ObjectVar[StorageFigures] = Storage.found  # pyright: ignore[reportAssignmentType]


def page() -> rx.Component:
    waiting = shapes.waiting(shapes.form(0), shapes.form(0), shapes.table(5))
    return frame(ROUTE, TITLE, _refused(), _space(), _uploads(), _files(), _deleted(), _undo(), waiting=waiting)


def _refused() -> rx.Component:
    return rx.cond(Storage.wrong != "", parts.notice(Storage.wrong, tone="bad"))


def _space() -> rx.Component:
    """How much is kept, of how much, and what a month of it costs."""
    booked = link("What was booked", to="/requests?model=storage", class_name=theme.LINK)
    return parts.panel(
        rx.el.dl(
            parts.stat("Used", FOUND.used, rx.fragment("of ", FOUND.quota, ", in ", FOUND.files)),
            parts.stat("Price per month", FOUND.month, rx.fragment(FOUND.unit, " a GB, booked by the hour")),
            class_name=f"{theme.FIGURES} px-5 pt-4",
        ),
        rx.el.div(
            chart.meter(FOUND.meter, "How full it is"),
            rx.cond(
                FOUND.full,
                rx.el.p("Nearly full. Delete what you no longer need.", class_name="text-sm text-warn"),
                rx.cond(FOUND.rows.length() > 0, booked),
            ),
            class_name="flex flex-col gap-3 px-5 pt-4 pb-5",
        ),
        title="Space",
    )


def _uploads() -> rx.Component:
    return uploads(FOUND.account, FOUND.names, FOUND.largest, FOUND.largest_words)


def _files() -> rx.Component:
    columns = (
        ("Name", parts.LEFT),
        ("Type", parts.LEFT + parts.ONLY_WIDE),
        ("Kept since", parts.LEFT + parts.ONLY_WIDE),
        ("Size", parts.RIGHT),
        ("A month", parts.RIGHT + parts.ONLY_WIDE),
        parts.acts(),
    )
    nothing = parts.empty("No files yet", "What you keep is yours alone, and you can fetch it from anywhere.")
    return parts.panel(
        rx.cond(
            FOUND.rows.length() > 0,
            rx.el.div(
                parts.table("Files", columns, rx.foreach(FOUND.rows, _row)),
                _pager(),
                id="files",
                tab_index=-1,
                class_name="mt-3",
            ),
            nothing,
        ),
        title="Files",
    )


def _row(file: ObjectVar[FileLine]) -> rx.Component:
    return parts.row(
        parts.cell(
            rx.el.div(
                link(
                    file.name,
                    to=_download(file),
                    reload_document=True,
                    download=True,
                    class_name=theme.ROW_LINK,
                ),
                parts.narrow(rx.el.span(file.type), rx.el.span(file.price)),
                class_name="flex flex-col",
            ),
            wraps=True,
        ),
        parts.cell(file.type, parts.LEFT + parts.ONLY_WIDE),
        parts.cell(moment(file.stored), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(file.size, parts.RIGHT),
        parts.cell(rx.el.span(file.price, title=file.exact), parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(_button("Delete", file.name, Storage.delete(file.name)), parts.RIGHT),
    )


def _download(file: ObjectVar[FileLine]) -> StringVar[str]:
    """The API may be elsewhere: the page says where."""
    js = f"((globalThis.document?.querySelector('meta[name=api-origin]')?.content ?? '') + {file.address!s})"
    return rx.Var(js, _var_data=VarData.merge(file.address._get_all_var_data())).to(str)


def _button(words: str, name: rx.Var[str], act: Any) -> rx.Component:
    return rx.el.button(
        words,
        rx.el.span(" ", name, class_name="sr-only"),
        type="button",
        on_click=act,
        class_name=f"{theme.GHOST} -mr-3",
    )


def _pager() -> rx.Component:
    return rx.cond(
        (FOUND.next != "") | has("after"),
        rx.el.nav(
            rx.cond(has("after"), link("First", to=here_with(after=None), class_name=theme.SECONDARY)),
            rx.cond(
                FOUND.next != "", link("More", to=here_to("after", FOUND.next.to(str)), class_name=theme.SECONDARY)
            ),
            aria_label="Pages of the table",
            class_name="flex justify-end gap-2 border-t border-line px-5 py-3",
        ),
    )


def _deleted() -> rx.Component:
    columns = (
        ("Name", parts.LEFT),
        ("Size", parts.RIGHT + parts.ONLY_WIDE),
        ("Gone on", parts.LEFT),
        parts.acts(),
    )
    return rx.cond(
        FOUND.deleted.length() > 0,
        parts.panel(
            rx.el.p(
                "Free of charge, and kept for ", FOUND.undo_days, " days in case you want them back.",
                class_name=f"{theme.QUIET} px-5 pt-1",
            ),
            rx.el.div(parts.table("Deleted files", columns, rx.foreach(FOUND.deleted, _gone)), class_name="mt-3"),
            title="Deleted",
        ),
    )  # fmt: skip


def _gone(file: ObjectVar[DeletedLine]) -> rx.Component:
    return parts.row(
        parts.cell(rx.el.span(file.name, class_name="text-muted [overflow-wrap:anywhere]")),
        parts.cell(file.size, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(date_of(file.until)),
        parts.cell(_button("Put back", file.name, Storage.put_back(file.name)), parts.RIGHT),
    )


def _undo() -> rx.Component:
    """Stays until it is used or sent away: whoever reads slowly, or by ear, has the time. The keyboard goes to it, and
    then back to the files: left where it was, it would stand on another file's button.
    """
    return rx.el.div(
        rx.cond(
            Storage.removed != "",
            rx.el.div(
                rx.el.span("Deleted ", Storage.removed, ".", class_name="[overflow-wrap:anywhere]"),
                rx.el.button(
                    "Undo",
                    type="button",
                    on_click=[Storage.put_back(Storage.removed), rx.set_focus("files")],
                    auto_focus=True,
                    key=Storage.removed,
                    class_name="min-h-6 px-1 font-semibold underline underline-offset-4 cursor-pointer",
                ),
                rx.el.button(
                    rx.el.span("×", aria_hidden=True),
                    type="button",
                    aria_label="Dismiss",
                    on_click=[Storage.forget, rx.set_focus("files")],
                    class_name="size-6 cursor-pointer",
                ),
                class_name=f"{FLOATING} flex items-center gap-3 bg-ink text-page",
            ),
        ),
        role="status",
    )
