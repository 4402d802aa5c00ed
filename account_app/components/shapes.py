"""What stands where a page's content will be: its outline, each page's own. It fades in late, so that a quick answer
shows no flicker, and takes the room of what comes.
"""

import reflex as rx

from account_app import theme
from account_app.components.parts import skeleton


def waiting(*shapes: rx.Component) -> rx.Component:
    """The outline of a page, one shape under the other."""
    return rx.el.div(
        rx.el.p("Loading", role="status", class_name="sr-only"),
        *shapes,
        class_name="late flex flex-col gap-6",
    )


def pair(*shapes: rx.Component) -> rx.Component:
    return rx.el.div(*shapes, class_name=theme.PAIR)


def picker() -> rx.Component:
    """A range picker."""
    both = skeleton("h-8 w-full max-w-md"), skeleton("h-8 w-full max-w-sm")
    return rx.el.div(*both, class_name="flex flex-wrap gap-3 justify-between")


def figures(count: int) -> rx.Component:
    """So many labelled figures."""
    each = [
        rx.el.div(
            skeleton("h-4 w-16"),
            skeleton("h-7 w-24"),
            skeleton("h-3 w-20"),
            class_name=f"{theme.FIGURE_ROOM} flex flex-col gap-2",
        )
        for _ in range(count)
    ]
    return rx.el.div(*each, class_name=theme.FIGURES)


def hero() -> rx.Component:
    """The one large figure, what it is made of, and a note."""
    return rx.el.div(
        skeleton("h-4 w-28"),
        skeleton("h-12 w-48"),
        skeleton("h-2 w-full"),
        skeleton("h-3 w-64 max-w-full"),
        class_name="flex flex-col gap-4",
    )


def chart() -> rx.Component:
    """A panel with a chart."""
    return _panel(skeleton("h-52 w-full"))


def table(rows: int, tall: bool = False) -> rx.Component:
    """A panel with a table of so many rows; `tall` ones have two lines."""
    line = f"{'h-15' if tall else 'h-10'} flex items-center justify-between gap-6 border-t border-line"
    row = [rx.el.div(skeleton("h-4 w-40"), skeleton("h-4 w-16"), class_name=line) for _ in range(rows)]
    return _panel(rx.el.div(*row))


def form(fields: int = 1) -> rx.Component:
    """A panel with so many fields and a button, or a few words when there are none."""
    field = [
        rx.el.div(skeleton("h-4 w-24"), skeleton("h-9 w-full"), class_name="flex flex-col gap-2") for _ in range(fields)
    ]
    words = [] if fields else [skeleton("h-4 w-full"), skeleton("h-4 w-2/3")]
    return _panel(*field, *words, skeleton("h-8 w-28"))


def _panel(*content: rx.Component) -> rx.Component:
    return rx.el.div(
        rx.el.div(skeleton("h-4 w-32"), class_name="h-8 flex items-center"),
        *content,
        class_name=f"{theme.PANEL} px-5 pt-4 pb-5 flex flex-col gap-4",
    )
