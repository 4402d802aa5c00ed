"""The server: uvicorn with uvloop and httptools. One worker in this process, or several that are respawned."""

import importlib.util

import uvicorn
from uvicorn.supervisors import Multiprocess

from relay import logs
from relay.errors import Misconfigured
from relay.services import refuse_unless_migrated
from relay.settings import SECRETS, Settings

REQUIRED = tuple(name for name in SECRETS if not name.startswith("STRIPE"))


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Runs until told to stop. Misconfigured, with every fault at once, before anything has started."""
    faults = [f"{name} is not set. Set it in the environment, in .env, or as {name}_FILE." for name in REQUIRED
              if not getattr(settings, name)]  # fmt: skip
    if workers > 1 and (settings.database_url.startswith("sqlite") or not settings.REDIS_URL):
        faults.append("More than one worker needs DATABASE_URL=postgresql://… and REDIS_URL=redis://….")
    if faults:
        raise Misconfigured("\n".join(faults))
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
    server = uvicorn.Server(config)
    if workers == 1:
        server.run()
        return
    Multiprocess(config, [config.bind_socket()]).run()


def _has_front_end() -> bool:
    return importlib.util.find_spec("account_app") is not None


def _target() -> str:
    return "account_app.server:create" if _has_front_end() else "relay.app:app"
