"""A thread that serves waiting callers together: drain what is there, work once, answer each."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from relay.errors import Unavailable

Outcome = Any
"""A result, or an exception that the one caller gets."""

Otherwise = Callable[[Sequence[Any]], None]
"""Takes the commands that failed together, in the batcher's thread, before their callers hear of it."""

Group = tuple[Callable[..., Sequence[Outcome]], list[Any]]
BATCH_MAX = 512
LAZY_SECONDS = 0.01
"""How long what nobody waits for is kept back, so that it shares the work of what somebody waits for."""

CROWD = 8
CROWD_SECONDS = 0.002
"""When so many came at once, the next are given so long to gather: a commit costs as much as the work of ten of them,
and takes it from those who ask. Whoever comes alone is never made to wait.
"""

log = structlog.get_logger(__name__)


class Batcher:
    """Gathers commands from event loops and hands them to `work` in groups, in the order of their first command."""

    def __init__(self, name: str, work: Callable[[list[Group]], list[list[Outcome]]]) -> None:
        self._work = work
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._enqueuing = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, batch: Callable[..., Sequence[Outcome]], command: Any, otherwise: Otherwise | None = None
    ) -> "asyncio.Future[Any]":
        """The future of `command`'s outcome. Cancelling it does not undo the command."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._enqueue(_Waiting(batch, command, future, loop, otherwise))
        return future

    def submit_and_forget(
        self, batch: Callable[..., Sequence[Outcome]], command: Any, otherwise: Otherwise | None = None
    ) -> None:
        self._enqueue(_Waiting(batch, command, None, None, otherwise))

    @property
    def depth(self) -> int:
        """How many commands wait to be taken."""
        return self._waiting.qsize()

    def close(self) -> None:
        """Serves what is waiting, then ends the thread."""
        with self._enqueuing:
            if not self._closing:
                self._closing = True
                self._waiting.put(None)
        self._thread.join()

    def _enqueue(self, waiting: "_Waiting") -> None:
        with self._enqueuing:
            if not self._closing:
                self._waiting.put(waiting)
                return
        _rescue([(waiting, Unavailable())])
        raise Unavailable()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            taken, goes_on = self._take()
            if taken:
                self._serve(taken)
            if goes_on and len(taken) >= CROWD:
                time.sleep(CROWD_SECONDS)

    def _take(self) -> tuple[list["_Waiting"], bool]:
        """What is there, as soon as somebody waits for any of it; and whether more may come."""
        taken: list[_Waiting] = []
        hurries = False
        found = self._waiting.get()
        lazy_until = time.monotonic() + LAZY_SECONDS
        while found is not None:
            taken.append(found)
            hurries = hurries or found.future is not None
            wait_seconds = 0.0 if hurries else max(0.0, lazy_until - time.monotonic())
            try:
                found = self._waiting.get(timeout=wait_seconds) if len(taken) < BATCH_MAX else None
            except Empty:
                return taken, True
        return taken, len(taken) == BATCH_MAX

    def _serve(self, taken: list["_Waiting"]) -> None:
        try:
            self._answer_groups(taken)
        except Exception as error:
            if len(taken) == 1 or isinstance(error, Unavailable):
                _answer([(waiting, error) for waiting in taken])
                return
            # One bad command must not refuse its neighbours: the transaction is undone, so each goes alone.
            for waiting in taken:
                self._serve([waiting])

    def _answer_groups(self, taken: list["_Waiting"]) -> None:
        groups: dict[Any, list[_Waiting]] = {}
        for waiting in taken:
            groups.setdefault(waiting.batch, []).append(waiting)
        outcomes = self._work([(batch, [w.command for w in group]) for batch, group in groups.items()])
        _answer(
            [
                pair
                for group, done in zip(groups.values(), outcomes, strict=True)
                for pair in zip(group, done, strict=True)
            ]
        )


class _Waiting:
    __slots__ = ("batch", "command", "future", "loop", "otherwise")

    def __init__(
        self,
        batch: Callable[..., Sequence[Outcome]],
        command: Any,
        future: "asyncio.Future[Any] | None",
        loop: asyncio.AbstractEventLoop | None,
        otherwise: Otherwise | None,
    ) -> None:
        self.batch, self.command, self.future, self.loop = batch, command, future, loop
        self.otherwise = otherwise


def _rescue(pairs: list[tuple[_Waiting, Outcome]]) -> None:
    """Hands what failed to whoever wants it, those of one taker together."""
    failed: dict[Otherwise, list[Any]] = {}
    for waiting, outcome in pairs:
        if waiting.otherwise is not None and isinstance(outcome, Exception):
            failed.setdefault(waiting.otherwise, []).append(waiting.command)
    for otherwise, commands in failed.items():
        try:
            otherwise(commands)
        except Exception:
            # Their callers must hear of the first failure, and this thread must go on.
            log.exception("rescue_failed")


def _answer(pairs: list[tuple[_Waiting, Outcome]]) -> None:
    _rescue(pairs)
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
    for waiting, outcome in pairs:
        if waiting.loop is not None and waiting.future is not None:
            by_loop.setdefault(waiting.loop, []).append((waiting.future, outcome))
        elif isinstance(outcome, Exception):
            log.error("write_failed", error=repr(outcome), batch=getattr(waiting.batch, "__name__", "?"))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:
            log.warning("loop_closed_before_answer", answers=len(answers))


def _resolve(answers: list[tuple["asyncio.Future[Any]", Outcome]]) -> None:
    for future, outcome in answers:
        if future.cancelled():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
