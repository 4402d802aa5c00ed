"""The frame around every page of somebody who is signed in."""

import reflex as rx
from reflex.vars import StringVar, VarData
from reflex_components_core.core.banner import has_connection_errors
from reflex_components_core.el.elements.base import BaseHTML
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import parts
from account_app.components.address import query_here
from account_app.components.telling import FLOATING, toast
from account_app.places import PLACES, Place
from account_app.session import Session

NAME = "Font editor account"
BLOCKED = (
    "This account is blocked: the assistant and your keys are refused, and nothing is charged for that. What you see "
    "here stays yours to read and download. Write to us to have it opened again."
)


class Form(BaseHTML):
    """A plain HTML form. Reflex's own form always stops the browser from sending it."""

    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]


class _Skip(BaseHTML):
    """A plain HTML link. Reflex's own would go to an address of its router, without what this one says, and leave the
    keyboard where it is.
    """

    tag = "a"

    href: rx.Var[str]


def api(path: str) -> StringVar[str]:
    """The address of an endpoint: relative, unless the page says that the API is elsewhere (see
    account_app.site).
    """
    js = f"((globalThis.document?.querySelector('meta[name=api-origin]')?.content ?? '') + '{path}')"
    return rx.Var(js, _var_data=VarData()).to(str)


def is_filled(here: str) -> rx.Var[bool]:
    """Whether the figures of the page at this address have come."""
    return Session.filled.contains(here)


def as_of(here: str) -> StringVar[str]:
    """When the figures were read that the page at this address shows, as RFC 3339; empty before they have come."""
    return rx.cond(is_filled(here), Session.filled[here], "").to(str)


def frame(
    here: str,
    title: str,
    *content: rx.Component,
    waiting: rx.Component,
    aside: rx.Component | None = None,
    bare: bool = False,
) -> rx.Component:
    """The navigation, and the page's content once it is there; until then its outline, `waiting`. `here` is the
    page's own address, `aside` stands beside its title; `bare` leaves the title to screen readers.
    """
    heading = rx.el.div(
        rx.el.h1(title, class_name=theme.TITLE),
        aside or rx.fragment(),
        class_name="sr-only" if bare else "flex flex-wrap items-center justify-between gap-3 min-h-8 mb-6",
    )
    return rx.el.div(
        _Skip.create("Skip to content", href="#content", class_name=_SKIP),
        _top(),
        _rail(here),
        rx.el.main(
            heading,
            parts.problem(Session.problem, as_of(here)),
            rx.cond(Session.blocked, rx.el.div(parts.notice(BLOCKED, tone="bad"), class_name="mb-6")),
            rx.cond(is_filled(here), _found(*content), waiting),
            id="content",
            class_name="mx-auto w-full max-w-5xl 2xl:max-w-6xl px-4 sm:px-8 py-6 lg:py-8",
            aria_busy=~is_filled(here),
        ),
        reconnecting(),
        toast(),
        class_name="min-h-screen lg:pl-56",
    )


_SKIP = (
    "sr-only focus:not-sr-only focus:fixed focus:z-20 focus:top-2 focus:left-2 focus:rounded-md focus:bg-surface "
    "focus:p-3 text-sm"
)


def _found(*content: rx.Component) -> rx.Component:
    behind = (Session.shown_query != query_here()).to(str)
    return rx.el.div(*content, class_name="found flex flex-col gap-6", custom_attrs={"data-behind": behind})


def _top() -> rx.Component:
    """The bar of a narrow screen. The browser itself opens and closes what the button names."""
    return rx.el.header(
        rx.el.span(NAME, class_name=theme.HEADING),
        rx.el.button("Menu", type="button", class_name=theme.SECONDARY, custom_attrs={"popovertarget": "pages"}),
        class_name="lg:hidden flex h-13 items-center justify-between border-b border-line bg-surface px-4 sm:px-8",
    )


def _rail(here: str) -> rx.Component:
    return rx.el.section(
        rx.el.span(NAME, class_name=f"{theme.HEADING} hidden lg:block px-3 py-1"),
        rx.el.nav(*[_link(place, here) for place in PLACES], aria_label="Pages", class_name="flex flex-col gap-0.5"),
        rx.el.div(
            rx.el.span(Session.email, class_name=f"{theme.NOTE} block truncate min-h-4", title=Session.email),
            sign_out(),
            class_name="flex flex-col gap-2 px-3 pt-3 lg:mt-auto border-t border-line lg:border-0",
        ),
        id="pages",
        aria_label=NAME,
        class_name="rail",
        custom_attrs={"popover": "auto"},
    )


def _link(place: Place, here: str) -> rx.Component:
    """Its script is fetched beforehand: a page opens at once, and opens while the server is away."""
    found = link(
        place.name,
        to=place.address,
        class_name=theme.NAV_HERE if place.address == here else theme.NAV_THERE,
        custom_attrs={"prefetch": "render", **({"aria-current": "page"} if place.address == here else {})},
    )
    return rx.cond(Session.operator, found) if place.operators else found


def sign_out() -> rx.Component:
    return Form.create(
        rx.el.button("Sign out", type="submit", class_name=theme.SECONDARY),
        action=api("/api/auth/logout"),
        method="post",
    )


def reconnecting() -> rx.Component:
    """Shown while the event socket is away: what is on the page stays, but does not move."""
    return rx.cond(
        has_connection_errors,
        rx.el.div(
            "Reconnecting. The figures may be out of date.",
            role="status",
            class_name=f"{FLOATING} bg-warn-soft text-warn border border-warn",
        ),
    )
