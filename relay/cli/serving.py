"""`account-app serve`."""

from typing import Annotated

import typer

from relay.cli import shell


@shell.main_app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 3000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; more than one needs PostgreSQL and Redis.")
    ] = 1,
) -> None:
    """Serves the product: API, event socket, and the built front end if it is there."""
    from relay.serving import serve as run

    run(host, port, workers)
