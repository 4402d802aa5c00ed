"""Hearing that the process is told to end, before the server begins to wait for its open answers."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop(act: Callable[[], object]) -> Generator[None]:
    """Calls `act` on the event loop at the first SIGTERM or SIGINT, then lets the server's own handler have it.

    An answer that never ends by itself would otherwise hold the server up for the whole of DRAIN_SECONDS. Where no
    server listens for signals, or outside the main thread, nothing is heard.
    """
    loop = asyncio.get_running_loop()
    _end_with_supervisor(loop)
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        owner = before[signal.Signals(number)]
        if callable(owner):
            owner(number, frame)

    try:
        chained = [number for number, owner in before.items() if callable(owner)]
        for number in chained:
            signal.signal(number, heard)
    except ValueError:
        chained = []
    try:
        yield
    finally:
        for number in chained:
            signal.signal(number, before[number])


def _end_with_supervisor(loop: asyncio.AbstractEventLoop) -> None:
    """In a worker: stops in good order when the supervisor is gone, as nobody else would ever tell it to.

    What the terminal tells of its end is for the supervisor alone.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def gone() -> None:
        loop.remove_reader(supervisor.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(supervisor.sentinel, gone)
