"""One run: servers, crowd and faults for some seconds, then peace, the sweep, and the verdict."""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.serve import in_thread
from tests.chaos.clients import Crowd
from tests.chaos.faults import DURABLE, Faults
from tests.chaos.paybacks import Paybacks
from tests.chaos.verdict import Verdict, judge
from tests.fixtures.calling import new_customer
from tests.fixtures.crashing import holds, rows_of, sweep
from tests.fixtures.databases import migrate
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import PostgresCluster, RedisServer

HOLD_TTL_SECONDS = 2
SETTINGS: dict[str, Any] = {
    "HOLD_TTL_SECONDS": str(HOLD_TTL_SECONDS),
    "DRAIN_SECONDS": "1",
    "UPSTREAM_FIRST_SECONDS": "1.5",
    "UPSTREAM_SILENCE_SECONDS": "1",
    "UPSTREAM_PLAIN_SECONDS": "3",
}
CUSTOMERS, PAID_BACK = 12, 3
FAULTS_LEAST, ANSWERED_BETWEEN = 2, 15
CREDIT_USD = ("0.02", "0.3", "3", "20")
"""From what pays for a request or two to what pays for all that can be asked."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    verdict: Verdict
    faults: dict[str, int]
    asked: int
    unanswered: int
    seconds: float


def run(kind: str, seconds: float, seed: int, say: Say) -> Ran:
    """`kind` is `sqlite` or `postgresql` (with Redis and two workers). Faults and clients follow from `seed`."""
    rng = random.Random(f"{kind} {seed}")
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as name,
        in_thread(only=("claude", "mail")) as world,
        servers(kind, Path(name)) as (url, cluster, redis),
    ):
        migrate(url)
        arguments = ("--workers", "2") if redis else ()
        settings: dict[str, Any] = SETTINGS | ({"REDIS_URL": redis.url} if redis else {})
        with running_product(Path(name), url, world, arguments=arguments, **settings) as product:
            say(f"{kind}: serving")
            faults, paybacks = (
                Faults(product, arguments, rng, cluster, redis),
                Paybacks(product, random.Random(f"paybacks {seed}")),
            )
            crowd = asyncio.run(_at_once(product, faults, paybacks, rng, seconds, say))
            make_peace(product)
            verdict = judge(product, crowd.seen)
    return Ran(verdict, dict(faults.done + paybacks.done), len(crowd.seen), crowd.unanswered, time.monotonic() - began)


@contextmanager
def servers(
    kind: str, folder: Path, *, with_redis: bool = True
) -> Iterator[tuple[str, PostgresCluster | None, RedisServer | None]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'account.db'}", None, None
        return
    with tempfile.TemporaryDirectory(prefix="postgres-") as apart:
        cluster, redis = PostgresCluster(Path(apart)), RedisServer(folder)
        try:
            cluster.start(DURABLE)
            if with_redis:
                redis.start()
            yield cluster.url(cluster.create()), cluster, redis
        finally:
            redis.stop()
            cluster.stop()


async def _at_once(
    product: Product, faults: Faults, paybacks: Paybacks, rng: random.Random, seconds: float, say: Say
) -> Crowd:
    keys = [new_customer(product, rng.choice(CREDIT_USD)) for _ in range(CUSTOMERS)]
    keys += [paybacks.new_customer() for _ in range(PAID_BACK)]
    crowd, stop = Crowd(product.port, keys, rng), asyncio.Event()
    running = asyncio.gather(crowd.run(stop), paybacks.run(stop))
    until = time.monotonic() + seconds
    while time.monotonic() < until or faults.done.total() < FAULTS_LEAST:
        await _some_more(crowd)
        await asyncio.sleep(rng.uniform(0.2, 0.8))
        await asyncio.to_thread(faults.next)
        keys[rng.randrange(CUSTOMERS)] = await asyncio.to_thread(_new_customer, product, rng.choice(CREDIT_USD))
        say(f"{len(crowd.seen)} requests, {faults.done.total()} faults")
    await _some_more(crowd)
    stop.set()
    await running
    return crowd


async def _some_more(crowd: Crowd) -> None:
    """A fault hits nothing on a machine that is too busy to serve: it waits until requests have been answered."""
    before, tries = crowd.answered, 0
    while crowd.answered < before + ANSWERED_BETWEEN and tries < 600:
        await asyncio.sleep(0.1)
        tries += 1


def _new_customer(product: Product, usd: str) -> str:
    return eventually(lambda: new_customer(product, usd))


def make_peace(product: Product) -> None:
    """Calls that are still open end by themselves; what is left belongs to the dead, and its time runs out."""
    time.sleep(HOLD_TTL_SECONDS + 1)
    for _ in range(30):
        sweep(product)
        if not rows_of(product, holds):
            return
        time.sleep(0.5)
