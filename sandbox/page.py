"""The frame of the sandbox's own pages: plain HTML, readable in light and dark, with no script."""

from __future__ import annotations

import re
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 16%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 48px 20px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; }
h2 { font-size: 1.1rem; margin: 32px 0 8px; }
article h2 { margin: 0 0 4px; }
p { margin: 0 0 12px; }
.quiet { opacity: .65; font-size: .875rem; }
table { border-collapse: collapse; width: 100%; }
td { text-align: left; vertical-align: top; padding: 8px 16px 8px 0; border-top: 1px solid var(--line); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
article { border-top: 1px solid var(--line); padding: 20px 0; }
iframe { width: 100%; height: 26rem; border: 1px solid var(--line); border-radius: 6px; background: white; }
table + p, table + form { margin-top: 16px; }
summary { cursor: pointer; }
"""


def page(title: str, body: str) -> bytes:
    """A whole page. `body` is HTML; `title` is text."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    ).encode()


def table(rows: dict[str, str]) -> str:
    """Names and sentences, side by side."""
    cells = (f"<tr><td><code>{escape(name)}</code></td><td>{_marked(text)}</td></tr>" for name, text in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
