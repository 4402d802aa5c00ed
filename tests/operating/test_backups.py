"""A backup taken under load is one moment of the books; restored on to either database, the audit accepts it."""

import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from relay import backups, billing, clock
from relay.database import Database, migrations
from relay.errors import Misconfigured
from relay.gateways.payments import Said
from relay.settings import Settings
from sandbox.serve import Running
from tests.fixtures.calling import ask, message, new_customer
from tests.fixtures.crashing import Load
from tests.fixtures.product import BIN, Product, running_product
from tests.fixtures.servers import PostgresCluster


@pytest.fixture
def busy(tmp_path: Path, database_url: str, world: Running) -> Iterator[Product]:
    with running_product(tmp_path, database_url, world, HOLD_TTL_SECONDS="1") as found:
        yield found


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[str]:
    """An empty database of the other kind."""
    if database_url.startswith("postgresql"):
        yield f"sqlite:///{tmp_path / 'elsewhere' / 'account.db'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


def test_a_backup_under_load_restores_on_to_the_other_kind_of_database(
    busy: Product, tmp_path: Path, elsewhere: str
) -> None:
    keys = [new_customer(busy) for _ in range(3)]
    ask(busy, keys[0], message())
    with Load(busy, keys, "pace=300 tokens=60", threads=8):
        taken = busy.run("backup", str(tmp_path / "one.backup"))
        assert taken.returncode == 0, taken.stderr
    assert stat.S_IMODE((tmp_path / "one.backup").stat().st_mode) == 0o600
    busy.kill()

    busy.environment["DATABASE_URL"] = elsewhere
    restored = busy.run("restore", str(tmp_path / "one.backup"))
    assert restored.returncode == 0, restored.stderr
    assert "kept" not in restored.stdout
    busy.start()
    assert busy.run("sync").returncode == 0
    audit = busy.run("audit")
    assert audit.returncode == 0, audit.stdout
    after = busy.requests(keys[0])
    assert after
    # The numbers of new rows go on after the old ones.
    assert ask(busy, keys[0], message()).status == 200
    assert busy.requests(keys[0])[0]["request_id"] not in {row["request_id"] for row in after}
    assert busy.run("audit").returncode == 0


def test_a_live_database_is_not_restored_on_to_and_a_stopped_one_is_kept(busy: Product, tmp_path: Path) -> None:
    key = new_customer(busy)
    ask(busy, key, message())
    file = str(tmp_path / "one.backup")
    assert busy.run("backup", file).returncode == 0
    refused = busy.run("restore", file)
    assert (refused.returncode, "Stop it first" in refused.stderr) == (2, True)
    ask(busy, key, message())
    again = busy.run("backup", file)
    assert (again.returncode, "there already" in again.stderr) == (2, True)

    busy.kill(signal.SIGTERM)
    refuse_what_breaks_off(busy, file, tmp_path / "bad.backup")
    restored = busy.run("restore", file)
    assert restored.returncode == 0, restored.stderr
    assert "The former database is kept" in restored.stdout
    busy.start()
    assert len(busy.requests(key)) == 1


def refuse_what_breaks_off(stopped: Product, good: str, bad: Path) -> None:
    """A disk that fills up half-way, or a value that PostgreSQL does not take: the database stays as it was."""
    shutil.copy(good, bad)
    limits = "exec"
    if stopped.environment["DATABASE_URL"].startswith("sqlite"):
        limits = f"ulimit -f {bad.stat().st_size // 2048}; exec"
    else:
        with closing(sqlite3.connect(bad)) as there, there:
            there.execute("DROP TABLE backup_checksum")
            there.execute("UPDATE balances SET held_pico = 'many'")
    command = ["bash", "-c", f"{limits} {BIN / 'account-app'} restore {bad}"]
    done = subprocess.run(command, env=stopped.environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Nothing was changed." in done.stderr) == (2, True), done.stderr
    assert not list(bad.parent.glob("**/*.partial"))
    assert stopped.run("audit").returncode == 0


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" + b"\1" * 5000])
def test_what_is_no_backup_changes_nothing(tmp_path: Path, sqlite_url: str, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="no whole backup"):
        backups.restore(Settings(DATABASE_URL=sqlite_url), tmp_path / "bad")
    with pytest.raises(Misconfigured, match="There is no file"):
        backups.restore(Settings(DATABASE_URL=sqlite_url), tmp_path / "nowhere")
    (tmp_path / "bad-wal").write_bytes(b"a part of it")
    with pytest.raises(Misconfigured, match="a database at work"):
        backups.restore(Settings(DATABASE_URL=sqlite_url), tmp_path / "bad")
    assert path.read_bytes() == before


def test_a_backup_that_has_changed_is_refused_and_one_without_a_checksum_is_told_of(
    tmp_path: Path, database_url: str
) -> None:
    settings, file = Settings(DATABASE_URL=database_url), tmp_path / "one.backup"
    keep_event(database_url, "invoice.paid")
    backups.backup(settings, file)
    written = file.read_bytes()
    assert written.count(b"invoice.paid") == 1
    file.write_bytes(written.replace(b"invoice.paid", b"invoice.void"))
    with pytest.raises(Misconfigured, match=r"its checksum does not fit\. Nothing was changed"):
        backups.restore(settings, file)
    file.write_bytes(written)
    assert backups.restore(settings, file).is_vouched_for
    assert migrations.drift(settings) == []

    with closing(sqlite3.connect(file)) as older, older:
        older.execute("DROP TABLE backup_checksum")
    assert not backups.restore(settings, file).is_vouched_for


def test_a_nul_that_postgresql_does_not_take_is_said_by_its_place(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    keep_event(sqlite_url, "invoice\0paid")
    backups.backup(Settings(DATABASE_URL=sqlite_url), tmp_path / "one.backup")
    place = r"Nothing was changed.*table stripe_events, row id='evt_1', column type: .* no NUL"
    with pytest.raises(Misconfigured, match=place):
        backups.restore(Settings(DATABASE_URL=postgres_url), tmp_path / "one.backup")
    assert migrations.drift(Settings(DATABASE_URL=postgres_url)) == []


def keep_event(url: str, kind: str) -> None:
    said = Said("evt_1", kind, "in_1", "cus_1", livemode=False, api_version="", created=clock.now())
    database = Database(Settings(DATABASE_URL=url).database_url)
    database.write_now(partial(billing.store, said=said, livemode=False))
    database.close()
