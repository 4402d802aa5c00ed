"""`account-app prices` and `audit`: the books."""

import sys
from typing import Annotated, Any

import typer

from relay import clock, pricing
from relay.cli import shell
from relay.pricing import PriceTable


@shell.main_app.command()
def prices(
    at: Annotated[str | None, typer.Option(help="The version in force at this date.")] = None,
    as_json: shell.Json = False,
) -> None:
    """The price table."""
    moment = shell.moment(at) if at else None
    database = shell.open_database()
    found = database.read_now(lambda c: pricing.current(c, moment))
    database.close()
    if as_json:
        shell.print_json(_prices_as_json(found))
        return
    columns = "model", "kind", "tier", "cost, pico-dollars", "price, pico-dollars", "checked"
    drawn = shell.table(*columns, title=found.version)
    for row in found.rows:
        drawn.add_row(row.model, row.kind, row.tier, f"{row.cost_pico:,}", f"{row.price_pico:,}", row.checked)
    shell.out.print(drawn)


def _prices_as_json(found: PriceTable) -> dict[str, Any]:
    names = ("model", "kind", "tier", "cost_pico", "price_pico", "source", "checked")
    return {
        "version": found.version,
        "published_at": clock.rfc3339(found.published_at),
        "prices": [{name: getattr(row, name) for name in names} for row in found.rows],
    }


@shell.main_app.command()
def audit(as_json: shell.Json = False) -> None:
    """Recomputes balances, roll-ups and prices from usage rows and grants, and names what differs, up to a thousand."""
    from relay.audit import recompute

    database = shell.open_database()
    found = database.read_now(recompute)
    database.close()
    if as_json:
        rows = [{"what": d.what, "id": d.id, "ours": d.ours, "recomputed": d.recomputed} for d in found]
        shell.print_json({"ok": not found, "differences": rows, "more": found.more})
    elif found:
        drawn = shell.table("what", "id", "ours", "recomputed", title="Differences")
        for d in found:
            drawn.add_row(*shell.cells(d.what, d.id, d.ours, d.recomputed))
        shell.out.print(drawn)
        if found.more:
            shell.out.print(f"And {found.more:,} more. These are the first; others may follow from them.")
    else:
        shell.out.print("Balances, roll-ups and prices are what the entries and usage rows say.")
    sys.exit(1 if found else 0)
