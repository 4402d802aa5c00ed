"""`account-app backup` and `restore`: the database, while running and while stopped."""

from pathlib import Path
from typing import Annotated

import typer

from relay import backups
from relay.cli import shell
from relay.database.revisions import refuse_unless_migrated
from relay.settings import settings

File = Annotated[Path, typer.Argument(metavar="FILE")]


@shell.main_app.command()
def backup(file: File) -> None:
    """Writes a backup of the database, beside a running server. One SQLite file, whichever database it is of."""
    found = settings()
    refuse_unless_migrated(found)
    backups.backup(found, file.absolute())
    shell.say(f"{file} holds everything, as of one moment ({file.stat().st_size:,} bytes).")


@shell.main_app.command()
def restore(file: File) -> None:
    """Puts a backup in the place of the database, while nothing runs. What was there is kept aside."""
    restored = backups.restore(settings(), file.absolute())
    if restored.aside:
        shell.say(f"The former database is kept: {restored.aside}")
    if not restored.is_vouched_for:
        shell.say(
            "This backup carries no checksum, as those of older versions: nothing shows whether a byte has changed."
        )
    shell.out.print("Restored. Next: account-app migrate, then account-app audit.")
