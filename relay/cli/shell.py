"""What every command shares: the application they hang on, how they open the database, print and fail."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy import Connection

from relay import accounts
from relay.database import Database
from relay.database.revisions import refuse_unless_migrated
from relay.money import pico_from_usd
from relay.settings import settings

main_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What the operator types. It exits 0 when fine, 1 on something wrong, 2 when called wrongly.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
UNCUT = 10_000
"""Columns of what is no terminal: `grep` finds an id only where no line breaks it."""
out = Console(width=None if sys.stdout.isatty() else UNCUT)
err = Console(stderr=True)


@main_app.callback()
def group() -> None:
    # Typer takes the name of a command away that stands alone, and one does: the rest are not imported.
    return


def open_database(*, migrated: bool = True) -> Database:
    """The database of the settings; Misconfigured unless it is at this version's revision."""
    found = settings()
    if migrated:
        refuse_unless_migrated(found)
    return Database(found.database_url, checkpoints=False)


def account_id(connection: Connection, email: str) -> str:
    """The account of that address, opened if need be."""
    return accounts.account_for(connection, settings(), accounts.normalise_email(email)).account_id


def moment(text: str) -> datetime:
    """A date or an RFC 3339 time, UTC where no zone is given. What is neither ends the command with 2."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is not a date. Write 2026-12-31 or 2026-12-31T12:00:00Z.", 2)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def pico_of(text: str) -> int:
    """An amount in dollars, as pico-dollars. What is none ends the command with 2."""
    try:
        return pico_from_usd(text)
    except ValueError as error:
        fail(str(error), 2)


def refuse_blank(reason: str) -> None:
    """An empty variable in a script is no reason; its reader is the customer."""
    if not reason.strip():
        fail("--reason says why, and the account's owner reads it.", 2)


def say(text: str) -> None:
    """A line with paths, addresses or commands in it, as it is: to be copied, so never wrapped."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table that breaks what is too long for the terminal, and leaves none of it out."""
    return Table(*(Column(name, overflow="fold") for name in columns), title=title)


def cells(*values: object) -> list[Text]:
    """A row as it is: a bracket in an address or an answer is no colour."""
    return [Text(str(value)) for value in values]


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))  # noqa: T201 (Rich would wrap long lines)


def fail(message: str, code: int) -> NoReturn:
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
