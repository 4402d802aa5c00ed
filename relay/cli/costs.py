"""`account-app costs`: what a number of people costs to host."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated

import typer
from rich.table import Table

from relay.cli import shell
from relay.hosting import CHECKED, Line, Load, lines


@shell.main_app.command()
def costs(
    users: Annotated[int, typer.Option(min=1, max=10_000_000, help="People in a month.")] = 1000,
    requests: Annotated[int, typer.Option(min=0, help="Requests to the assistant, each person and month.")] = 200,
    mails: Annotated[int, typer.Option(min=0, help="Sign-in codes, each person and month.")] = 4,
    stored_mb: Annotated[int, typer.Option(min=0, help="MB of assets that each person keeps.")] = 5,
    as_json: shell.Json = False,
) -> None:
    """Recomputes the original plan's costs, and this product's, from stated prices and a stated load."""
    load = Load(requests=requests, mails=mails, stored_mb=stored_mb)
    found = list(lines(users, load))
    if as_json:
        rows = [{"way": x.way, "service": x.service, "usage": x.usage, "usd": str(x.usd)} for x in found]
        shell.print_json({"users": users, "load": asdict(load), "checked": CHECKED, "lines": rows})
        return
    for way in dict.fromkeys(line.way for line in found):
        shell.out.print(_drawn(way, [line for line in found if line.way == way]))
    shell.out.print(f"{load}", highlight=False)
    shell.out.print(
        f"Prices read on {CHECKED}; sources in relay/hosting.py. Claude itself is not in it: customers pay it."
    )


def _drawn(way: str, some: list[Line]) -> Table:
    drawn = shell.table("service", "usage", "USD a month", title=way)
    for line in some:
        drawn.add_row(line.service, line.usage, f"{line.usd:.2f}")
    drawn.add_row("together", "", f"{sum((line.usd for line in some), Decimal(0)):.2f}")
    return drawn
