"""The one visual language: tokens for Tailwind, and the few class lists that pages share.

The values of the colours, light and dark, are custom properties in assets/theme.css. Space is Tailwind's
4-px grid.
"""

from typing import Any

COLORS = {
    name: f"var(--{name})"
    for name in (
        *("page", "surface", "sunken", "line", "line-strong", "ink", "muted", "faint"),
        *("accent", "accent-strong", "accent-ink", "accent-soft"),
        *("good", "bad", "bad-soft", "warn", "warn-soft"),
    )
}

TAILWIND: Any = {
    "darkMode": "media",
    "theme": {"extend": {"colors": COLORS}},
}

TITLE = "text-xl font-semibold tracking-tight text-ink"
HEADING = "text-sm font-semibold text-ink"
LABEL = "text-sm font-medium text-ink"
QUIET = "text-sm text-muted"
HERO_FIGURE = "figures text-5xl sm:text-6xl font-semibold tracking-tight text-ink"
FIGURE = "figures text-2xl font-semibold tracking-tight text-ink"
PANEL = "rounded-xl border border-line bg-surface"
FIELD = (
    "block w-full h-11 rounded-lg border border-line-strong bg-surface px-3 text-base text-ink "
    "placeholder:text-faint focus-visible:outline-2 focus-visible:outline-accent"
)
PRIMARY = (
    "inline-flex h-11 w-full items-center justify-center rounded-lg bg-accent px-4 text-sm font-semibold "
    "text-accent-ink hover:bg-accent-strong cursor-pointer transition-colors"
)
SECONDARY = (
    "inline-flex h-8 items-center justify-center rounded-lg border border-line-strong bg-surface px-3 "
    "text-sm font-medium text-ink hover:bg-sunken cursor-pointer transition-colors"
)
LINK = "text-sm font-medium text-accent hover:text-accent-strong underline-offset-4 hover:underline"
NAV = "inline-flex h-8 items-center rounded-lg px-3 text-sm"
NAV_HERE = f"{NAV} bg-sunken font-medium text-ink"
NAV_THERE = f"{NAV} text-muted hover:bg-sunken hover:text-ink transition-colors"
