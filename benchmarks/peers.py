"""Who is measured: each is started on loopback, in front of the same upstream, and stopped at the end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import books, wire
from benchmarks.processes import LOAD_CORE, SERVER_CORE, pinned_to
from tests.fixtures.servers import PostgresCluster, free_port, wait_until

BIN = Path(sys.executable).parent
UVICORN = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-proxy-headers", "--no-server-header"]
LITELLM_KEY = "sk-of-the-bench"
NGINX = """\
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 10000000; client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream stub {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@dataclass
class Peer:
    """A server under load. `pids` are whose processor time counts; the first is whose memory does."""

    name: str
    port: int
    path: str
    pids: list[int]
    keys: list[str] = field(default_factory=lambda: ["none"])
    database_url: str = ""
    rates_only: bool = False
    """Hundreds of slow streams at once would keep it busy for longer than the whole bench may take."""
    asked: int = 0
    failures: list[str] = field(default_factory=list[str])

    def requests(self, question: wire.Question) -> list[bytes]:
        return [question.request(self.path, key) for key in self.keys]


@contextmanager
def running(command: list[str], log: Path, core: int | None, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block; its log is for who wonders."""
    with log.open("ab") as out, pinned_to(core):
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **settings})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def upstream(folder: Path) -> Iterator[Peer]:
    log = folder / "upstream.log"
    with running([sys.executable, "-m", "benchmarks.upstream"], log, LOAD_CORE) as process:
        wait_until(lambda: log.read_bytes().endswith(b"\n"), process, log)
        yield Peer("upstream, direct", int(log.read_text()), wire.DIRECT, [process.pid])


def has_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(folder: Path, upstream_port: int) -> Iterator[Peer]:
    port, conf, log = free_port(), folder / "nginx.conf", folder / "nginx.log"
    conf.write_text(NGINX.format(folder=folder, port=port, upstream=upstream_port))
    command = [str(has_nginx()), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(conf)]
    with running(command, log, SERVER_CORE) as process:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/"), process, log)
        yield Peer("nginx, passing through", port, wire.DIRECT, [process.pid])


def has_litellm() -> str | None:
    return shutil.which("litellm")


@contextmanager
def litellm(folder: Path, upstream_port: int) -> Iterator[Peer]:
    """With one key for everybody and nothing booked: the least that it can be asked to do."""
    port, conf, log = free_port(), folder / "litellm.json", folder / "litellm.log"
    upstream = {"api_base": f"http://127.0.0.1:{upstream_port}", "api_key": "sk-ant-of-the-stub"}
    model = {"model_name": wire.MODEL, "litellm_params": {"model": f"anthropic/{wire.MODEL}", **upstream}}
    conf.write_text(json.dumps({"model_list": [model], "general_settings": {"master_key": LITELLM_KEY}}))
    command = [str(has_litellm()), "--config", str(conf), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, log, SERVER_CORE, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR") as process:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health/liveliness"), process, log)
        yield Peer("LiteLLM", port, wire.DIRECT, [process.pid], [LITELLM_KEY], rates_only=True)


@contextmanager
def postgres(folder: Path) -> Iterator[PostgresCluster]:
    """With its own defaults, so that every commit is on the disk. On the server's core: it is part of the cost."""
    folder.mkdir()
    folder.parent.chmod(0o711)
    cluster = PostgresCluster(folder)
    with pinned_to(SERVER_CORE):
        cluster.start({"max_connections": "100"})
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def relay(
    name: str, target: str, folder: Path, upstream_port: int, database_url: str, besides: list[int]
) -> Iterator[Peer]:
    """`target` is `serve` for the product, else an ASGI app for uvicorn, served with the same options."""
    port, log = free_port(), folder / f"{target.partition(':')[0]}-{len(list(folder.iterdir()))}.log"
    settings = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": "for the bench alone, 32 characters or more",
        "ANTHROPIC_API_KEY": "sk-ant-of-the-stub",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        "STRIPE_API_KEY": "sk_test_nobody",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "RESEND_API_KEY": "re_nobody",
        "RESEND_API_URL": "http://127.0.0.1:9",
        "ACCOUNT_ORIGIN": f"http://localhost:{port}",
        "RATE_REQUESTS_PER_MINUTE": "100000000",
        "RATE_TOKENS_PER_MINUTE": "100000000000",
        "RATE_CONCURRENT": "100000",
        "LOG_FORMAT": "json",
        "WEB_CONCURRENCY": "1",
    }
    keys = books.open_books(database_url)
    product = [str(BIN / "account-app"), "serve", "--port", str(port)]
    alone = [sys.executable, "-m", "uvicorn", target, "--port", str(port), "--log-level", "warning", *UVICORN]
    with running(product if target == "serve" else alone, log, SERVER_CORE, **settings) as process:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), process, log)
        yield Peer(name, port, wire.RELAYED, [process.pid, *besides], keys, database_url)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
