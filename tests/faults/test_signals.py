"""However the server is told to end, what is under way ends whole and is booked, and nothing of it lives on."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
import uvicorn

from relay.serving.workers import Worker, Workers
from sandbox.serve import Running
from tests.fixtures.calling import ask, message, new_customer, start_stream
from tests.fixtures.crashing import holds, rows_of, usage
from tests.fixtures.product import Product, eventually, running_product

SLOW = "pace=30 tokens=60"


def family(product: Product) -> list[int]:
    """The server and all that it has started, itself first."""
    assert product.process is not None
    found = [product.process.pid]
    for pid in found:
        # One that has just ended has no children any more.
        with suppress(FileNotFoundError):
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def workers(product: Product) -> set[int]:
    return {pid for pid in family(product)[1:] if lives(pid) and b"spawn_main" in command(pid)}


def command(pid: int) -> bytes:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def lives(pid: int) -> bool:
    """Who has ended and waits for its parent to notice does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def check_ended(product: Product, everybody: list[int]) -> None:
    """Nothing lives on, and every call is booked, whole."""
    eventually(lambda: not any(map(lives, everybody)), tries=1200)
    assert rows_of(product, holds) == []
    assert {row.ended for row in rows_of(product, usage)} == {"complete"}
    assert product.run("audit").returncode == 0


@pytest.mark.parametrize("told", ["TERM TERM", "HUP"])
def test_one_worker_ends_well_whatever_the_signal(tmp_path: Path, sqlite_url: str, world: Running, told: str) -> None:
    with running_product(tmp_path, sqlite_url, world) as product:
        thread, got = start_stream(product, new_customer(product), SLOW)
        everybody = family(product)
        for name in told.split():
            os.kill(everybody[0], signal.Signals[f"SIG{name}"])
            time.sleep(0.2)
        assert product.process is not None
        assert product.process.wait(60) == 0
        thread.join()
        assert got[0].whole
        check_ended(product, everybody)


@pytest.fixture
def crowd(tmp_path: Path, postgres_url: str, redis_url: str, world: Running) -> Iterator[Product]:
    arguments = ("--workers", "2")
    with running_product(tmp_path, postgres_url, world, arguments=arguments, REDIS_URL=redis_url) as found:
        yield found


def test_workers_are_reloaded_one_by_one_and_end_with_a_supervisor_that_is_killed(crowd: Product) -> None:
    key = new_customer(crowd)
    first = workers(crowd)
    thread, got = start_stream(crowd, key, SLOW)
    os.kill(family(crowd)[0], signal.SIGHUP)
    eventually(lambda: not (now := workers(crowd)) & first and len(now) == 2, tries=1200)
    assert ask(crowd, key, message()).status == 200
    thread.join()
    assert got[0].whole

    thread, got = start_stream(crowd, key, SLOW)
    everybody = family(crowd)
    os.kill(everybody[0], signal.SIGKILL)
    thread.join()
    assert got[0].whole
    check_ended(crowd, everybody)


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    yield
    for number, handler in before.items():
        with suppress(OSError, TypeError, ValueError):
            signal.signal(number, handler)


@pytest.mark.usefixtures("signals_as_before")
def test_a_worker_that_a_busy_machine_keeps_waiting_is_none_that_hangs(tmp_path: Path) -> None:
    config = uvicorn.Config("relay.app:app", port=0, workers=1, lifespan="off", timeout_graceful_shutdown=0)
    supervisor = Workers(config, str(tmp_path))
    supervisor.init_processes()
    (slow,) = supervisor.processes
    assert isinstance(slow, Worker)
    assert slow.pid is not None
    os.kill(slow.pid, signal.SIGSTOP)
    supervisor.keep_subprocess_alive()
    assert supervisor.processes == [slow], "it was starting"
    os.kill(slow.pid, signal.SIGCONT)
    assert slow.wait_until_ready(60)

    os.kill(slow.pid, signal.SIGSTOP)
    supervisor.keep_subprocess_alive()
    assert supervisor.processes == [slow], "it had answered a moment ago"
    slow.hung_seconds = slow.waits_until = 0
    supervisor.keep_subprocess_alive()
    (fresh,) = supervisor.processes
    assert (slow.exitcode, fresh.exitcode) == (-signal.SIGKILL, None)
    supervisor.terminate_all()
    supervisor.join_all()


@pytest.mark.usefixtures("signals_as_before")
def test_a_worker_that_will_not_die_is_killed(tmp_path: Path) -> None:
    config = uvicorn.Config("relay.app:app", port=0, workers=1, lifespan="off", timeout_graceful_shutdown=0)
    supervisor = Workers(config, str(tmp_path), grace_seconds=0.5)
    supervisor.init_processes()
    (worker,) = supervisor.processes
    assert worker.wait_until_ready(60)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    supervisor.terminate_all()
    supervisor.join_all()
    assert worker.exitcode == -signal.SIGKILL
    assert supervisor.failed


APP = """
import os, pathlib

if pathlib.Path(__file__).with_name("broken").exists():
    os._exit(7)


async def app(scope, receive, send): ...
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What workers serve, unless a file says that they die when they begin."""
    (tmp_path / "served_by_workers.py").write_text(APP)
    monkeypatch.syspath_prepend(tmp_path)
    return "served_by_workers:app"


@pytest.mark.usefixtures("signals_as_before")
def test_a_server_whose_workers_die_before_any_has_served_ends_and_says_so(tmp_path: Path, app: str) -> None:
    (tmp_path / "broken").touch()
    supervisor = Workers(uvicorn.Config(app, port=0, workers=1, lifespan="off"), str(tmp_path))
    with structlog.testing.capture_logs() as told:
        supervisor.run()
    assert supervisor.failed
    assert [(line["event"], line["exit_code"]) for line in told] == [("worker_could_not_start", 7)]


@pytest.mark.usefixtures("signals_as_before")
def test_a_worker_that_dies_at_its_start_is_tried_less_and_less_often(tmp_path: Path, app: str) -> None:
    config = uvicorn.Config(app, port=0, workers=1, lifespan="off", timeout_graceful_shutdown=0)
    supervisor = Workers(config, str(tmp_path), respawn_seconds=0.1)
    supervisor.init_processes()
    (first,) = supervisor.processes
    assert first.wait_until_ready(60)
    (tmp_path / "broken").touch()
    with structlog.testing.capture_logs() as told:
        first.process.kill()

        def waits() -> list[float]:
            supervisor.keep_subprocess_alive()
            return [line["next_in_seconds"] for line in told if line["event"] == "worker_died_at_its_start"]

        eventually(lambda: len(waits()) == 3)
        (tmp_path / "broken").unlink()
        eventually(lambda: waits() and isinstance(last := supervisor.processes[0], Worker) and last.has_served)
    assert waits() == [0.1, 0.2, 0.4]
    assert not supervisor.failed
    supervisor.terminate_all()
    supervisor.join_all()
