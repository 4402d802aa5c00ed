"""`make chaos SECONDS=180 SEED=7 STRIKES=200`: prints how it goes and a verdict; exits 1 on any problem."""

import argparse
import random
import sys
from collections.abc import Mapping

from tests.chaos import killing, running, striking


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of load on each of the two databases")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same faults")
    parser.add_argument("--kills", type=int, default=300, help="of a ledger at its commits, on each database")
    parser.add_argument("--strikes", type=int, default=200, help="that kill the real server, on each database")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    problems: list[str] = []
    for kind in ("sqlite", "postgresql"):
        problems += _killed(kind, options.kills, options.seed)
        problems += _struck(kind, options.strikes, options.seed)
        problems += _ran(kind, options.seconds, options.seed)
    say("Not one token is lost or doubled." if not problems else f"{len(problems)} problems; seed {options.seed}.")
    return 1 if problems else 0


def _killed(kind: str, kills: int, seed: int) -> list[str]:
    killed = killing.run(kind, kills, seed)
    say(f"{kind}: {killed.kills} kills at {killed.points} points of commits; {killed.acknowledged} answers kept")
    return _named(kind, killed.problems)


def _struck(kind: str, strikes: int, seed: int) -> list[str]:
    struck = striking.run(kind, strikes, seed, say)
    say(
        f"{kind}: the server killed {sum(struck.kills.values())} times in {struck.seconds:.0f} s: {_told(struck.kills)}"
    )
    say(f"{kind}: {struck.asked} asked; {_told(struck.verdict.counts)}")
    return _named(kind, struck.verdict.problems)


def _ran(kind: str, seconds: float, seed: int) -> list[str]:
    ran = running.run(kind, seconds, seed, say)
    say(f"{kind}: {ran.asked} asked in {ran.seconds:.0f} s, {ran.unanswered} found no server")
    say(f"{kind}: {_told(ran.verdict.counts)}")
    say(f"{kind}: faults: {_told(ran.faults)}")
    return _named(kind, ran.verdict.problems)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _named(kind: str, problems: list[str]) -> list[str]:
    """At once, for whoever stops the run before its end."""
    for problem in problems:
        say(f"PROBLEM {kind}: {problem}")
    return problems


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
