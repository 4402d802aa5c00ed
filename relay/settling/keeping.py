"""What the database cannot take, on this machine's own disk: a process has one file of settlements, to which it adds,
and one of what is known of its open calls, which it replaces. A line is one of either.

A file is locked for as long as its process lives, so that whoever can lock it knows that its process is dead.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, EIO, ENOSPC
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.engine import make_url

from relay.errors import Misconfigured
from relay.ledger import Settle
from relay.settings import Settings

KEPT, OPEN, SET_ASIDE = ".jsonl", ".open", ".set-aside"
NEXT = ".next"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """All that its settlement needs, should its process die; `journal` is what was learnt of it by now."""

    request_id: str
    account_id: str
    model: str
    max_tokens: int
    price_version: str
    journal: str


Line = Settle | OpenCall
_adapters: dict[str, TypeAdapter[Any]] = {KEPT: TypeAdapter(Settle), OPEN: TypeAdapter(OpenCall)}


class Drawer:
    """One process's file of settlements, for one database. Safe to use from several threads."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._folder = settings.unbooked_folder
        self._books = _name_of(settings.database_url)
        self._path = self._folder / f"{self._books}.{process}{KEPT}"
        self._lock = threading.Lock()
        self._file: int | None = None

    def keep(self, settles: Sequence[Settle]) -> None:
        """Returns once they are on the disk; OSError when they are not."""
        lines = _lines(settles)
        with self._lock:
            if self._file is None:
                self._file = _open(self._path)
            whole = os.fstat(self._file).st_size
            try:
                _write(self._file, lines)
            except OSError:
                # The rest of a line would hide the one that comes after it.
                os.ftruncate(self._file, whole)
                raise

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
        """The files of processes that are not this one, dead or not: all settlements come before what was open."""
        found = (sorted(self._folder.glob(f"{self._books}.*{kind}")) for kind in (KEPT, OPEN))
        return [path for kind in found for path in kind if path.stem != self._path.stem]


class Slate:
    """One process's file of what it knows of its open calls. For one thread at a time."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._path = settings.unbooked_folder / f"{_name_of(settings.database_url)}.{process}{OPEN}"
        self._next = self._path.with_suffix(OPEN + NEXT)
        self._file: int | None = None

    def write(self, calls: Sequence[OpenCall]) -> None:
        """Instead of all that stood there. Returns once it is on the disk; OSError, and nothing has changed, if not."""
        file = _open(self._next)
        try:
            os.ftruncate(file, 0)
            _write(file, _lines(calls))
            self._next.replace(self._path)
        except OSError:
            self._next.unlink(missing_ok=True)
            os.close(file)
            raise
        self.close()
        self._file = file

    def wipe(self) -> None:
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Lets the next process have what is in it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def of_the_dead(path: Path) -> Generator[tuple[list[Any], bool] | None]:
    """What a file's lines are, settlements or open calls, and whether all of it could be read; nobody else reads it
    meanwhile.

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


def _read(path: Path) -> tuple[list[Any], bool]:
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        # Its process died while it wrote, so nobody was told that this was kept.
        log.warning("kept_settlement_torn", file=path.name)
    found: list[Any] = []
    lines = whole.split(b"\n") if whole else []
    for line in lines:
        try:
            found.append(_adapters[path.suffix].validate_json(line))
        except ValidationError:
            log.error("kept_settlement_unreadable", file=path.name, line=line[:200])
    return found, len(found) == len(lines)


def try_out(folder: Path) -> None:
    """Writes there, flushes it, reads it back. OSError when any of it fails: permissions alone say nothing to root."""
    path = folder / f"tried.{os.getpid()}"
    tried = _open(path)
    try:
        _write(tried, b"tried\n")
        if os.pread(tried, 16, 0) != b"tried\n":
            raise OSError(EIO, "What was written there cannot be read back")
    finally:
        path.unlink(missing_ok=True)
        os.close(tried)


def refuse_unless_usable(settings: Settings) -> None:
    """Misconfigured when settlements could not wait there. A disk that is only full is no wrong setting."""
    try:
        try_out(settings.unbooked_folder)
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT):
            found = f"{settings.unbooked_folder} cannot be used ({error.strerror})"
            raise Misconfigured(f"UNBOOKED_DIR: {found}; set a folder on a disk that outlives the server.") from error


def throw_away(path: Path) -> None:
    path.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """For somebody to look at: it holds what could not be read, or what the ledger refused."""
    path.rename(path.with_suffix(SET_ASIDE))
    log.error("kept_settlements_set_aside", file=path.name)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_still(file, path):
            _sync_folder(path.parent)
            return file
        # Somebody took it for a dead process's before it was locked, and threw it away.
        os.close(file)


def _lines(these: Sequence[Line]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in these)


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
