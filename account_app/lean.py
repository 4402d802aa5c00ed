"""What makes pages light and early: no CSS-in-JS library, and an event socket that opens before the scripts come."""

from functools import partial
from pathlib import Path
from typing import Any

from reflex_base.constants import ReactRouter, Reflex
from reflex_base.plugins.base import Plugin

HERE = Path(__file__).resolve().parent / "front"
EARLY = HERE / "early.js"
ELEMENTS = "utils/elements.js"
CHANGES = {
    "alias: [": f"""alias: [
      {{
        find: "@emotion/react",
        replacement: fileURLToPath(new URL("./{ELEMENTS}", import.meta.url)),
      }},""",
    "groups: [": """groups: [
            { test: /node_modules|web.(utils|app.root)/, name: "frame" },""",
}
"""What is added to the Vite configuration: our elements, and one script of what every page needs instead of eight."""

CONTEXT = "utils/context.jsx"
FRONT = {"begin.js": "utils/begin.js", "draw.jsx": "draw.jsx", "draw.config.js": "draw.config.js"}
FRONT |= {"uploads.jsx": "front/uploads.jsx"}
BEGINNING = {
    "export const initialStateHashes": "begin(initialState);\nexport const initialStateHashes",
    "import { jsx }": 'import { begin, kept } from "$/utils/begin";\nimport { jsx }',
    "applyDelta(currentState, delta);": "applyDelta(currentState, kept(substateName, delta));",
}
"""State begins with the figures that a page came with, where it did, and they outlive the server's State."""


class PlainElements(Plugin):
    """Draws elements by React itself instead of Emotion, whose sheets our Content-Security-Policy refuses anyhow.

    It saves 11 KB of script. A component with a `style` of Reflex's would show it as an attribute `css`.
    """

    def pre_compile(self, **context: Any) -> None:
        context["add_save_task"](lambda: (ELEMENTS, 'export { createElement as jsx } from "react";\n'))
        context["add_modify_task"](ReactRouter.VITE_CONFIG_FILE, partial(_changed, changes=CHANGES))
        for name, place in FRONT.items():
            context["add_save_task"](lambda name=name, place=place: (place, (HERE / name).read_text()))
        context["add_modify_task"](CONTEXT, partial(_changed, changes=BEGINNING))


def _changed(source: str, changes: dict[str, str]) -> str:
    for anchor, text in changes.items():
        if anchor not in source:
            raise RuntimeError(f"Reflex no longer writes {anchor!r}: see account_app/lean.py.")
        source = source.replace(anchor, text, 1)
    return source


def early_script() -> str:
    """Runs before anything is drawn: remembers the reader's zone, then opens the event socket as Reflex will ask for
    it.
    """
    lines = EARLY.read_text().replace("REFLEX_VERSION", Reflex.VERSION).splitlines()
    return "\n".join(line.strip() for line in lines if not line.strip().startswith("//"))
