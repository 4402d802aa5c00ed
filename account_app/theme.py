"""The one visual language: tokens for Tailwind, and the class lists that pages share.

The values of the colours, light and dark, are custom properties in assets/theme.css; tests/pages/test_the_looks.py
checks their contrast. Space is Tailwind's 4-px grid. Type has six sizes: 12 (notes), 14 (text and controls), 16
(headings and fields), 20 (figures on a phone), 24 (page titles and figures), 48 or on a phone 36 or 30 (the figure that
a page is about).
Radii: 6 for controls, 12 for panels.
"""

from typing import Any

COLORS = {
    name: f"var(--{name})"
    for name in (
        *("page", "surface", "sunken", "line", "line-strong", "ink", "muted", "faint"),
        *("accent", "accent-strong", "accent-ink", "accent-soft"),
        *("good", "good-soft", "bad", "bad-soft", "bad-strong", "bad-ink", "warn", "warn-soft"),
        *("series-1", "series-2", "series-3", "series-4", "series-5", "series-6"),
    )
}

TAILWIND: Any = {
    "darkMode": "media",
    "theme": {"extend": {"colors": COLORS}},
}

TITLE = "text-2xl font-semibold tracking-tight text-ink"
HEADING = "text-sm font-semibold text-ink"
LABEL = "text-sm font-medium text-ink"
QUIET = "text-sm text-muted"
NOTE = "text-xs text-muted"
HERO_FIGURE = "figures text-3xl min-[22rem]:text-4xl sm:text-5xl break-words font-semibold tracking-tight text-ink"
FIGURE = "figures text-xl sm:text-2xl break-words font-semibold tracking-tight text-ink"
FIGURES = "flex flex-wrap gap-x-8 gap-y-6"
"""Figures side by side, as many as there is room for: one that would not fit goes below, and no amount is broken."""
FIGURE_ROOM = "max-w-full grow basis-30"
PAIR = "grid grid-cols-1 gap-6 lg:grid-cols-2"
"""Two panels beside each other where there is room."""
PANEL = "rounded-xl border border-line bg-surface"
_FIELD = "block border border-line-strong bg-surface text-ink placeholder:text-faint"
_LARGE = f"{_FIELD} w-full h-11 rounded-lg px-3 mt-1.5 mb-4"
LARGE_FIELD = f"{_LARGE} text-base"
CODE_FIELD = f"{_LARGE} figures text-center text-xl tracking-[0.35em]"
FIELD = f"{_FIELD} w-full h-11 sm:h-9 rounded-md px-3 text-base sm:text-sm"
SMALL_FIELD = f"{_FIELD} h-8 rounded-md px-2 text-base sm:text-sm"
"""On a phone text in fields is 16: a smaller one makes Safari zoom in when it is typed into."""
_BUTTON = (
    "inline-flex items-center justify-center text-center sm:whitespace-nowrap cursor-pointer transition-colors "
    "disabled:opacity-50 disabled:cursor-default"
)
_SMALL = f"{_BUTTON} min-h-8 rounded-md px-3 py-1 text-sm font-medium"
PRIMARY = (
    f"{_BUTTON} h-11 w-full rounded-lg bg-accent px-4 text-sm font-semibold text-accent-ink hover:bg-accent-strong"
)
"""The one action of a form that fills its column."""
ACTION = f"{_SMALL} bg-accent text-accent-ink hover:bg-accent-strong"
"""The one action of a page or a dialog."""
SECONDARY = f"{_SMALL} border border-line-strong bg-surface text-ink hover:bg-sunken"
DANGER = f"{_SMALL} bg-bad-strong text-bad-ink hover:opacity-90"
"""What cannot be undone, in the dialog that asks once more."""
GHOST = f"{_SMALL} text-muted hover:bg-sunken hover:text-ink"
ROW_ACTION = f"{GHOST} -my-1.5 -mr-3"
"""At the end of a table's row: the row is no higher for it, and its words stand in line with what is above."""
TINY = f"{_BUTTON} h-6 rounded-md px-1.5 text-xs font-medium text-muted hover:bg-sunken hover:text-ink"
_TARGET = "inline-block py-0.5 -my-0.5"
"""As high as a finger needs, 24, in a line that is no higher for it."""
LINK = f"{_TARGET} text-sm font-medium text-accent hover:text-accent-strong underline-offset-4 hover:underline"
ROW_LINK = (
    f"{_TARGET} text-ink underline decoration-line-strong underline-offset-4 hover:text-accent hover:decoration-accent "
    "[overflow-wrap:anywhere]"
)
"""A figure or a name that leads to what it is made of. Where many stand in a table, colour would be noise."""
NAV = "flex h-8 items-center rounded-md px-3 text-sm"
NAV_HERE = f"{NAV} bg-sunken font-medium text-ink"
NAV_THERE = f"{NAV} text-muted hover:bg-sunken hover:text-ink transition-colors"
CHIP = "inline-flex h-8 items-center rounded-md px-3 text-sm whitespace-nowrap"
CHIP_ON = f"{CHIP} bg-sunken font-medium text-ink"
CHIP_OFF = f"{CHIP} text-muted hover:bg-sunken hover:text-ink transition-colors"
