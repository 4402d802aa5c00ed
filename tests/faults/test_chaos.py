"""Load, faults and departures at once: afterwards our books are upstream's books."""

import random

import pytest

from tests.chaos import killing, running, striking

SECONDS = {"sqlite": 5, "postgresql": 6}
KILLS = 16
STRIKES = {"sqlite": 12, "postgresql": 9}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_happens_at_once_not_one_token_is_lost_or_doubled(kind: str) -> None:
    seed = random.randrange(10**6)
    ran = running.run(kind, SECONDS[kind], seed, print)
    assert ran.verdict.problems == [], f"seed {seed}: {ran.verdict.counts}"
    assert ran.verdict.counts["exact"] > 10
    assert ran.faults


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_its_commits_the_ledger_keeps_every_answer_and_its_sums(kind: str) -> None:
    seed = random.randrange(10**6)
    killed = killing.run(kind, KILLS, seed)
    assert killed.problems == [], f"seed {seed}"
    assert killed.kills > KILLS * 0.8
    assert killed.acknowledged > KILLS


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_again_and_again_books_each_request_once(kind: str) -> None:
    """At its commits, at any of its statements, and whenever; under load."""
    seed = random.randrange(10**6)
    struck = striking.run(kind, STRIKES[kind], seed, print)
    assert struck.verdict.problems == [], f"seed {seed}: {struck.verdict.counts}"
    assert sum(struck.kills.values()) >= STRIKES[kind]
    assert struck.verdict.counts["process_died"]
    assert struck.verdict.counts["exact"]
