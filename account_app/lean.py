"""What makes pages light and early: no CSS-in-JS library, and an event socket that opens before the scripts come."""

from pathlib import Path
from typing import Any

from reflex_base.constants import ReactRouter, Reflex
from reflex_base.plugins.base import Plugin

EARLY = Path(__file__).resolve().parent / "front" / "early.js"
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


class PlainElements(Plugin):
    """Draws elements by React itself instead of Emotion, whose sheets our Content-Security-Policy refuses anyhow.

    It saves 11 KB of script. A component with a `style` of Reflex's would show it as an attribute `css`.
    """

    def pre_compile(self, **context: Any) -> None:
        context["add_save_task"](lambda: (ELEMENTS, 'export { createElement as jsx } from "react";\n'))
        context["add_modify_task"](ReactRouter.VITE_CONFIG_FILE, _changed)


def _changed(config: str) -> str:
    for anchor, text in CHANGES.items():
        if anchor not in config:
            raise RuntimeError("Reflex writes its Vite configuration otherwise than it did: see account_app/lean.py.")
        config = config.replace(anchor, text, 1)
    return config


def early_script() -> str:
    """Runs before anything is drawn: remembers the reader's zone, then opens the event socket as Reflex will ask for
    it.
    """
    lines = EARLY.read_text().replace("REFLEX_VERSION", Reflex.VERSION).splitlines()
    return "\n".join(line.strip() for line in lines if not line.strip().startswith("//"))
