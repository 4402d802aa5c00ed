"""`make chaos SECONDS=180 SEED=7`: prints how it goes, a verdict with its counts, and exits 1 on any problem."""

import argparse
import random
import sys

from chaos import killing, running


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of load on each of the two databases")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same faults")
    parser.add_argument("--kills", type=int, default=300, help="of a ledger at its commits, on each database")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    problems: list[str] = []
    for kind in ("sqlite", "postgresql"):
        problems += _killed(kind, options.kills, options.seed)
        problems += _ran(kind, options.seconds, options.seed)
    say("Not one token is lost or doubled." if not problems else f"{len(problems)} problems; seed {options.seed}.")
    return 1 if problems else 0


def _killed(kind: str, kills: int, seed: int) -> list[str]:
    killed = killing.run(kind, kills, seed)
    say(f"{kind}: {killed.kills} kills at {killed.points} points of commits; {killed.acknowledged} answers kept")
    return _named(kind, killed.problems)


def _ran(kind: str, seconds: float, seed: int) -> list[str]:
    ran = running.run(kind, seconds, seed, say)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(ran.verdict.counts.items()))
    faults = ", ".join(f"{name} {count}" for name, count in sorted(ran.faults.items()))
    say(f"{kind}: {ran.asked} asked in {ran.seconds:.0f} s, {ran.unanswered} found no server; {counts}")
    say(f"{kind}: faults: {faults}")
    return _named(kind, ran.verdict.problems)


def _named(kind: str, problems: list[str]) -> list[str]:
    """At once, for whoever stops the run before its end."""
    for problem in problems:
        say(f"PROBLEM {kind}: {problem}")
    return problems


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
