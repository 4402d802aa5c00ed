"""The commands by their names, and how one of them runs."""

from importlib import import_module

from sqlalchemy.exc import InterfaceError, OperationalError

from relay.cli.shell import fail, main_app
from relay.errors import Misconfigured, ProductError

SUBJECTS = {
    "backup": "backups",
    "restore": "backups",
    "sync": "billing",
    "events": "billing",
    "reconcile": "billing",
    "prices": "books",
    "audit": "books",
    "doctor": "checking",
    "correct": "corrections",
    "costs": "costs",
    "grant": "credit",
    "migrate": "database",
    "env-example": "database",
    "key": "keys",
    "serve": "serving",
    "site": "site",
    "storage": "storage",
    "stripe": "stripe",
}
"""The file of each command."""


def hang_commands(named: list[str]) -> None:
    """Importing a subject hangs its commands on the application. All of them together take twice as long to import as
    the one that was named, which alone is imported when there is such a one.
    """
    found = {SUBJECTS[name] for name in named if name in SUBJECTS}
    for subject in sorted(found or set(SUBJECTS.values())):
        import_module(f"relay.cli.{subject}")


def run() -> None:
    """Errors become one line and an exit code."""
    try:
        main_app()
    except Misconfigured as error:
        fail(str(error), 2)
    except ProductError as error:
        fail(error.message, 2 if error.status < 500 else 1)
    except (InterfaceError, OperationalError) as error:
        fail(f"The database does not answer: {str(error.orig).strip()}\nLook at DATABASE_URL.", 2)
    except OSError as error:
        if not error.filename:
            raise
        fail(f"{error.filename}: {error.strerror}.", 2)
