"""`account-app …`: what the operator types. A file for each subject; what they share is in `shell`."""

from relay.cli import backups, books, corrections, credit, database, keys, serving, site
from relay.cli.shell import fail, main_app
from relay.errors import Misconfigured, ProductError

__all__ = ["backups", "books", "corrections", "credit", "database", "keys", "main", "serving", "site"]


def main() -> None:
    """The console script's entry: errors become one line and an exit code."""
    try:
        main_app()
    except Misconfigured as error:
        fail(str(error), 2)
    except ProductError as error:
        fail(error.message, 2 if error.status < 500 else 1)
