"""The frame around every page of somebody who is signed in."""

import reflex as rx
from reflex.vars import StringVar, VarData
from reflex_components_core.core.banner import has_connection_errors
from reflex_components_core.el.elements.base import BaseHTML
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import parts
from account_app.session import Session

NAME = "Font editor account"
PAGES = (("Overview", "/"), ("Usage", "/usage"), ("Assistant", "/assistant"))


class Form(BaseHTML):
    """A plain HTML form. Reflex's own form always stops the browser from sending it."""

    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]


class GoForm(Form):
    """A form that goes to another address of ours without loading the page anew."""

    library = "react-router"
    tag = "Form"
    alias = "GoForm"


def api(path: str) -> StringVar[str]:
    """The address of an endpoint: relative, unless the page says that the API is elsewhere (see
    account_app.site).
    """
    js = f"((globalThis.document?.querySelector('meta[name=api-origin]')?.content ?? '') + '{path}')"
    return rx.Var(js, _var_data=VarData()).to(str)


def frame(
    here: str, title: str, *content: rx.Component, aside: rx.Component | None = None, bare: bool = False
) -> rx.Component:
    """Header, navigation, and the page's content once it is there. `here` is the page's own address;
    `bare` leaves the title to screen readers."""
    return rx.el.div(
        rx.el.a("Skip to content", href="#content", class_name="sr-only focus:not-sr-only focus:p-3"),
        reconnecting(),
        _header(here),
        rx.el.main(
            rx.el.div(
                rx.el.h1(title, class_name=theme.TITLE),
                aside or rx.fragment(),
                class_name="sr-only" if bare else "flex flex-wrap items-center justify-between gap-3 mb-6",
            ),
            rx.cond(Session.ready, rx.el.div(*content, class_name="flex flex-col gap-6"), waiting()),
            id="content",
            class_name="mx-auto w-full max-w-5xl px-4 sm:px-6 py-8",
            aria_busy=~Session.ready,
        ),
        class_name="min-h-screen",
    )


def _header(here: str) -> rx.Component:
    links = [
        link(
            name,
            to=address,
            class_name=theme.NAV_HERE if address == here else theme.NAV_THERE,
            custom_attrs={"aria-current": "page"} if address == here else {},
        )
        for name, address in PAGES
    ]
    return rx.el.header(
        rx.el.div(
            rx.el.span(NAME, class_name="text-sm font-semibold tracking-tight text-ink mr-2 sm:mr-4"),
            rx.el.nav(
                *links,
                aria_label="Pages",
                class_name="flex gap-1 order-3 sm:order-none w-full sm:w-auto -mx-3 sm:mx-0",
            ),
            rx.el.div(
                rx.el.span(Session.email, class_name="text-sm text-muted truncate max-w-44 hidden sm:inline"),
                sign_out(),
                class_name="ml-auto flex items-center gap-3 min-w-0",
            ),
            class_name="mx-auto flex w-full max-w-5xl flex-wrap items-center gap-2 px-4 sm:px-6 py-3",
        ),
        class_name="border-b border-line bg-surface",
    )


def sign_out() -> rx.Component:
    return Form.create(
        rx.el.button("Sign out", type="submit", class_name=theme.SECONDARY),
        action=api("/api/auth/logout"),
        method="post",
    )


def waiting() -> rx.Component:
    return rx.el.div(
        rx.el.p("Loading", role="status", class_name="sr-only"),
        parts.skeleton("h-16 w-56"),
        parts.skeleton("h-56 w-full"),
        parts.skeleton("h-40 w-full"),
        class_name="flex flex-col gap-6",
    )


def reconnecting() -> rx.Component:
    """Shown while the event socket is away: what is on the page stays, but does not move."""
    return rx.cond(
        has_connection_errors,
        rx.el.div(
            "Reconnecting. The figures below may be out of date.",
            role="status",
            class_name="bg-warn-soft text-warn text-sm text-center px-4 py-2",
        ),
    )
