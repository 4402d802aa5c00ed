"""A backup's checksum, kept in the backup itself: SHA-256 of every byte of the file but the digest's own 64.

SQLite's own check finds a broken structure, and no byte that has changed inside a value.
"""

import hashlib
import mmap
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from relay.errors import Misconfigured


def write(file: Path) -> None:
    """Seals a finished SQLite file. Whatever writes to it afterwards breaks the seal."""
    # Random digits stand in until the digest is known: they occur once in the file, whatever else is in it.
    stand_in = secrets.token_hex(32)
    with closing(sqlite3.connect(file)) as copy, copy:
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("DROP TABLE IF EXISTS backup_checksum")
        copy.execute("CREATE TABLE backup_checksum (sha256 TEXT NOT NULL)")
        copy.execute("INSERT INTO backup_checksum VALUES (?)", [stand_in])
    place, digest = _place_and_digest(file, stand_in)
    with file.open("r+b") as content:
        content.seek(place)
        content.write(digest.encode())


def check(file: Path, copy: sqlite3.Connection) -> bool:
    """True when `file`, opened as `copy`, is as it was written; False when it carries no checksum.

    Misconfigured when it has changed since.
    """
    if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'backup_checksum'").fetchone():
        return False
    found = copy.execute("SELECT sha256 FROM backup_checksum").fetchall()
    written = str(found[0][0]) if len(found) == 1 else ""
    if len(written) != 64 or _place_and_digest(file, written)[1] != written:
        raise Misconfigured(
            f"{file} is not as it was written: its checksum does not fit. Nothing was changed. "
            "Fetch it again from where it is kept, or restore an earlier backup."
        )
    return True


def drop(copy: sqlite3.Connection) -> None:
    """A database that goes on living has no checksum."""
    copy.execute("DROP TABLE IF EXISTS backup_checksum")


def _place_and_digest(file: Path, shown: str) -> tuple[int, str]:
    """Where `shown` stands in the file, and the digest of everything around it."""
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as whole,
    ):
        place = content.find(shown.encode())
        digest = hashlib.sha256(whole[: max(place, 0)])
        digest.update(whole[place + len(shown) :])
        return place, digest.hexdigest()
