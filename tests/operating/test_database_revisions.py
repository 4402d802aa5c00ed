"""A server runs on the revision that it was written for, and says which way the database is off."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from relay.database import Database, migrations, revisions
from relay.database.revisions import refuse_unless_migrated
from relay.errors import Misconfigured
from relay.settings import ROOT, Settings

HEAD = revisions.head_revision()


def test_the_revisions_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory(str(ROOT / "alembic"))
    assert scripts.get_current_head() == HEAD
    assert {script.revision for script in scripts.walk_revisions()} == revisions.known_revisions()


def move_to(settings: Settings, revision: str) -> None:
    database = Database(settings.database_url, checkpoints=False)
    database.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision}))
    database.close()


def test_a_database_that_is_not_there_or_behind_wants_to_be_migrated(tmp_path: Path, sqlite_url: str) -> None:
    with pytest.raises(Misconfigured, match=f"revision none, and this version needs {HEAD}.*account-app migrate"):
        refuse_unless_migrated(Settings(DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}"))
    settings = Settings(DATABASE_URL=sqlite_url)
    move_to(settings, min(revisions.known_revisions() - {HEAD}))
    with pytest.raises(Misconfigured, match="account-app migrate"):
        refuse_unless_migrated(settings)


def test_a_database_that_is_ahead_is_refused_until_its_revision_is_accepted_by_name(database_url: str) -> None:
    settings = Settings(DATABASE_URL=database_url)
    refuse_unless_migrated(settings)
    move_to(settings, "from_the_future")
    with pytest.raises(Misconfigured, match=r"ahead.*ACCEPT_REVISION=from_the_future"):
        refuse_unless_migrated(settings)
    with pytest.raises(Misconfigured, match="ahead"):
        migrations.upgrade(settings)
    with pytest.raises(Misconfigured, match="ahead"):
        refuse_unless_migrated(settings.model_copy(update={"ACCEPT_REVISION": "from_another_future"}))
    refuse_unless_migrated(settings.model_copy(update={"ACCEPT_REVISION": "from_the_future"}))
