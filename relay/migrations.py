"""Alembic, driven from here: bring the database up, tell where it is, find drift between tables and revisions."""

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from alembic import command
from relay import tables
from relay.errors import Misconfigured
from relay.settings import ROOT, Settings


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Runs the missing revisions. Harmless when there are none; Misconfigured when the database is ahead."""
    if settings.database_url.startswith("sqlite"):
        path = settings.database_url.removeprefix("sqlite:///")
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    found = current_revision(settings)
    if found and found not in known_revisions():
        raise Misconfigured(f"The database is ahead: this version does not know its revision {found}.")
    command.upgrade(_config(settings), revision)


def head_revision() -> str | None:
    """The newest revision that this code brings."""
    return ScriptDirectory(str(ROOT / "alembic")).get_current_head()


def known_revisions() -> frozenset[str]:
    """Every revision that this code can bring up from."""
    return frozenset(script.revision for script in ScriptDirectory(str(ROOT / "alembic")).walk_revisions())


def current_revision(settings: Settings) -> str | None:
    """Where the database is; None when it is empty."""
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
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


def drift(settings: Settings) -> list[str]:
    """What the tables say and a migrated database does not."""
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            return [repr(change) for change in compare_metadata(context, SQLModel.metadata)]
    finally:
        engine.dispose()


def _config(settings: Settings) -> Config:
    assert tables  # imported for its tables, which the metadata then knows
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = settings.database_url
    return config
