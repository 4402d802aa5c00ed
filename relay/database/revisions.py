"""Which revision the code was written for, and which one the database is at.

Every command asks, and Alembic takes as long to import as a small command takes in all: it is left to `migrations`.
"""

import re

from sqlalchemy import create_engine, inspect, text

from relay.errors import Misconfigured
from relay.settings import ROOT, Settings

VERSIONS = ROOT / "alembic" / "versions"
_NAMED = re.compile(r"""^(revision|down_revision) = ["'](\w+)["']$""", re.MULTILINE)


def head_revision() -> str:
    """The newest revision that this code brings."""
    (head,) = known_revisions() - _named("down_revision")
    return head


def known_revisions() -> frozenset[str]:
    """Every revision that this code can bring up from."""
    return _named("revision")


def current_revision(settings: Settings) -> str | None:
    """Where the database is; None when it is empty."""
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    finally:
        engine.dispose()


def refuse_unless_migrated(settings: Settings) -> None:
    """Misconfigured when the database is behind or ahead of the revision that this code was written for."""
    found, expected = current_revision(settings), head_revision()
    if found == expected or (found is not None and found == settings.ACCEPT_REVISION):
        return
    where = f"The database is at revision {found or 'none'}, and this version needs {expected}. "
    if found is None or found in known_revisions():
        raise Misconfigured(where + "Run `account-app migrate` first.")
    raise Misconfigured(
        where + "It is ahead: a newer version migrated it. Run that version; or, to roll back over revisions that only "
        f"expand (docs/operating.md), set ACCEPT_REVISION={found}."
    )


def _named(which: str) -> frozenset[str]:
    texts = [path.read_text() for path in VERSIONS.glob("*.py")]
    return frozenset(name for words in texts for what, name in _NAMED.findall(words) if what == which)
