"""Cloudflare Pages on loopback, as `wrangler` brings it: the real `_headers`, `_redirects` and Functions."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from relay.settings import ROOT
from tests.fixtures.product import BIN
from tests.fixtures.servers import free_port, wait_until

WRANGLER = ROOT / "tests/tools/node_modules/.bin/wrangler"
COMPATIBLE_WITH = "2026-11-01"


@contextmanager
def pages(site: Path, home: Path, port: int = 0, **variables: str) -> Iterator[httpx.Client]:
    """Serves `site` until the block is left; a client for it. `variables` are what its Functions see."""
    port = port or free_port()
    bindings = [word for name, value in variables.items() for word in ("--binding", f"{name}={value}")]
    command = [
        *(WRANGLER, "pages", "dev", ".", "--ip", "127.0.0.1", "--port", str(port), "--inspector-port", "0"),
        *("--compatibility-date", COMPATIBLE_WITH, "--show-interactive-dev-session=false", *bindings),
    ]
    quiet = {"CI": "1", "WRANGLER_SEND_METRICS": "false", "CLOUDFLARE_CF_FETCH_ENABLED": "false", "NO_COLOR": "1"}
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    surroundings = {"PATH": path, "HOME": str(home), **quiet}
    log = home / f"wrangler-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=site,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        try:
            wait_until(lambda: answers(client), process, log)
            yield client
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def answers(client: httpx.Client) -> bool:
    try:
        return bool(client.get("/").status_code)
    except httpx.HTTPError:
        return False
