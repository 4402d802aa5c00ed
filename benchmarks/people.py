"""What five hundred people cost one worker: memory for each, and how soon a click is answered while all look on.

They are event sockets, as their browsers open them, each signed in as somebody else. A click goes to another range of
the usage page; its answer is the frame that brings the figures.
"""

import asyncio
import random
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOAD_CORE, SERVER_CORE, pinned_to, rss_kb
from tests.fixtures import history
from tests.fixtures.dashboard import Dashboard, Tab, running, tab

PEOPLE, CLICKS, AT_A_TIME = 500, 400, 10
LOAD = "reflex___state____state.reflex___state____on_load_internal_state.on_load_internal"
RANGES = ("7d", "30d", "month", "last-month", "12m")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Milliseconds from a click to its figures, and kilobytes of memory that each person takes."""

    people: int
    p50_ms: float
    p95_ms: float
    kb_each: float


def measured(folder: Path) -> Crowd:
    with pinned_to(SERVER_CORE), running(folder) as product:
        sessions = [product.sign_in(f"person{n}@example.com") for n in range(PEOPLE)]
        for n in range(0, PEOPLE, 25):
            history.a_month(product.database, product.account_id(f"person{n}@example.com"))
        with pinned_to(LOAD_CORE):
            return asyncio.run(_crowd(product, sessions))


async def _crowd(product: Dashboard, sessions: list[str]) -> Crowd:
    """One person first, so that what the server loads once is not counted as theirs."""
    async with AsyncExitStack() as stack:
        tabs = [await _arrive(stack, product, sessions[0], 0)]
        before = rss_kb(product.pid)
        for n, session in enumerate(sessions[1:], 1):
            tabs.append(await _arrive(stack, product, session, n))
        each = (rss_kb(product.pid) - before) / (PEOPLE - 1)
        chance, taken = random.Random(1), list[float]()
        for first in range(0, CLICKS, AT_A_TIME):
            chosen = chance.sample(tabs, AT_A_TIME)
            taken += [await _click(one, chance.choice(RANGES), first + n) for n, one in enumerate(chosen)]
        return Crowd(PEOPLE, statistics.median(taken), sorted(taken)[int(0.95 * (len(taken) - 1))], each)


async def _arrive(stack: AsyncExitStack, product: Dashboard, session: str, n: int) -> Tab:
    opened = await stack.enter_async_context(tab(product.origin, session=session, token=f"tab{n}", path="/usage"))
    await opened.hears('"filled_rx_state_": {"/usage":', 60)
    return opened


async def _click(one: Tab, span: str, number: int) -> float:
    """Milliseconds until the figures of the new address are there."""
    one.frames.clear()
    started = time.perf_counter()
    await one.send(LOAD, path=f"/usage?range={span}&click={number}")
    await one.hears(f'"shown_query_rx_state_": "range={span}&click={number}"', 60)
    return 1000 * (time.perf_counter() - started)
