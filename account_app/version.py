"""Which pages these are: a page and a server of the same version understand each other's events."""

import hashlib
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent


@cache
def pages_version() -> str:
    """12 hex digits over the pages' sources, the same wherever they are built and served from."""
    sha = hashlib.sha256()
    for path in sorted(HERE.rglob("*.py")):
        sha.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]
