"""The tables that are printed: figures, ratios, what was aimed at, and whether the books are right."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.books import Booked
from benchmarks.measures import Figures
from benchmarks.peers import Peer

out = Console(highlight=False, width=180)
DIRECT, NGINX, UNBOOKED, LITELLM = "upstream, direct", "nginx, passing through", "relay, ledger taken out", "LiteLLM"
NOT_OURS = (DIRECT, NGINX, LITELLM)
COLUMNS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("JSON/s", lambda f: f"{f['json_per_second']:,.0f}"),
    ("CPU us each", lambda f: f"{f['json_cpu_us']:,.0f}"),
    ("streams/s", lambda f: f"{f['streams_per_second']:,.0f}"),
    ("CPU us each", lambda f: f"{f['streams_cpu_us']:,.0f}"),
    ("500 slow: late p50 / p99 ms", lambda f: f"{f['slow500_late_p50_ms']:.2f} / {f['slow500_late_p99_ms']:.2f}"),
    ("idle MB", lambda f: f"{f['slow500_idle_mb']:.0f}"),
    ("with 500", lambda f: f"{f['slow500_open_mb']:.0f}"),
    ("KB a stream", lambda f: f"{f['slow500_kb_a_stream']:.1f}"),
    ("1,000 slow: late p50 / p99 ms", lambda f: f"{f['slow1000_late_p50_ms']:.2f} / {f['slow1000_late_p99_ms']:.2f}"),
    ("core used", lambda f: f"{f['slow1000_cpu_share']:.0%}"),
    ("CPU us a chunk", lambda f: f"{chunk_cpu_us(f):.0f}"),
    ("200 streams: first byte p50 / p99 ms", lambda f: f"{f['first_byte_p50_ms']:.2f} / {f['first_byte_p99_ms']:.2f}"),
    ("hold p50 / p99 ms", lambda f: f"{f['hold_p50_ms']:.1f} / {f['hold_p99_ms']:.1f}"),
    ("256 open: JSON/s", lambda f: f"{f['full_json_per_second']:,.0f}"),
    ("CPU us each", lambda f: f"{f['full_json_cpu_us']:,.0f}"),
    ("streams/s", lambda f: f"{f['full_streams_per_second']:,.0f}"),
    ("CPU us each", lambda f: f"{f['full_streams_cpu_us']:,.0f}"),
    ("failed", lambda f: f"{f['failures']:.0f}"),
)
IN_THE_DOCS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("JSON/s", COLUMNS[0][1]),
    ("CPU us", COLUMNS[1][1]),
    ("streams/s", COLUMNS[2][1]),
    ("CPU us", COLUMNS[3][1]),
    ("500 slow: late p50 / p99 ms", COLUMNS[4][1]),
    ("1,000 slow", COLUMNS[8][1]),
    ("CPU us a chunk", lambda f: f"{chunk_cpu_us(f):.0f}"),
    ("256 open: JSON/s", COLUMNS[13][1]),
    ("CPU us", COLUMNS[14][1]),
    ("streams/s", COLUMNS[15][1]),
    ("CPU us", COLUMNS[16][1]),
    ("first byte p50 / p99 ms", COLUMNS[11][1]),
    ("hold p50 / p99 ms", COLUMNS[12][1]),
    ("KB a stream", lambda f: f"{f['slow500_kb_a_stream']:.0f}"),
)
RATES = ("json_per_second", "streams_per_second", "json_cpu_us", "streams_cpu_us")


@dataclass(frozen=True)
class Aim:
    """A figure that should be below `aim`; above `bad` it fails the bench.

    `control` names the figure by which nginx, or the bare upstream where there is none, tells whether times mean
    anything in this run: what is no relay at all, and yet over a fifth of the aim, was kept waiting by the machine.
    """

    heading: str
    of: Callable[[Mapping[str, Figures], Figures], float]
    shown: str
    aim: float
    bad: float
    control: str = ""


def chunk_cpu_us(figures: Figures) -> float:
    """Processor time for one chunk of one of 1,000 streams that bring ten a second, all else of a stream included."""
    return figures["slow1000_cpu_share"] / 10_000 * 1e6


def ledger_part(medians: Mapping[str, Figures], figures: Figures, cpu: str) -> float:
    """The share of the processor time of an answer that is the ledger's, when so many are open that the core is never
    idle: its part of the throughput. By time of the processor: rates suffer from whatever else the machine does.
    """
    return 1 - medians[UNBOOKED][cpu] / figures[cpu]


AIMS = (
    Aim("ledger's part of a plain answer", lambda m, f: ledger_part(m, f, "full_json_cpu_us"), "{:.0%}", 0.33, 0.75),
    Aim("ledger's part of a stream", lambda m, f: ledger_part(m, f, "full_streams_cpu_us"), "{:.0%}", 0.33, 0.75),
    Aim("hold p99 ms", lambda _, f: f["hold_p99_ms"], "{:.1f}", 10, 50, "first_byte_p99_ms"),
    Aim("KB a stream", lambda _, f: f["slow500_kb_a_stream"], "{:.0f}", 40, 80),
    Aim("1,000 slow: late p99 ms", lambda _, f: f["slow1000_late_p99_ms"], "{:.1f}", 20, 100, "slow1000_late_p99_ms"),
)


def show(medians: Mapping[str, Figures], core: int | None, rounds: int) -> bool:
    """False when an aim is missed badly."""
    pinned = "not pinned" if core is None else f"server on core {core}, load and upstream on the other"
    _figures(medians, f"Medians of {rounds} interleaved round(s), {pinned}")
    _ratios(medians)
    _for_the_docs(medians)
    return _aims(medians)


def _figures(medians: Mapping[str, Figures], title: str) -> None:
    half = len(COLUMNS) // 2
    for columns in (COLUMNS[:half], COLUMNS[half:]):
        drawn = Table(title=title)
        drawn.add_column("")
        for heading, _ in columns:
            drawn.add_column(heading, justify="right")
        for name, figures in medians.items():
            drawn.add_row(name, *(_cell(cell, figures) for _, cell in columns))
        out.print(drawn)
    out.print(
        "CPU: processor time of the server (PostgreSQL included) for one answer; it hardly depends on other load."
    )
    out.print("Rates of the first two rows are bounded by the load's own core: compare their CPU, not their rate.")


def _cell(cell: Callable[[Figures], str], figures: Figures) -> str:
    try:
        return cell(figures)
    except KeyError:
        return "-"


def _ratios(medians: Mapping[str, Figures]) -> None:
    against = [name for name in (NGINX, DIRECT, UNBOOKED) if name in medians]
    drawn = Table(title="Rate as a share of …, and CPU as a multiple of …")
    drawn.add_column("")
    for name in against:
        for heading in ("JSON/s", "streams/s", "JSON CPU", "stream CPU"):
            drawn.add_column(f"{name.split(',')[0]}\n{heading}", justify="right")
    for name, figures in medians.items():
        cells = [_share(figures[rate], medians[other][rate]) for other in against for rate in RATES]
        drawn.add_row(name, *cells)
    out.print(drawn)


def _share(value: float, of: float) -> str:
    return f"{value / of:.2f}" if of else "-"


def _for_the_docs(medians: Mapping[str, Figures]) -> None:
    """The table of docs/benchmarks.md, as it stands there."""
    print("| | " + " | ".join(heading for heading, _ in IN_THE_DOCS) + " |")
    print("|---" * (len(IN_THE_DOCS) + 1) + "|")
    for name, figures in medians.items():
        print(f"| {name} | " + " | ".join(_cell(cell, figures).strip("-") for _, cell in IN_THE_DOCS) + " |")


def _aims(medians: Mapping[str, Figures]) -> bool:
    drawn = Table(title="What is aimed at")
    drawn.add_column("")
    for aim in AIMS:
        drawn.add_column(f"{aim.heading}\n< {aim.shown.format(aim.aim)}", justify="right")
    found = {name: _against_aims(medians, figures) for name, figures in medians.items() if name not in NOT_OURS}
    for name, cells in found.items():
        drawn.add_row(name, *(text for text, _ in cells))
    out.print(drawn)
    limits = ", ".join(f"{aim.heading} over {aim.shown.format(aim.bad)}" for aim in AIMS)
    out.print(f"Fails the bench: {limits}; and a request that failed, has no usage row, or is in the audit.")
    out.print("Times are not judged where nginx (or the upstream) alone takes a fifth of the aim, or two wait a core.")
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    out.print(f"hold: from asking for it until it is on the disk, as the server counts it. Load averages now: {load}.")
    return all(fine for cells in found.values() for _, fine in cells)


def _was_kept_waiting(medians: Mapping[str, Figures], aim: Aim) -> bool:
    control = medians.get(NGINX, medians[DIRECT])
    crowded = os.getloadavg()[1] > 2 * (os.cpu_count() or 1)
    return bool(aim.control) and (crowded or control[aim.control] > aim.aim / 5)


def _against_aims(medians: Mapping[str, Figures], figures: Figures) -> list[tuple[str, bool]]:
    cells: list[tuple[str, bool]] = []
    for aim in AIMS:
        if UNBOOKED not in medians and "ledger" in aim.heading:
            cells.append(("-", True))
            continue
        value = aim.of(medians, figures)
        judged = not _was_kept_waiting(medians, aim)
        verdict = "" if value < aim.aim else (" missed" if value <= aim.bad else " FAILED")
        cells.append((aim.shown.format(value) + (verdict if judged else " not judged"), value <= aim.bad or not judged))
    return cells


def show_books(found: list[tuple[Peer, Booked]]) -> bool:
    """True when each request has its usage row, no hold is left, and the audit is content."""
    fine = True
    for peer, booked in found:
        for failure in sorted(set(peer.failures))[:5]:
            out.print(f"{peer.name}: {failure[:300]!r}", style="red", markup=False)
        if peer.name == UNBOOKED:
            continue
        right = booked.rows >= peer.asked - len(peer.failures) and not booked.holds and not booked.differences
        fine = fine and right and not peer.failures
        out.print(
            f"{peer.name}: {peer.asked:,} answered, {booked.rows:,} usage rows, {booked.holds} holds open, "
            f"{booked.differences} differences in the audit"
        )
    return fine
