"""What is measured of each peer, one peer at a time. Every answer is a flat dict of figures, ready for medians."""

import asyncio
import math
import re
import statistics
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.client import Asker, Seen
from benchmarks.peers import Peer
from benchmarks.processes import cpu_seconds, rss_kb
from benchmarks.wire import FRAME_EVENTS, Question

Figures = dict[str, float]
EVERY_MS = 100
"""The pace of slow streams: ten texts a second, as a model writes."""
PATIENCE_SECONDS = 30
_HOLDS = re.compile(r'^relay_hold_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Lengths:
    """How long each measurement notes what it sees, in seconds, after it has got going."""

    warm: float
    rate: float
    slow: float
    holds: float


QUICK = Lengths(warm=0.3, rate=1.5, slow=2, holds=2)
FULL = Lengths(warm=0.4, rate=2, slow=3, holds=3)


def plain_rate(peer: Peer, lengths: Lengths) -> Figures:
    """Small JSON answers a second, 64 asked at any time; and the server's processor time for one."""
    return asyncio.run(_rate(peer, Question(plain=True), 64, lengths, "json"))


def stream_rate(peer: Peer, lengths: Lengths) -> Figures:
    """Streams of 64 chunks a second, 64 open at any time; and the server's processor time for one."""
    return asyncio.run(_rate(peer, Question(), 64, lengths, "streams"))


def full_rates(peer: Peer, lengths: Lengths) -> Figures:
    """The same with 256 open at any time: so many that the core never waits for a disk."""
    plain = asyncio.run(_rate(peer, Question(plain=True), 256, lengths, "full_json"))
    streams = asyncio.run(_rate(peer, Question(), 256, lengths, "full_streams"))
    return {**plain, **streams, "failures": plain["failures"] + streams["failures"]}


def slow_streams(peer: Peer, lengths: Lengths, count: int) -> Figures:
    """How late a chunk comes (ms after upstream wrote it) with `count` open, and the server's memory for each."""
    return asyncio.run(_slow(peer, count, lengths))


def holds(peer: Peer, lengths: Lengths) -> Figures:
    """From request to first byte (ms), at 200 streams of one second, each followed by the next; and how much of it is
    the hold's: from asking for it until it is on the disk.
    """
    return asyncio.run(_holds(peer, 200, lengths))


async def _rate(peer: Peer, question: Question, connections: int, lengths: Lengths, name: str) -> Figures:
    seen = Seen()
    ends_at = time.monotonic() + lengths.warm + lengths.rate
    load = asyncio.create_task(_ask_all(peer, question, connections, 0, seen, lambda: time.monotonic() < ends_at))
    await asyncio.sleep(lengths.warm)
    seen.noting, began, cpu_before = True, time.monotonic(), cpu_seconds(peer.pids)
    await asyncio.sleep(lengths.rate)
    seen.noting, took, cpu = False, time.monotonic() - began, cpu_seconds(peer.pids) - cpu_before
    await load
    answers = max(1, seen.answers)
    return {f"{name}_per_second": seen.answers / took, f"{name}_cpu_us": cpu * 1e6 / answers, **_failures(peer, seen)}


async def _slow(peer: Peer, count: int, lengths: Lengths) -> Figures:
    seen, ramp = Seen(), count / 400
    texts = int((ramp + 1 + lengths.slow) * 1000 / EVERY_MS)
    idle_kb = rss_kb(peer.pids[0])
    question = Question(FRAME_EVENTS + texts, EVERY_MS)
    load = asyncio.create_task(_ask_all(peer, question, count, ramp, seen, lambda: False))
    await asyncio.sleep(ramp + 0.7)
    seen.noting, cpu_before = True, cpu_seconds(peer.pids)
    await asyncio.sleep(lengths.slow)
    seen.noting, cpu = False, cpu_seconds(peer.pids) - cpu_before
    open_kb = rss_kb(peer.pids[0])
    await load
    late = _percentiles(seen.chunk_late_ns)
    return {
        f"slow{count}_late_p50_ms": late[0],
        f"slow{count}_late_p99_ms": late[1],
        f"slow{count}_cpu_share": cpu / lengths.slow,
        f"slow{count}_idle_mb": idle_kb / 1024,
        f"slow{count}_open_mb": open_kb / 1024,
        f"slow{count}_kb_a_stream": (open_kb - idle_kb) / count,
        **_failures(peer, seen),
    }


async def _holds(peer: Peer, count: int, lengths: Lengths) -> Figures:
    seen, ramp = Seen(), 1.0
    ends_at = time.monotonic() + ramp + 0.5 + lengths.holds
    question = Question(FRAME_EVENTS + 1000 // EVERY_MS, EVERY_MS)
    load = asyncio.create_task(_ask_all(peer, question, count, ramp, seen, lambda: time.monotonic() < ends_at))
    await asyncio.sleep(ramp + 0.5)
    before = await asyncio.to_thread(_hold_buckets, peer)
    seen.noting = True
    await asyncio.sleep(lengths.holds)
    seen.noting = False
    after = await asyncio.to_thread(_hold_buckets, peer)
    await load
    first = _percentiles(seen.first_byte_ns)
    held = {
        f"hold_p{percent}_ms": quantile([(le, n - before[le]) for le, n in after.items()], percent / 100) * 1000
        for percent in (50, 99)
        if after
    }
    return {"first_byte_p50_ms": first[0], "first_byte_p99_ms": first[1], **held, **_failures(peer, seen)}


def _hold_buckets(peer: Peer) -> dict[float, float]:
    """Of one of ours: how many holds took up to so many seconds."""
    if not peer.database_url:
        return {}
    with urllib.request.urlopen(f"http://127.0.0.1:{peer.port}/metrics", timeout=5) as answer:
        return {float(le): float(n) for le, n in _HOLDS.findall(answer.read().decode())}


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """As Prometheus reads a histogram, by straight lines. `buckets` are bounds, and how many lie below each."""
    wanted, low, under = buckets[-1][1] * share, 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > under:
            return low if math.isinf(bound) else low + (bound - low) * (wanted - under) / (count - under)
        low, under = bound, count
    return float("nan")


async def _ask_all(
    peer: Peer, question: Question, connections: int, ramp: float, seen: Seen, goes_on: Callable[[], bool]
) -> None:
    """Connections one after the other over `ramp` seconds; returns when each has had its last answer."""
    loop, requests = asyncio.get_running_loop(), peer.requests(question)
    opened: list[Asker] = []
    began = loop.time()
    for number in range(connections):
        await asyncio.sleep(max(0, began + ramp * number / connections - loop.time()))
        request = requests[number % len(requests)]
        _, asker = await loop.create_connection(lambda r=request: Asker(r, seen, goes_on), "127.0.0.1", peer.port)
        opened.append(asker)
    longest = PATIENCE_SECONDS + question.chunks * question.every_ms / 1000
    _, unanswered = await asyncio.wait([asker.done for asker in opened], timeout=longest)
    if unanswered:
        seen.failures += ["no answer in time"] * len(unanswered)


def _failures(peer: Peer, seen: Seen) -> Figures:
    peer.asked += seen.answers_in_all
    peer.failures += seen.failures
    return {"failures": len(seen.failures)}


def _percentiles(of_ns: Sequence[int]) -> tuple[float, float]:
    """p50 and p99 in milliseconds; NaN when nothing was seen."""
    if len(of_ns) < 2:
        return float("nan"), float("nan")
    cuts = statistics.quantiles(of_ns, n=100)
    return cuts[49] / 1e6, cuts[98] / 1e6
