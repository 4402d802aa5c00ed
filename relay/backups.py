"""A backup is one SQLite file with every table, whichever database it was taken of; it restores on to either.

It is taken from one snapshot, beside a running server. Restoring is for a stopped one, and keeps what was there.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import Connection, Engine, RowMapping, Table, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from relay import checksums, clock, tables
from relay.database import migrations, revisions
from relay.errors import Misconfigured
from relay.settings import Settings

ROWS_AT_ONCE = 1000
PARTIAL = ".partial"
ASIDE = "before_restore_"
LIVE = "A server or another program uses this database. Stop it first: a restore is for a database that nobody uses."


class Restored(NamedTuple):
    """Where the former database is now, if there was one; and whether the backup's checksum vouched for its bytes."""

    aside: str | None
    is_vouched_for: bool


def backup(settings: Settings, file: Path) -> None:
    """Writes `file`, whole or not at all; it must not be there yet. The database is at this version's revision."""
    if file.exists():
        raise Misconfigured(f"{file} is there already. Name another file; a backup is never written over.")
    if not file.parent.is_dir():
        raise Misconfigured(f"{file.parent} is no folder.")
    partial = file.with_name(file.name + PARTIAL)
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    try:
        if settings.database_url.startswith("sqlite"):
            _copy_sqlite(_path(settings), partial)
        else:
            _copy_postgresql(settings, partial)
        checksums.write(partial)
        _settle_on_disk(partial)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def restore(settings: Settings, file: Path) -> Restored:
    """Puts a backup in the database's place.

    Misconfigured when `file` is no backup, has changed since it was written, is of a version that this code does not
    know, or somebody uses the database.
    """
    revision, is_vouched_for = _looked_through(file)
    if settings.database_url.startswith("sqlite"):
        return Restored(_restore_sqlite(_path(settings), file), is_vouched_for)
    if revision != revisions.head_revision():
        raise Misconfigured(
            f"The backup is at revision {revision}. PostgreSQL takes it with the version that wrote it; migrate after."
        )
    return Restored(_restore_postgresql(settings, file), is_vouched_for)


def _path(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _copy_sqlite(source: Path, target: Path) -> None:
    """In one step: it reads one state while the writer goes on writing."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as ours, closing(sqlite3.connect(target)) as copy:
        ours.backup(copy)


def _copy_postgresql(settings: Settings, target: Path) -> None:
    file_settings = settings.model_copy(update={"DATABASE_URL": f"sqlite:///{target}"})
    migrations.upgrade(file_settings)
    ours, copy = create_engine(settings.database_url), create_engine(file_settings.database_url)
    try:
        with ours.connect().execution_options(isolation_level="REPEATABLE READ") as source, copy.begin() as into:
            source.execute(text("SET TRANSACTION READ ONLY"))
            _copy_rows(source, into)
    finally:
        ours.dispose()
        copy.dispose()


def _copy_rows(source: Connection, target: Connection) -> None:
    """Every row of every table, parents before their children."""
    assert tables
    for table in SQLModel.metadata.sorted_tables:
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)).mappings()
        for some in rows.partitions():
            _insert(target, table, some)


def _insert(target: Connection, table: Table, rows: Sequence[RowMapping]) -> None:
    """Misconfigured when the database refuses one of them, saying where the fault is."""
    try:
        target.execute(insert(table), [dict(row) for row in rows])
    except (DBAPIError, ValueError) as error:
        raise Misconfigured(_refusal(table, rows, error)) from None


def _refusal(table: Table, rows: Sequence[RowMapping], error: Exception) -> str:
    for row in rows:
        for column, value in row.items():
            if isinstance(value, str) and "\0" in value:
                return _about_nul(table, row, column)
    reason = str(getattr(error, "orig", error)).partition("\n")[0]
    return f"table {table.name}, a row from {_named(table, rows[0])} on: {reason}"


def _about_nul(table: Table, row: RowMapping, column: Any) -> str:
    return (
        f"table {table.name}, row {_named(table, row)}, column {column}: PostgreSQL takes no NUL in text. "
        "Restore the backup on to SQLite, correct that value there, and take another backup."
    )


def _named(table: Table, row: RowMapping) -> str:
    return ", ".join(f"{column.name}={row[column.name]!r}" for column in table.primary_key)


def _settle_on_disk(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _looked_through(file: Path) -> tuple[str, bool]:
    """The backup's revision, once it is sure that it is one, whole, and of a version that is known here; and whether
    it carries a checksum, which then fits.
    """
    if not file.is_file():
        raise Misconfigured(f"There is no file {file}.")
    wal = file.with_name(file.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise Misconfigured(
            f"{file} is a database at work, and part of it is in {wal.name}. Take an account-app backup."
        )
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as copy:
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                _is_no_backup(file)
            is_vouched_for = checksums.check(file, copy)
            found = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        _is_no_backup(file)
    if not found or found[0] not in revisions.known_revisions():
        raise Misconfigured(f"{file} is of another version: revision {found and found[0]} is not known here.")
    return found[0], is_vouched_for


def _is_no_backup(file: Path) -> NoReturn:
    raise Misconfigured(f"{file} is no whole backup of this product.")


def _restore_sqlite(path: Path, file: Path) -> str | None:
    """The former file gives way only when the new one is whole on disk: a full disk costs nothing."""
    _refuse_if_open(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        _copy_whole(file, partial)
        # It took a while: somebody may have started meanwhile.
        _refuse_if_open(path)
        aside = path.with_name(f"{path.name}.{_stamp()}") if path.exists() else None
        if aside:
            os.replace(path, aside)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return str(aside) if aside else None


def _copy_whole(file: Path, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    backed_up = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
    try:
        with closing(backed_up) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            checksums.drop(copy)
    except sqlite3.OperationalError as error:
        raise Misconfigured(f"{partial} cannot be written ({error}). Nothing was changed.") from None
    _settle_on_disk(partial)


def _refuse_if_open(path: Path) -> None:
    """Leaving WAL mode needs the file for oneself alone: it fails while anybody else has it open."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0)) as ours:
            ours.execute("PRAGMA locking_mode=EXCLUSIVE")
            if ours.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",):
                raise Misconfigured(LIVE)
    except sqlite3.OperationalError as error:
        raise Misconfigured(LIVE if "locked" in str(error) else f"{path}: {error}.") from None


def _restore_postgresql(settings: Settings, file: Path) -> str | None:
    ours, copy = create_engine(settings.database_url), create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    try:
        aside = _move_aside(ours)
        try:
            migrations.upgrade(settings)
            with copy.connect() as source, ours.begin() as target:
                _copy_rows(source, target)
                _continue_numbering(target)
        except (DBAPIError, ValueError, Misconfigured) as error:
            _put_back(ours, aside)
            reason = error if isinstance(error, Misconfigured) else type(error).__name__
            raise Misconfigured(f"Nothing was changed. PostgreSQL does not take what is in {file}: {reason}") from None
        return f"schema {aside}" if aside else None
    finally:
        ours.dispose()
        copy.dispose()


def _move_aside(engine: Engine) -> str | None:
    """Renames the schema that is there, if anything is in it. Refuses while others are connected."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with engine.begin() as connection:
        if connection.execute(text(others)).scalar():
            raise Misconfigured(LIVE)
        if not connection.execute(text("SELECT to_regclass('public.alembic_version')")).scalar():
            return None
        aside = ASIDE + _stamp()
        connection.execute(text(f"ALTER SCHEMA public RENAME TO {aside}"))
        connection.execute(text("CREATE SCHEMA public"))
    return aside


def _put_back(engine: Engine, aside: str | None) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text(f"ALTER SCHEMA {aside} RENAME TO public" if aside else "CREATE SCHEMA public"))


def _continue_numbering(connection: Connection) -> None:
    """Rows that came with their numbers leave a sequence where it was; the next row must not meet them."""
    for table in SQLModel.metadata.sorted_tables:
        for column in table.primary_key:
            name = connection.execute(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name))).scalar()
            if name:
                last = connection.execute(select(func.max(column))).scalar()
                connection.execute(select(func.setval(name, last or 1, last is not None)))


def _stamp(moment: datetime | None = None) -> str:
    return (moment or clock.now()).strftime("%Y%m%dt%H%M%S%f")
