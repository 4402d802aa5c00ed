"""A ledger at work that is killed at each of its statements and commits in turn, again and again on one database.

Each attempt is a process forked from this one, so that a kill costs no start. It says on a pipe what it was answered;
the next attempt looks for all of that first, and for entries that do not sum to their balances.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import orjson
from sqlalchemy import select

from relay import accounts, clock, ledger, pricing
from relay.audit import recompute
from relay.database import Database
from relay.errors import ProductError
from relay.ids import new_id
from relay.ledger import Hold, Journal, Settle
from relay.metering import Learnt
from relay.pricing import PriceTable, Tokens
from relay.settings import read_settings
from relay.settling import sweep
from relay.tables import Grant, Usage, table
from relay.tables import Hold as HoldRow
from tests.chaos.faults import DURABLE
from tests.chaos.points import die_at
from tests.fixtures.databases import migrate
from tests.fixtures.servers import PostgresCluster

MODEL = "claude-sonnet-5-5"
ACCOUNTS, CALLS, ROUNDS = 3, 4, 2
holds, usage, grants = table(HoldRow), table(Usage), table(Grant)
Tell = Callable[[str, str], None]


@dataclass
class Killed:
    """`points` is how many places of one attempt can be killed at, `acknowledged` how many answers were looked for."""

    kills: int = 0
    points: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list[str])


def run(kind: str, kills: int, seed: int) -> Killed:
    """In a process of its own: a fork of one that has threads may hang."""
    with _database(kind) as url:
        migrate(url)
        command = [sys.executable, "-m", "tests.chaos.killing", url, str(kills), str(seed)]
        path = os.pathsep.join(sys.path)
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return Killed(**orjson.loads(done.stdout.splitlines()[-1]))


@contextmanager
def _database(kind: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if kind == "sqlite":
            yield f"sqlite:///{Path(folder) / 'account.db'}"
            return
        cluster = PostgresCluster(Path(folder))
        try:
            cluster.start(DURABLE)
            yield cluster.url(cluster.create())
        finally:
            cluster.stop()


def main(url: str, kills: int, seed: int) -> None:
    killed, answers = Killed(), dict[str, str]()
    url = read_settings(DATABASE_URL=url).database_url
    people = [told for _, told in _fork(lambda tell: _open_accounts(url, tell))]
    killed.points = int(_fork(lambda tell: _attempt(url, people, {}, 0, seed, tell))[-1][1])
    # Every place once, spread over all of them; beyond that the rounds differ by their seed.
    step = max(1.0, killed.points / kills)
    for number in range(kills):
        at = 1 + int(number * step) % killed.points
        while _ended_by_itself(
            told := _fork(lambda tell, at=at, n=number: _attempt(url, people, answers, at, seed + n, tell))
        ):
            # Rounds are not all as long as the first: an earlier moment comes in any of them.
            _remember(told, answers, killed)
            at = max(1, at // 2)
        killed.kills += 1
        _remember(told, answers, killed)
    _remember(_fork(lambda tell: _make_peace(url, answers, tell)), answers, killed)
    killed.acknowledged = len(answers)
    print(orjson.dumps(asdict(killed)).decode())


def _ended_by_itself(told: list[tuple[str, str]]) -> bool:
    return any(what == "points" for what, _ in told)


def _remember(told: list[tuple[str, str]], answers: dict[str, str], killed: Killed) -> None:
    killed.problems += [fact for what, fact in told if what == "problem"]
    answers.update({fact: what for what, fact in told if what not in ("problem", "points")})


def _fork(work: Callable[[Tell], None]) -> list[tuple[str, str]]:
    """What a child told until it ended, by itself or not."""
    reading, writing = os.pipe()

    def tell(what: str, fact: str) -> None:
        os.write(writing, f"{what} {fact}\n".encode())

    if (child := os.fork()) == 0:
        try:
            work(tell)
            os._exit(0)
        except BaseException as error:
            tell("problem", repr(error))
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = told.read().splitlines()
    os.waitpid(child, 0)
    return [(what, fact) for what, _, fact in (line.partition(" ") for line in lines)]


def _open_accounts(url: str, tell: Tell) -> None:
    database, settings = Database(url), read_settings()
    for number in range(ACCOUNTS):
        person = database.write_now(lambda c, n=number: accounts.account_for(c, settings, f"{n}@example.com"))
        tell("account", person.account_id)
    database.close()


def _attempt(url: str, people: list[str], answers: dict[str, str], at: int, seed: int, tell: Tell) -> None:
    """Looks for what was answered before; then works until place `at`, or to the end when it is 0."""
    # A sweep of this attempt finds what the last one left.
    clock.move(timedelta(hours=seed % 10_000))
    database = Database(url)
    _check(database, answers, tell)
    places = die_at(at)
    asyncio.run(_Work(database, people, random.Random(seed), tell).run())
    database.close()
    tell("points", str(places[0]))


def _check(database: Database, answers: dict[str, str], tell: Tell) -> None:
    """Every answer that was given is durable, and the books add up."""
    found = database.read_now(lambda c: {
        "settled": set(c.execute(select(usage.c.request_id)).scalars()),
        "held": set(c.execute(select(holds.c.request_id)).scalars()),
        "given": set(c.execute(select(grants.c.key)).scalars()),
    })  # fmt: skip
    found["held"] |= found["settled"]
    found["corrected"] = found["settled"]
    for fact, what in answers.items():
        if fact not in found[what]:
            tell("problem", f"{what} {fact} is lost")
    for difference in database.read_now(recompute):
        tell("problem", repr(difference))


def _make_peace(url: str, answers: dict[str, str], tell: Tell) -> None:
    clock.move(timedelta(days=900))
    database = Database(url)
    asyncio.run(sweep(database))
    _check(database, answers, tell)
    if left := database.read_now(lambda c: c.execute(select(holds.c.request_id)).scalars().all()):
        tell("problem", f"{len(left)} holds are left")
    database.close()


class _Work:
    """Everything that a ledger is asked for, several at a time."""

    def __init__(self, database: Database, people: list[str], rng: random.Random, tell: Tell) -> None:
        self._database, self._people, self._rng, self._tell = database, people, rng, tell
        self._prices: PriceTable = database.read_now(pricing.current)

    async def run(self) -> None:
        await sweep(self._database)
        for _ in range(ROUNDS):
            await asyncio.gather(*(self._give(account_id) for account_id in self._people))
            await asyncio.gather(*(self._call(account_id) for account_id in self._people for _ in range(CALLS)))
            await self._database.write(ledger.expire_due)

    async def _give(self, account_id: str) -> None:
        key, ends = new_id("key"), clock.now() + timedelta(hours=self._rng.randint(1, 3))
        give = {"kind": "promo", "amount_pico": 10**10, "key": key, "reason": "", "expires_at": ends}
        await self._database.write(lambda c: ledger.grant(c, account_id, **give))
        self._tell("given", key)

    async def _call(self, account_id: str) -> None:
        """Some are abandoned, for the next attempt's sweep; some are corrected afterwards."""
        request_id, now = new_id("req"), clock.now()
        until = now + timedelta(minutes=30)
        hold = Hold(request_id, account_id, 10**9, MODEL, self._prices.version, max_tokens=99, at=now, expires_at=until)
        try:
            await self._database.batch(ledger.post, hold)
        except ProductError:
            return
        self._tell("held", request_id)
        learnt = Learnt(started=True, input=3, output=self._rng.randint(1, 9)).journal()
        await self._database.batch(ledger.post, Journal(request_id, learnt, until))
        if self._rng.random() < 0.2:
            return
        await self._database.batch(ledger.post, self._settlement(request_id, account_id))
        self._tell("settled", request_id)
        if self._rng.random() < 0.4:
            await self._correct(request_id)

    def _settlement(self, request_id: str, account_id: str) -> Settle:
        tokens = Tokens(input=3, output=self._rng.randint(0, 60))
        charge = self._prices.charge(MODEL, "base", tokens)
        return Settle(request_id, account_id, clock.now(), "complete", charge.cost_pico, charge.price_pico, tokens)

    async def _correct(self, request_id: str) -> None:
        truth = {"output": self._rng.randint(61, 90) if self._rng.random() < 0.5 else 0, "input": 4}
        done = await self._database.write(lambda c: ledger.correct(c, request_id, reason="", tokens=truth))
        self._tell("corrected", done.correction_id)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
