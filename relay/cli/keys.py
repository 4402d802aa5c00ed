"""`account-app key …`."""

from typing import Annotated

import typer

from relay import accounts
from relay.cli import shell

key_app = typer.Typer(no_args_is_help=True, help="API keys for programs.")
shell.main_app.add_typer(key_app, name="key")


@key_app.command("create")
def key_create(email: str, name: Annotated[str, typer.Option(help="What it is for.")] = "") -> None:
    """Prints a new API key, once."""
    database = shell.open_database()
    secret, _ = database.write_now(lambda c: accounts.create_key(c, shell.account_id(c, email), name))
    database.close()
    print(secret)  # noqa: T201 (alone on its line, for programs)
