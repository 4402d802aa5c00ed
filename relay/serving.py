"""The server: uvicorn with uvloop and httptools. One worker in this process, or several that are respawned."""

import importlib.util
import os
import signal
import sys
import tempfile
import time
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from relay import logs, metrics
from relay.services import refuse_unless_migrated
from relay.settings_faults import settings_to_serve

RESPAWN_SECONDS = 2


def serve(host: str, port: int, workers: int) -> None:
    """Runs until told to stop. Misconfigured, with every fault at once, before anything has started."""
    settings = settings_to_serve(workers)
    refuse_unless_migrated(settings)
    logs.configure(settings.LOG_FORMAT)
    config = uvicorn.Config(
        _target(),
        factory=_has_front_end(),
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        # The client's address is worked out by TRUSTED_PROXIES, not by what a peer on loopback claims.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.DRAIN_SECONDS),
    )
    if workers == 1:
        # uvicorn, once it has stopped in good order, raises the signal again for whoever had it before: us.
        signal.signal(signal.SIGTERM, _end_well)
        uvicorn.Server(config).run()
        return
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        # For the workers alone, which are started afresh: prometheus_client looks for it when it is imported.
        os.putenv("PROMETHEUS_MULTIPROC_DIR", folder)
        supervisor = Workers(config, folder)
        supervisor.run()
    if supervisor.failed:
        sys.exit(1)


class Workers(Multiprocess):
    """Workers that are replaced when they end.

    One that cannot start ends the server, as all would; unless others have served already: then it is the database
    that is away for a while, and the worker is tried again.
    """

    def __init__(self, config: uvicorn.Config, metrics_folder: str) -> None:
        super().__init__(config, [config.bind_socket()])
        self.failed = False
        self._metrics_folder = metrics_folder
        self._have_served = False

    def terminate_all(self) -> None:
        """Nobody is let in who would wait behind the drain: a proxy that is refused asks the next server instead."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        self._have_served = self._have_served or any(process.is_ready(1) for process in self.processes)
        for place, process in enumerate(self.processes):
            if process.exitcode is not None:
                metrics.forget_worker(process.pid, self._metrics_folder)
            if process.exitcode == STARTUP_FAILURE and self._have_served:
                time.sleep(RESPAWN_SECONDS)
                self.processes[place] = Process(self.config, self.sockets)
                self.processes[place].start()
        super().keep_subprocess_alive()
        self.failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)


def _end_well(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _has_front_end() -> bool:
    return importlib.util.find_spec("account_app") is not None


def _target() -> str:
    return "account_app.server:create" if _has_front_end() else "relay.app:app"
