"""The design tokens as Tailwind sees them. Their values, light and dark, are custom properties in assets/theme.css."""

from typing import Any

COLORS = {
    name: f"var(--{name})"
    for name in ("page", "surface", "sunken", "line", "line-strong", "ink", "muted", "faint", "accent", "accent-ink",
                 "accent-soft", "good", "bad", "bad-soft", "warn", "warn-soft")
}

TAILWIND: dict[str, Any] = {
    "darkMode": "media",
    "theme": {
        "colors": COLORS | {"transparent": "transparent", "current": "currentColor"},
        "fontFamily": {
            "sans": ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
            "mono": ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
        },
    },
}
