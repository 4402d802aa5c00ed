"""PostgreSQL behind PgBouncer: a session must be one connection's own, and whoever serves without it is told so."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.database.poolers import refuse_unless_sessions_last, sessions_last
from relay.errors import Misconfigured
from relay.settings import Settings
from tests.fixtures.servers import PostgresCluster, free_port, wait_until

PGBOUNCER = shutil.which("pgbouncer")
CONFIGURATION = """
[databases]
* = user=postgres host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
"""


@contextmanager
def pooled(cluster: PostgresCluster, url: str, mode: str) -> Generator[Settings]:
    """The address of a PgBouncer before that database."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        written, log = Path(name) / "pgbouncer.ini", Path(name) / "log"
        written.write_text(
            CONFIGURATION.format(server=cluster.port, port=port, mode=mode).replace("* =", "* = user=postgres")
        )
        for path in (Path(name), written):
            path.chmod(0o755)
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        with log.open("wb") as out:
            process = subprocess.Popen([str(PGBOUNCER), *as_nobody, str(written)], stdout=out, stderr=out)
        wait_until(lambda: b"listening on 127.0.0.1" in log.read_bytes(), process, log)
        yield Settings(DATABASE_URL=url.replace(str(cluster.port), str(port)))
        process.terminate()
        process.wait()


def test_nobody_between_is_fine(database_url: str) -> None:
    refuse_unless_sessions_last(Settings(DATABASE_URL=database_url))


@pytest.mark.skipif(PGBOUNCER is None, reason="no PgBouncer here")
def test_a_pooler_may_stand_between_when_it_leaves_us_our_sessions(
    postgres_cluster: PostgresCluster, postgres_url: str
) -> None:
    with pooled(postgres_cluster, postgres_url, "session") as settings:
        assert sessions_last(settings.database_url)
    with (
        pooled(postgres_cluster, postgres_url, "transaction") as settings,
        pytest.raises(Misconfigured, match="pool_mode = session"),
    ):
        refuse_unless_sessions_last(settings)
