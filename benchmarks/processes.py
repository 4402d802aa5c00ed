"""What the kernel says of a server and its children: processor time and memory; and which core they may use."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_MINE = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
SERVER_CORE = _MINE[0] if len(_MINE) > 1 else None
NICE = -10
LOAD_CORE = _MINE[-1] if len(_MINE) > 1 else None


@contextmanager
def pinned_to(core: int | None) -> Iterator[None]:
    """What is started inside stays on that core, with all its threads and children. None pins nothing."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def ahead_of_others() -> Iterator[bool]:
    """What is started inside goes before the machine's other work. False where we may not: then that is measured too.

    Linux weighs whole sessions first (sched_autogroup), and a process's own nice value only within its session.
    """
    weight = Path("/proc/self/autogroup")
    nice, before = os.getpriority(os.PRIO_PROCESS, 0), weight.read_text().split()[-1] if weight.exists() else ""
    try:
        _set_niceness(weight, NICE, str(NICE) if before else "")
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        _set_niceness(weight, nice, before)


def put_beside_us(pids: list[int]) -> None:
    """Weighs them and their children as heavily as ours. Each of PostgreSQL's processes is a session of its own."""
    ours = Path("/proc/self/autogroup")
    with suppress(OSError):
        nice = ours.read_text().split()[-1]
        for pid in _ticks(pids):
            with suppress(OSError):
                Path(f"/proc/{pid}/autogroup").write_text(nice)


def _set_niceness(weight: Path, nice: int, of_session: str) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    with suppress(OSError):
        if of_session:
            weight.write_text(of_session)


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes and their living children, in steps of 10 ms."""
    return sum(_ticks(pids).values()) / _TICKS_A_SECOND


def _ticks(pids: list[int]) -> dict[int, int]:
    """Of these processes and all their living children."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for found in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = found.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(found.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        ticks[pid] = int(fields[11]) + int(fields[12])
    of_them, waiting = dict[int, int](), list(pids)
    while waiting:
        pid = waiting.pop()
        of_them[pid] = ticks.get(pid, 0)
        waiting += children.get(pid, [])
    return of_them


def rss_kb(pid: int) -> int:
    """Resident memory of one process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
