"""Load, faults and departures at once: afterwards our books are upstream's books."""

import random

import pytest
from chaos import killing, running

SECONDS = {"sqlite": 5, "postgresql": 6}
KILLS = 16


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
