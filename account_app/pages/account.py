"""Account: where one is signed in, one's address, zone and language, one's data, and the end of it."""

from collections.abc import Sequence
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.acting import refusal
from account_app.components import controls, parts, shapes
from account_app.components.moments import date_of, moment
from account_app.layout import Form, api, frame
from account_app.owning import FOUND, ROUTE, Account
from account_app.reading.account import SessionLine
from account_app.session import Session
from relay import accounts

TITLE = "Account"


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        _notices(),
        _sessions(),
        rx.el.div(_email(), _reading(), class_name=theme.PAIR),
        rx.el.div(_data(), _end(), class_name=theme.PAIR),
        _dialogs(),
        waiting=shapes.waiting(
            shapes.table(2),
            shapes.pair(shapes.form(1), shapes.form(2)),
            shapes.pair(shapes.form(0), shapes.form(0)),
        ),
    )


def _notices() -> rx.Component:
    allow = rx.cond(
        FOUND.complained,
        rx.el.button("Send me mail again", type="button", on_click=Account.allow_mail, class_name=f"{theme.LINK} ml-2"),
    )
    return rx.fragment(
        rx.cond(FOUND.stopped != "", parts.notice(FOUND.stopped, allow)),
    )


def _sessions() -> rx.Component:
    columns = (
        ("Device", parts.LEFT),
        ("Last used", parts.LEFT + parts.ONLY_WIDE),
        ("Network", parts.LEFT + parts.ONLY_WIDE),
        ("Signed in", parts.LEFT + parts.ONLY_WIDE),
        parts.acts(),
    )
    everywhere = Form.create(
        rx.el.button("Sign out everywhere", type="submit", class_name=theme.SECONDARY),
        action=api("/api/auth/logout?everywhere=1"),
        method="post",
    )
    return parts.panel(
        rx.el.div(
            parts.table("Where you are signed in", columns, rx.foreach(FOUND.sessions, _session)), class_name="mt-3"
        ),
        _wrong("session"),
        title="Where you are signed in",
        aside=everywhere,
    )


def _session(row: ObjectVar[SessionLine]) -> rx.Component:
    end = rx.el.button(
        "Sign out",
        rx.el.span(" ", row.device, class_name="sr-only"),
        type="button",
        on_click=Account.end_session(row.id),
        class_name=theme.ROW_ACTION,
    )
    return parts.row(
        parts.cell(
            rx.el.div(
                row.device,
                parts.narrow(moment(row.seen), rx.el.span(row.place)),
                class_name="text-ink",
            )
        ),
        parts.cell(moment(row.seen), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(row.place, parts.LEFT + parts.ONLY_WIDE, "text-muted figures"),
        parts.cell(date_of(row.since), parts.LEFT + parts.ONLY_WIDE, "text-muted"),
        parts.cell(rx.cond(row.here, parts.mark("This browser", "good"), end), parts.RIGHT),
    )


def _email() -> rx.Component:
    ask = rx.el.form(
        controls.field(
            "New email",
            "email",
            hint="We mail a code to the old and to the new address. It changes when you give both back.",
            error=refusal(Account, "move"),
            type="email",
            required=True,
            max_length=254,
            auto_complete="email",
        ),
        rx.el.button("Send codes", type="submit", class_name=f"{theme.SECONDARY} self-start"),
        on_submit=Account.request_move,
        custom_attrs=controls.ONCE,
        class_name="flex flex-col gap-4",
    )
    give = rx.el.form(
        rx.el.p(
            "We mailed a code to ", _strong(Session.email), " and one to ", _strong(FOUND.moving_to),
            ". They work for 10 minutes, in this browser. If one does not come, look among the spam; after that time "
            "you can start again.", class_name=theme.QUIET,
        ),
        _code("Code from the old address", "old_code"),
        _code("Code from the new address", "new_code", refusal(Account, "confirm")),
        rx.el.div(
            rx.el.button("Change email", type="submit", class_name=theme.ACTION),
            rx.el.button("Keep my email", type="button", on_click=Account.cancel_move, class_name=theme.SECONDARY),
            class_name="flex flex-wrap gap-3",
        ),
        on_submit=Account.confirm_move,
        custom_attrs=controls.ONCE,
        class_name="flex flex-col gap-4",
    )  # fmt: skip
    return _section("Email", rx.el.p(_strong(Session.email)), rx.cond(FOUND.moving_to != "", give, ask))


def _reading() -> rx.Component:
    zones = [rx.el.option(zone.replace("_", " "), value=zone) for zone in accounts.time_zones()]
    locales = [rx.el.option(name, value=tag, lang=tag) for tag, name in accounts.locales()]
    return _section(
        "Time and numbers",
        rx.el.form(
            _select("Time zone", "time_zone", FOUND.time_zone, "As my browser says", zones),
            _select("Numbers and dates", "locale", FOUND.locale, "As my browser says", locales),
            _wrong("choose"),
            rx.el.button("Save", type="submit", class_name=f"{theme.SECONDARY} self-start"),
            on_submit=Account.choose,
            custom_attrs=controls.ONCE,
            class_name="flex flex-col gap-4",
        ),
    )


def _data() -> rx.Component:
    state = rx.cond(
        FOUND.exporting,
        rx.el.span("On its way: ", FOUND.export_share, role="status"),
        rx.cond(FOUND.exported != "", rx.el.span("Last made ", moment(FOUND.exported), ".")),
    )
    return _section(
        "Your data",
        rx.el.p(
            "Everything that we hold about you, as one ZIP file with JSON and CSV. It is made while it downloads.",
            class_name=theme.QUIET,
        ),
        rx.el.div(
            link(
                "Download my data",
                to=api("/api/account/export"),
                # Else the router takes the address for a page of ours, and finds none.
                reload_document=True,
                download=True,
                on_click=Account.follow_export,
                class_name=theme.SECONDARY,
            ),
            rx.el.span(state, class_name=f"{theme.NOTE} figures"),
            class_name="flex flex-wrap items-center gap-3",
        ),
    )


def _end() -> rx.Component:
    against = rx.el.div(
        rx.el.p("Not yet:", class_name=theme.LABEL),
        rx.el.ul(
            rx.foreach(FOUND.stands_against, lambda words: rx.el.li(words)),
            class_name=f"{theme.QUIET} list-disc pl-5 mt-1",
        ),
    )
    return _section(
        "Delete this account",
        rx.el.p(
            "You are signed out everywhere and your keys end at once. What was used and paid stays in our books, under "
            "no name, as the law asks. Your address is free for a new account, which begins with nothing.",
            class_name=theme.QUIET,
        ),
        rx.cond(
            FOUND.stands_against.length() > 0,
            against,
            rx.el.div(controls.dialog_button("close", "Delete my account")),
        ),
    )


def _dialogs() -> rx.Component:
    lost = rx.cond(
        FOUND.lost != "",
        rx.el.p("You still have ", _strong(FOUND.lost), " of credit. It is lost.", class_name="text-sm text-bad mt-2"),
    )
    ask = rx.el.button(
        "Mail me a code",
        type="button",
        on_click=Account.request_closing,
        class_name=theme.ACTION,
        custom_attrs=controls.ONCE,
    )
    give = rx.el.form(
        _code("Code", "code", refusal(Account, "close")),
        controls.dialog_foot("close", rx.el.button("Delete for good", type="submit", class_name=theme.DANGER)),
        on_submit=Account.close,
        custom_attrs=controls.ONCE,
        class_name="mt-4",
    )
    return controls.dialog(
        "close",
        "Delete your account?",
        rx.el.p("This cannot be undone. Download your data first if you want to keep it.", class_name=theme.QUIET),
        lost,
        rx.cond(Account.closing, give, rx.el.div(_wrong("close"), controls.dialog_foot("close", ask))),
    )


def _section(title: str, *content: rx.Component) -> rx.Component:
    return parts.panel(rx.el.div(*content, class_name="flex max-w-xl flex-col gap-4 p-5 pt-3"), title=title)


def _select(label: str, name: str, value: Any, none: str, options: Sequence[rx.Component]) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=name, class_name=theme.LABEL),
        rx.el.select(
            rx.el.option(none, value=""),
            *options,
            id=name,
            name=name,
            default_value=value,
            class_name=f"{theme.FIELD} mt-1.5",
        ),
    )


def _code(label: str, name: str, error: rx.Var[str] | str = "") -> rx.Component:
    return controls.field(
        label, name, error=error, required=True, auto_complete="one-time-code", input_mode="numeric", max_length=20
    )


def _wrong(act: str) -> rx.Component:
    why = refusal(Account, act)
    return rx.cond(why != "", rx.el.p(why, role="alert", class_name="text-sm text-bad px-5 pb-3"))


def _strong(words: rx.Var[str]) -> rx.Component:
    return rx.el.strong(words, class_name="font-medium text-ink [overflow-wrap:anywhere]")
