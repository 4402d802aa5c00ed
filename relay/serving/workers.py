"""Several workers under one supervisor: replaced when they end, reloaded one by one, never waited for without end."""

import time

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from relay import metrics

RESPAWN_SECONDS = 2
RESPAWN_SECONDS_MAX = 16
DEATHS_MAX = 5
"""So many workers may die in a row before one has ever served: then it is not a machine that has killed some."""
START_SECONDS = 60
HUNG_SECONDS = 30
"""Without an answer for so long a worker hangs. uvicorn's five seconds kill those that a busy machine keeps waiting."""
LOOK_SECONDS = 0.5
GRACE_SECONDS = 15
"""Beyond DRAIN_SECONDS, for a worker to book what it has cancelled and to close what it has open."""
log = structlog.get_logger(__name__)


class Worker(Process):
    """One of them. While it starts, or waits for its turn on a busy machine, it may be slow to say that it lives."""

    hung_seconds = HUNG_SECONDS
    has_served = False

    def start(self) -> None:
        self.waits_until = time.monotonic() + START_SECONDS
        super().start()

    def is_alive(self, timeout: float = LOOK_SECONDS) -> bool:
        """False when it has ended, or has not answered for too long. Looks for LOOK_SECONDS at most: signals wait."""
        if not self.process.is_alive():
            return False
        if self.ping(min(timeout, LOOK_SECONDS)):
            self.waits_until = time.monotonic() + self.hung_seconds
        return time.monotonic() < self.waits_until

    def _healthcheck(self, timeout: float) -> bool | None:
        started = super()._healthcheck(timeout)
        self.has_served = self.has_served or started is True
        return started


class Workers(Multiprocess):
    """Workers that are replaced when they end.

    One that cannot start ends the server, as all would; unless others have served already: then it is the database
    that is away for a while, and the worker is tried again, less and less often. One that will not end is killed.
    """

    def __init__(
        self, config: uvicorn.Config, metrics_folder: str, grace_seconds: float = GRACE_SECONDS,
        respawn_seconds: float = RESPAWN_SECONDS,
    ) -> None:  # fmt: skip
        super().__init__(config, [config.bind_socket()])
        self.failed = False
        self._metrics_folder = metrics_folder
        self._have_served = False
        self._respawn_seconds = respawn_seconds
        self._deaths: dict[int, int] = {}
        """How many workers of a place, in a row, have ended before they served."""
        self._due: dict[int, float] = {}
        """When the dead worker of a place is replaced."""
        self._retired: list[tuple[Process, float]] = []
        self._patience_seconds = (config.timeout_graceful_shutdown or 0) + grace_seconds

    def init_processes(self) -> None:
        self.processes += [self._started() for _ in range(self.processes_num)]

    def terminate_all(self) -> None:
        """Nobody is let in who would wait behind the drain: a proxy that is refused asks the next server instead."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        self._bury()
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.is_alive():
                self._note_service(place, process)
                continue
            if place not in self._due:
                self._end(process)
                self._note_death(place, process)
            if place in self._due and time.monotonic() >= self._due[place]:
                self._replace(place)

    def _note_service(self, place: int, process: Process) -> bool:
        served = isinstance(process, Worker) and process.has_served
        if served:
            self._have_served, self._deaths[place] = True, 0
        return served

    def _note_death(self, place: int, process: Process) -> None:
        """One that had served is replaced at once. One that had not may do no better the next time."""
        if self._note_service(place, process):
            self._due[place] = 0
            return
        deaths = self._deaths[place] = self._deaths.get(place, 0) + 1
        found = {"pid": process.pid, "exit_code": process.exitcode, "in_a_row": deaths}
        was_killed = (process.exitcode or 0) < 0
        if not self._have_served and (not was_killed or deaths >= DEATHS_MAX):
            log.error("worker_could_not_start", **found)
            self.failed = True
            self.should_exit.set()
            return
        wait_seconds = min(self._respawn_seconds * 2 ** (deaths - 1), RESPAWN_SECONDS_MAX)
        log.error("worker_died_at_its_start", **found, next_in_seconds=wait_seconds)
        self._due[place] = time.monotonic() + wait_seconds

    def _end(self, process: Process) -> None:
        """Of one that has ended, or that hangs."""
        if process.exitcode is None:
            log.error("worker_hangs", pid=process.pid)
        process.kill()
        process.join()
        metrics.forget_worker(process.pid, self._metrics_folder)

    def _replace(self, place: int) -> None:
        del self._due[place]
        old = self.processes[place]
        log.warning("worker_replaced", pid=old.pid, exit_code=old.exitcode)
        self.processes[place] = self._started()

    def restart_all(self) -> None:
        """SIGHUP: each worker leaves when another has taken its place, and may finish its answers meanwhile."""
        for place, old in enumerate(self.processes):
            new = self._started()
            if not self._comes_up(new):
                new.kill()
                new.join()
                log.error("reload_given_up", kept=old.pid)
                return
            self.processes[place] = new
            self._due.pop(place, None)
            old.terminate()
            self._retired.append((old, time.monotonic() + self._patience_seconds))

    def join_all(self) -> None:
        until = time.monotonic() + self._patience_seconds
        for process in [*self.processes, *(old for old, _ in self._retired)]:
            process.process.join(max(0.0, until - time.monotonic()))
            if process.exitcode is None:
                self.failed = True
                self._kill(process)

    def _started(self) -> Process:
        process = Worker(self.config, self.sockets)
        process.start()
        return process

    def _comes_up(self, process: Process) -> bool:
        """False when it ended, took too long, or the whole server is told something else meanwhile."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and process.process.is_alive() and not self.signal_queue:
            if process.is_ready(1):
                return True
            time.sleep(0.1)
        return False

    def _bury(self) -> None:
        """Workers that have left; those that should have are killed."""
        for process, until in list(self._retired):
            if process.exitcode is None and time.monotonic() > until:
                self._kill(process)
            if process.exitcode is not None:
                metrics.forget_worker(process.pid, self._metrics_folder)
                self._retired.remove((process, until))

    def _kill(self, process: Process) -> None:
        log.error("worker_killed", pid=process.pid, after_seconds=self._patience_seconds)
        process.kill()
        process.process.join()
