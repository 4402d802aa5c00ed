"""`account-app migrate` and `env-example`: what has to agree with this version of the code."""

from typing import Annotated

import typer

from relay import clock, pricing
from relay.cli import shell
from relay.database import migrations
from relay.database.revisions import head_revision
from relay.settings import read_settings, settings
from relay.settings.example import is_current, write_example


@shell.main_app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if tables and revisions differ.")
    ] = False,
) -> None:
    """Brings the database to the current revision and publishes the price list if it changed."""
    found = settings()
    if check:
        _check_drift()
        return
    migrations.upgrade(found)
    database = shell.open_database()
    version = database.write_now(lambda c: pricing.publish(c, found.MARKUP_PERCENT, clock.now()))
    database.close()
    shell.out.print(f"The database is at revision {head_revision()}.")
    if version:
        shell.out.print(f"Published price version {version} with a markup of {found.MARKUP_PERCENT} %.")


def _check_drift() -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        fresh = read_settings(DATABASE_URL=f"sqlite:///{Path(folder) / 'fresh.db'}")
        migrations.upgrade(fresh)
        found = migrations.drift(fresh)
    if found:
        shell.fail("The tables and the revisions differ:\n" + "\n".join(found), 1)
    shell.out.print("The revisions make exactly the tables.")


@shell.main_app.command("env-example")
def env_example(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if it is out of date.")] = False,
) -> None:
    """Writes .env.example from the settings."""
    if check and not is_current():
        shell.fail(".env.example is out of date. Run `account-app env-example`.", 1)
    if not check:
        write_example()
    shell.out.print(".env.example is up to date.")
