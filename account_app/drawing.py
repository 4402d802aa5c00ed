"""Draws pages as HTML, by the same components as the browser, in V8. Made by account_app.build; see
docs/decisions/figures-in-the-page.md.
"""

import asyncio
import atexit
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from relay.settings import ROOT

SCRIPT = ROOT / "build" / "drawing.js"
SECONDS_MAX = 0.5
HEAP_MAX_BYTES = 128 * 2**20
WAITING_MAX = 8
"""Whoever comes when so many wait gets the page as it was exported: its figures come by the socket."""

_STYLE = re.compile(r' style="([^"]*)"')
_PLAIN_STYLE = re.compile(r"[-\w\s.%:;,()#]+")


class Drawing:
    """One V8, opened at the first page and kept. Drawings take turns in a thread of their own."""

    def __init__(self, script: Path = SCRIPT) -> None:
        self._script = script
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._engine: Any = None
        self._waiting = 0

    @property
    def has_room(self) -> bool:
        return self._waiting < WAITING_MAX and self._script.exists()

    def begin(self) -> None:
        """Opens V8 if nobody has yet, while somebody still reads their first page or types their code."""
        if self._engine is None and self.has_room:
            self._thread.submit(self._opened)

    async def draw(self, route: str, address: str, told: str) -> str:
        """The body of the page at `address` with the State of `told` (JSON by the names of substates)."""
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self.draw_now, route, address, told, SECONDS_MAX
            )
        finally:
            self._waiting -= 1

    def draw_now(self, route: str, address: str, told: str, seconds_max: float) -> str:
        """The same for whoever has a thread of their own."""
        return self._opened().call("draw", route, address, told, timeout_sec=seconds_max)

    def close(self) -> None:
        self._thread.submit(self._shut).result()
        self._thread.shutdown()

    def _opened(self) -> Any:
        if self._engine is None:
            # Twenty megabytes of V8 are read only by a server that somebody looks at.
            from py_mini_racer import MiniRacer

            self._engine = MiniRacer()
            # A process that ends without `close` would wait for the engine's thread, which Python has stopped by then.
            atexit.register(self._shut)
            try:
                self._engine.set_hard_memory_limit(HEAP_MAX_BYTES)
                self._engine.eval(self._script.read_text())
            except BaseException:
                self._shut()
                raise
        return self._engine

    def _shut(self) -> None:
        atexit.unregister(self._shut)
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def with_sheet(body: str) -> tuple[str, str]:
    """The body with each style as data, and the sheet that stands in for them: a policy allows a sheet by its hash,
    and a style in an element not at all.
    """
    styles = sorted({style for style in _STYLE.findall(body) if _PLAIN_STYLE.fullmatch(style)})
    return _STYLE.sub(r' data-style="\1"', body), "".join(f'[data-style="{one}"]{{{one}}}' for one in styles)
