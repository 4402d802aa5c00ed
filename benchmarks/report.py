"""The tables that are printed: figures, ratios, what was aimed at, and whether the books are right."""

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.books import Booked
from benchmarks.measures import Figures
from benchmarks.peers import Peer

out = Console(highlight=False, width=180)
DIRECT, NGINX, UNBOOKED, LITELLM = "upstream, direct", "nginx, passing through", "relay, ledger taken out", "LiteLLM"
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
    ("200 streams: first byte p50 / p99 ms", lambda f: f"{f['first_byte_p50_ms']:.2f} / {f['first_byte_p99_ms']:.2f}"),
    ("failed", lambda f: f"{f['failures']:.0f}"),
)
RATES = ("json_per_second", "streams_per_second", "json_cpu_us", "streams_cpu_us")


def show(medians: Mapping[str, Figures], core: int | None, rounds: int) -> None:
    pinned = "not pinned" if core is None else f"server on core {core}, load and upstream on the other"
    _figures(medians, f"Medians of {rounds} interleaved round(s), {pinned}")
    _ratios(medians)
    _aims(medians)


def _figures(medians: Mapping[str, Figures], title: str) -> None:
    drawn = Table(title=title)
    drawn.add_column("")
    for heading, _ in COLUMNS:
        drawn.add_column(heading, justify="right")
    for name, figures in medians.items():
        drawn.add_row(name, *(_cell(cell, figures) for _, cell in COLUMNS))
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


def _aims(medians: Mapping[str, Figures]) -> None:
    direct = medians[DIRECT]
    drawn = Table(title="What is aimed at")
    headings = ("", "ledger's part of JSON/s < 33 %", "of streams/s < 33 %", "hold p99 < 10 ms",
                "KB a stream < 40", "1,000 slow, late p99 < 20 ms")  # fmt: skip
    for heading in headings:
        drawn.add_column(heading, justify="right")
    for name, figures in medians.items():
        if name in (DIRECT, NGINX, LITELLM):
            continue
        hold_ms = figures["first_byte_p99_ms"] - direct["first_byte_p50_ms"]
        drawn.add_row(
            name,
            *(_ledger_part(medians, figures, rate) for rate in RATES[:2]),
            f"{hold_ms:.2f}",
            f"{figures['slow500_kb_a_stream']:.1f}",
            f"{figures['slow1000_late_p99_ms']:.2f}",
        )
    out.print(drawn)
    out.print("hold: p99 from request to first byte, less the bare upstream's median.")


def _ledger_part(medians: Mapping[str, Figures], figures: Figures, rate: str) -> str:
    if UNBOOKED not in medians:
        return "-"
    cpu = rate.replace("per_second", "cpu_us")
    without = medians[UNBOOKED]
    return f"{1 - figures[rate] / without[rate]:.0%} (CPU {1 - without[cpu] / figures[cpu]:.0%})"


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
