"""What goes wrong meanwhile: each fault blocks its thread until it is over."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.fixtures.product import Product
from tests.fixtures.servers import PostgresCluster, RedisServer

DURABLE = {"max_connections": "60"}
FROZEN_SECONDS = 3.0
FLUSHES_SECONDS = 5.0
STRACE = shutil.which("strace")


@dataclass
class Faults:
    """One fault after another on a product, its database and its Redis."""

    product: Product
    arguments: tuple[str, ...]
    rng: random.Random
    cluster: PostgresCluster | None = None
    redis: RedisServer | None = None
    done: Counter[str] = field(default_factory=Counter[str])

    def next(self) -> None:
        """A fault that fits what runs here; the first few are all different."""
        known: list[Callable[[], None]] = [self.kill_server, self.freeze, self.stop_server, self.kill_server]
        if self.cluster is not None:
            known = [self.kill_worker, self.crash_database, self.lose_redis, self.freeze, self.kill_server]
            known += [self.kill_worker, self.stop_server, self.restart_database]
        elif STRACE is not None:
            known += [self.kill_at_commit, self.kill_at_commit]
        number = self.done.total()
        fault = known[number] if number < len(known) else self.rng.choice(known)
        fault()
        self.done[fault.__name__] += 1

    def kill_server(self) -> None:
        self.product.kill()
        self.product.start(*self.arguments)

    def kill_at_commit(self) -> None:
        """As it is about to flush one of its next commits."""
        assert self.product.process is not None
        assert STRACE is not None
        flush = f"inject=fdatasync:signal=SIGKILL:when={self.rng.randint(1, 30)}"
        command = [STRACE, "-f", "-o", "/dev/null", "-p", str(self.product.process.pid), "-e", flush]
        tracing = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            self.product.process.wait(FLUSHES_SECONDS)
        tracing.terminate()
        tracing.wait()
        self.kill_server()

    def stop_server(self) -> None:
        """As a deployment does it."""
        self.product.kill(signal.SIGTERM)
        self.product.start(*self.arguments)

    def kill_worker(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.rng.choice(workers(self.product)), signal.SIGKILL)
        time.sleep(1)

    def freeze(self) -> None:
        """A worker that stands still for longer than its holds live, while somebody else sweeps."""
        frozen = self.rng.choice(workers(self.product))
        os.kill(frozen, signal.SIGSTOP)
        try:
            time.sleep(FROZEN_SECONDS)
            self.product.run("sync")
        finally:
            with suppress(ProcessLookupError):
                os.kill(frozen, signal.SIGCONT)

    def crash_database(self) -> None:
        assert self.cluster is not None
        self.cluster.stop(signal.SIGQUIT)
        self.cluster.start(DURABLE)

    def restart_database(self) -> None:
        assert self.cluster is not None
        self.cluster.stop(signal.SIGINT)
        time.sleep(0.3)
        self.cluster.start(DURABLE)

    def lose_redis(self) -> None:
        assert self.redis is not None
        self.redis.stop()
        time.sleep(1)
        self.redis.start()


def workers(product: Product) -> list[int]:
    """The processes that serve: the server itself, or the workers that it started."""
    assert product.process is not None
    parent = product.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    serving = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return serving or [parent]
