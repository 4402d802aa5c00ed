"""What an address shows that nothing is at."""

import reflex as rx

from account_app import theme


def page() -> rx.Component:
    return rx.el.main(
        rx.el.h1("Nothing is here", class_name=theme.TITLE),
        rx.el.p("The address may be mistyped, or what was here has moved.", class_name=f"{theme.QUIET} mt-1 mb-4"),
        rx.el.a("Go to the overview", href="/", class_name=theme.LINK),
        class_name="min-h-screen flex flex-col items-center justify-center px-4 text-center",
    )
