"""`python -m benchmarks`: starts every peer, measures them in turns, and prints medians."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from benchmarks import books, measures, peers, report
from benchmarks.measures import FULL, QUICK, Figures, Lengths
from benchmarks.peers import Peer
from benchmarks.processes import LOAD_CORE, SERVER_CORE, ahead_of_others, pinned_to, put_beside_us

WARM_UP_SECONDS = 0.5
Measure = Callable[[Peer, Lengths], Figures]
progress = Console(stderr=True, highlight=False)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="One short round instead of two.")] = False,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="Rounds, interleaved; medians are shown.")] = 2,
    only: Annotated[str, typer.Option(help="Peers whose name contains this, besides the upstream.")] = "",
    to_json: Annotated[Path | None, typer.Option("--json", help="Write every figure of every round there.")] = None,
    folder: Annotated[Path | None, typer.Option(help="On whose disk the databases are.")] = None,
    pages: Annotated[bool, typer.Option(help="What pages cost, too (`make bench-pages`).")] = True,
) -> None:
    """Measures the relay beside the bare upstream and nginx: all on loopback, server on one core, load on another."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    began = time.monotonic()
    lengths, rounds = (QUICK, 1) if quick else (FULL, rounds)
    with ahead_of_others() as ahead:
        progress.print("ahead of the machine's other work" if ahead else "beside the machine's other work: run as root")
        fine = _relay(lengths, rounds, only, to_json, folder)
        if pages and not quick and not only:
            progress.print("what pages cost")
            fine = subprocess.run([sys.executable, "-m", "benchmarks.pages"], check=False).returncode == 0 and fine
    progress.print(
        f"done in {(time.monotonic() - began) / 60:.0f} minutes: {'fine' if fine else 'see what is red above'}"
    )
    sys.exit(0 if fine else 1)


def _relay(lengths: Lengths, rounds: int, only: str, to_json: Path | None, folder: Path | None) -> bool:
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=folder, ignore_cleanup_errors=True) as place,
        ExitStack() as stack,
    ):
        found = start_peers(stack, Path(place), only)
        with pinned_to(LOAD_CORE):
            noted = [measure_round(found, lengths, number, rounds) for number in range(rounds)]
        medians = {peer.name: _median_of([one[peer.name] for one in noted]) for peer in found}
        aims = report.show(medians, SERVER_CORE, rounds)
        right = report.show_books([(peer, books.read_books(peer.database_url)) for peer in found if peer.database_url])
    if to_json:
        to_json.write_text(json.dumps({"medians": medians, "rounds": noted}, indent=2))
    return aims and right


def start_peers(stack: ExitStack, folder: Path, only: str) -> list[Peer]:
    """Everything that can run here, in the order of the table; the upstream is always first."""
    progress.print("starting the upstream and its peers")
    stub = stack.enter_context(peers.upstream(folder))
    found = [stub]
    if not peers.has_nginx():
        progress.print("nginx is not installed (apt install nginx-light): its row is left out")
    elif only in "nginx, passing through":
        found.append(stack.enter_context(peers.nginx(folder, stub.port)))
    if peers.has_litellm() and only in "LiteLLM":
        found.append(stack.enter_context(peers.litellm(folder, stub.port)))
    sqlite = {name: f"sqlite:///{folder / name}.db" for name in ("unbooked", "alone", "product")}
    for name, target, url in (
        ("relay, ledger taken out", "benchmarks.unbooked:app", sqlite["unbooked"]),
        ("relay alone, SQLite", "relay.app:app", sqlite["alone"]),
        ("product, SQLite", "serve", sqlite["product"]),
    ):
        if only in name:
            found.append(stack.enter_context(peers.relay(name, target, folder, stub.port, url, [])))
    if only in (name := "product, PostgreSQL"):
        cluster = stack.enter_context(peers.postgres(folder / "postgres"))
        assert cluster.process is not None
        besides = [cluster.process.pid]
        found.append(
            stack.enter_context(peers.relay(name, "serve", folder, stub.port, cluster.url(cluster.create()), besides))
        )
    return found


def measure_round(found: list[Peer], lengths: Lengths, number: int, rounds: int) -> dict[str, Figures]:
    """Each measurement of all peers before the next, so that a busy minute of the machine hits all of them."""
    figures: dict[str, Figures] = {peer.name: {} for peer in found}
    steps: list[tuple[str, Measure]] = [
        ("500 slow streams", lambda peer, long: measures.slow_streams(peer, long, 500)),
        ("1,000 slow streams", lambda peer, long: measures.slow_streams(peer, long, 1000)),
        ("small JSON", measures.plain_rate),
        ("streams of 64 chunks", measures.stream_rate),
        ("256 open", measures.full_rates),
        ("holds at 200 streams", measures.holds),
    ]
    for peer in found:
        # Memory is compared with a server that has answered before.
        measures.plain_rate(peer, Lengths(0.1, WARM_UP_SECONDS, 0, 0))
        # Only now are its connections to PostgreSQL there, and a process for each.
        put_beside_us(peer.pids)
    for step, (name, measure) in enumerate(steps, 1):
        for peer in found:
            if peer.rates_only and measure not in (measures.plain_rate, measures.stream_rate):
                continue
            progress.print(f"round {number + 1}/{rounds}, {step}/{len(steps)} {name}: {peer.name}")
            taken = measure(peer, lengths)
            taken["failures"] += figures[peer.name].get("failures", 0)
            figures[peer.name] |= taken
    return figures


def _median_of(rounds: list[Figures]) -> Figures:
    """Memory of a stream is the first round's: what a server once took from the kernel, it keeps."""
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    memory = {name: value for name, value in rounds[0].items() if name.startswith("slow500") and "late" not in name}
    return medians | memory | {"failures": sum(one["failures"] for one in rounds)}


if __name__ == "__main__":
    typer.run(bench)
