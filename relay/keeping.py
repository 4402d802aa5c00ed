"""Settlements on this machine's own disk, while the database cannot take them: one file a process, a line each.

A file is locked for as long as its process lives, so that whoever can lock it knows that its process is dead.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.engine import make_url

from relay.ledger import Settle
from relay.settings import Settings

KEPT, SET_ASIDE = ".jsonl", ".set-aside"
_settles = TypeAdapter(Settle)
log = structlog.get_logger(__name__)


class Drawer:
    """One process's file, for one database. Safe to use from several threads."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._folder = settings.unbooked_folder
        self._books = _name_of(settings.database_url)
        self._path = self._folder / f"{self._books}.{process}{KEPT}"
        self._lock = threading.Lock()
        self._file: int | None = None

    def keep(self, settles: Sequence[Settle]) -> None:
        """Returns once they are on the disk; OSError when they are not."""
        lines = b"".join(orjson.dumps(settle) + b"\n" for settle in settles)
        with self._lock:
            if self._file is None:
                self._file = self._open()
            whole = os.fstat(self._file).st_size
            try:
                _write(self._file, lines)
            except OSError:
                # The rest of a line would hide the one that comes after it.
                os.ftruncate(self._file, whole)
                raise

    def _open(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(file, self._path):
                _sync_folder(self._folder)
                return file
            # Somebody took it for a dead process's before it was locked, and threw it away.
            os.close(file)

    def empty(self, unless: Callable[[], object]) -> None:
        """Throws the file away: all of it is booked, `unless` that says otherwise when nobody can add to it."""
        with self._lock:
            if self._file is not None and not unless():
                self._path.unlink(missing_ok=True)
                self._close()

    def close(self) -> None:
        """Lets the next process have what is in it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def left_behind(self) -> list[Path]:
        """The files of processes that are not this one, dead or not."""
        return [path for path in sorted(self._folder.glob(f"{self._books}.*{KEPT}")) if path != self._path]


@contextmanager
def of_the_dead(path: Path) -> Generator[tuple[list[Settle], bool] | None]:
    """A file's settlements, and whether all of it could be read; nobody else reads it meanwhile.

    None when its process lives, or another is reading it. OSError when the file cannot be opened.
    """
    file = os.open(path, os.O_RDWR)
    try:
        yield _read(path) if _locked(file) and _is_still(file, path) else None
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> tuple[list[Settle], bool]:
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        # Its process died while it wrote, so nobody was told that this was kept.
        log.warning("kept_settlement_torn", file=path.name)
    found: list[Settle] = []
    lines = whole.split(b"\n") if whole else []
    for line in lines:
        try:
            found.append(_settles.validate_json(line))
        except ValidationError:
            log.error("kept_settlement_unreadable", file=path.name, line=line[:200])
    return found, len(found) == len(lines)


def throw_away(path: Path) -> None:
    path.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """For somebody to look at: it holds what could not be read, or what the ledger refused."""
    path.rename(path.with_suffix(SET_ASIDE))
    log.error("kept_settlements_set_aside", file=path.name)


def _write(file: int, lines: bytes) -> None:
    while lines:
        lines = lines[os.write(file, lines) :]
    os.fsync(file)


def _is_still(file: int, path: Path) -> bool:
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """A file is not there after a power cut before its folder is on the disk too."""
    for made in (folder, folder.parent):
        opened = os.open(made, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)


def _name_of(database_url: str) -> str:
    """Whose books these are: two products may keep their files in one folder. Who signs in there does not matter."""
    url = make_url(database_url)
    return sha256(f"{url.get_backend_name()} {url.host} {url.port} {url.database}".encode()).hexdigest()[:12]
