"""Alembic, driven from here: bring the database up, find drift between tables and revisions."""

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from alembic import command
from relay import tables
from relay.database.revisions import current_revision, known_revisions
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
