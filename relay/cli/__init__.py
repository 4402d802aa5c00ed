"""`account-app …`: what the operator types. A file for each subject; what they share is in `shell`."""

from importlib import import_module

from sqlalchemy.exc import InterfaceError, OperationalError

from relay.cli.shell import fail, main_app
from relay.errors import Misconfigured, ProductError

SUBJECTS = (
    "backups",
    "billing",
    "books",
    "checking",
    "corrections",
    "costs",
    "credit",
    "database",
    "keys",
    "serving",
    "site",
    "stripe",
)
for subject in SUBJECTS:
    # Importing a subject hangs its commands on the application.
    import_module(f"relay.cli.{subject}")


def main() -> None:
    """The console script's entry: errors become one line and an exit code."""
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
