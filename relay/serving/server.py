"""The server: uvicorn with uvloop and httptools. One worker in this process, or several that are respawned."""

import gc
import importlib.util
import os
import signal
import socket
import sys
import tempfile
from errno import EADDRINUSE
from types import FrameType

import uvicorn

from relay import logs
from relay.database.poolers import refuse_unless_sessions_last
from relay.database.revisions import refuse_unless_migrated
from relay.errors import Misconfigured
from relay.serving.connections import Connection
from relay.serving.workers import Workers
from relay.settings.faults import settings_to_serve
from relay.settling.keeping import refuse_unless_usable


def serve(host: str, port: int, workers: int) -> None:
    """Runs until told to stop. Misconfigured, with every fault at once, before anything has started."""
    settings = settings_to_serve(workers)
    refuse_unless_usable(settings)
    refuse_unless_migrated(settings)
    refuse_unless_sessions_last(settings)
    refuse_unless_free(host, port)
    logs.configure(settings.LOG_FORMAT)
    config = uvicorn.Config(
        _target(),
        factory=_has_front_end(),
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=Connection,
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
        # A terminal that goes away is no reason to cut answers off.
        signal.signal(signal.SIGHUP, _end_as_told)
        # As for any command, until `get_ready_to_answer`.
        gc.disable()
        uvicorn.Server(config).run()
        return
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        # For the workers alone, which are started afresh: prometheus_client looks for it when it is imported.
        os.putenv("PROMETHEUS_MULTIPROC_DIR", folder)
        supervisor = Workers(config, folder)
        supervisor.run()
    if supervisor.failed:
        sys.exit(1)


def refuse_unless_free(host: str, port: int) -> None:
    """Misconfigured when nobody can listen there: uvicorn only logs it, and ends with its own code."""
    try:
        for family, _, _, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            socket.create_server(address[:2], family=family).close()
    except OSError as error:
        told = "another program has it" if error.errno == EADDRINUSE else error.strerror
        raise Misconfigured(
            f"Nobody can listen at {host}, port {port}: {told}. Choose another --host or --port."
        ) from error


def _end_well(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _end_as_told(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _has_front_end() -> bool:
    return importlib.util.find_spec("account_app") is not None


def _target() -> str:
    return "account_app.server:create" if _has_front_end() else "relay.app:app"
