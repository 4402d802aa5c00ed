"""The real server under load, killed hundreds of times: at its commits, at any of its statements, and whenever."""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.serve import in_thread
from tests.chaos import between, running
from tests.chaos.between import Between, Strike
from tests.chaos.clients import Crowd
from tests.chaos.verdict import Verdict, judge
from tests.fixtures.calling import new_customer
from tests.fixtures.crashing import sweep
from tests.fixtures.databases import migrate
from tests.fixtures.product import Product, running_product

CREDIT_USD = ("0.3", "20", "100", "100")
CUSTOMERS = 12
SWEEP_EVERY = 30
MESSAGES, COMMITS = 200, 30
PATIENCE_TRIES, PATIENCE_SECONDS = 100, 10
TRIES_A_KILL = 5


@dataclass(frozen=True)
class Struck:
    verdict: Verdict
    kills: dict[str, int]
    """By where they hit."""
    asked: int
    seconds: float


@dataclass
class Forked(Product):
    """The relay alone, in forked processes, as many as are asked for."""

    @property
    def diary(self) -> Path:
        return self.log.with_name("diary")

    def command(self, *arguments: str) -> list[str]:
        workers, seed = arguments
        return [sys.executable, "-m", "tests.chaos.forking", str(self.port), workers, str(self.diary), seed]

    def alive(self) -> list[int]:
        lines = [line.split() for line in self.diary.read_text().splitlines()]
        dead = {pid for what, pid, *_ in lines if what == "died"}
        return [int(pid) for what, pid, *_ in lines if what == "born" and pid not in dead]

    def killed(self) -> int:
        return sum(line.endswith(f" {signal.SIGKILL:d}") for line in self.diary.read_text().splitlines())


def run(kind: str, kills: int, seed: int, say: running.Say) -> Struck:
    """`kind` is `sqlite` (one worker that kills itself) or `postgresql` (two, killed by what stands between)."""
    rng, began = random.Random(f"strike {kind} {seed}"), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="striking-") as name,
        in_thread(only=("claude", "mail")) as world,
        running.servers(kind, Path(name), with_redis=False) as (url, cluster, _),
        between.in_thread(cluster.port) if cluster else nullcontext() as found,
    ):
        migrate(url)
        workers = ("2", "") if found else ("1", str(rng.random()))
        url = url.replace(str(found.server_port), str(found.port)) + "?sslmode=disable" if found else url
        settings: dict[str, Any] = running.SETTINGS | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with running_product(Path(name), url, world, arguments=workers, make=Forked, **settings) as product:
            assert isinstance(product, Forked)
            striking = _Striking(product, found, kills, rng, say)
            asyncio.run(striking.run())
            running.make_peace(product)
            verdict = judge(product, striking.crowd.seen)
    return Struck(verdict, dict(striking.done), len(striking.crowd.seen), time.monotonic() - began)


@dataclass
class _Striking:
    product: Forked
    between: Between | None
    kills: int
    rng: random.Random
    say: running.Say
    done: Counter[str] = field(default_factory=Counter[str])

    async def run(self) -> None:
        keys = [new_customer(self.product, self.rng.choice(CREDIT_USD)) for _ in range(CUSTOMERS)]
        self.crowd, stop = Crowd(self.product.port, keys, self.rng), asyncio.Event()
        crowding = asyncio.create_task(self.crowd.run(stop))
        for _ in range(self.kills * TRIES_A_KILL):
            if (number := self.done.total()) >= self.kills:
                break
            await self._strike()
            if self.done.total() // SWEEP_EVERY > number // SWEEP_EVERY:
                await asyncio.to_thread(sweep, self.product)
                keys[self.rng.randrange(len(keys))] = await asyncio.to_thread(new_customer, self.product, "100")
                self.say(f"{len(self.crowd.seen)} requests, {self.done.total()} kills")
        stop.set()
        await crowding

    async def _strike(self) -> None:
        """One kill, or more if they come by themselves."""
        if self.rng.random() < 0.2:
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))
            self._kill_any()
        elif self.between is None:
            await self._wait_for_its_place()
        else:
            await self._strike_between(self.between)

    def _kill_any(self) -> None:
        """A process that is being replaced just then is nobody's loss."""
        with suppress(IndexError, ProcessLookupError):
            os.kill(self.rng.choice(self.product.alive()), signal.SIGKILL)
            self.done["whenever"] += 1

    async def _wait_for_its_place(self) -> None:
        before = self.product.killed()
        for _ in range(PATIENCE_TRIES):
            if hit := self.product.killed() - before:
                self.done["at a place of its own"] += hit
                return
            await asyncio.sleep(0.02)

    async def _strike_between(self, found: Between) -> None:
        commits_only = self.rng.random() < 0.5
        at = self.rng.randint(1, COMMITS if commits_only else MESSAGES)
        strike = found.armed = Strike(self.rng.choice(between.PHASES), commits_only, at)
        self.done[strike.name] += await asyncio.to_thread(strike.done.wait, PATIENCE_SECONDS)
