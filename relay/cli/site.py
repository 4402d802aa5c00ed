"""`account-app site`: the front end for a host of static files."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from relay.cli import shell
from relay.errors import Misconfigured
from relay.settings import settings


@shell.main_app.command()
def site(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New, empty, or an earlier site's.")],
    preview: Annotated[
        bool, typer.Option("--preview", help="Behind a password, out of search engines, without analytics.")
    ] = False,
) -> None:
    """Writes the static front end for Cloudflare Pages, with _headers and _redirects."""
    try:
        # Named, not imported: the relay runs without any front end.
        front_end = import_module("account_app.static_site")
    except ModuleNotFoundError:
        raise Misconfigured("This installation has no front end.") from None
    front_end.write(directory, settings(), preview=preview)
    shell.say(f"The site is in {directory}. To put it up: cd {directory} && npx wrangler pages deploy .")
