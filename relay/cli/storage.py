"""`account-app storage`: the files that rows tell of, and what the store has."""

import asyncio
import sys
from typing import Annotated, Any

import typer

from relay import pricing, storage
from relay.cli import shell
from relay.gateways.objects import open_objects
from relay.settings import settings
from relay.storage import Compared, Storehouse


@shell.main_app.command("storage")
def compare(
    mend: Annotated[bool, typer.Option("--mend", help="Take strays away, and end files that are lost.")] = False,
    as_json: shell.Json = False,
) -> None:
    """Names files whose content is lost, and content that belongs to no file."""
    found = asyncio.run(_compare(mend))
    if as_json:
        shell.print_json(_as_json(found))
    else:
        _print(found)
    sys.exit(1 if (found.lost or found.strays) and not mend else 0)


async def _compare(mend: bool) -> Compared:
    database = shell.open_database()
    try:
        prices = await database.read(pricing.current)
        house = Storehouse(database, open_objects(settings()), settings(), prices)
        found = await storage.compare(house)
        if mend:
            await storage.mend(house, found)
        return found
    finally:
        database.close()


def _as_json(found: Compared) -> dict[str, Any]:
    return {
        "ok": not (found.lost or found.strays),
        "files": found.files,
        "lost": [{"id": each.id, "account": each.account_id, "bytes": each.bytes} for each in found.lost],
        "strays": [{"id": each.id, "bytes": each.bytes} for each in found.strays],
    }


def _print(found: Compared) -> None:
    if not (found.lost or found.strays):
        shell.out.print(f"The store has all {found.files} files, and nothing else.")
        return
    drawn = shell.table("what", "id", "account", "bytes", title="Differences")
    for row in found.lost:
        drawn.add_row(*shell.cells("lost", row.id, row.account_id, f"{row.bytes:,}"))
    for stray in found.strays:
        drawn.add_row(*shell.cells("stray", stray.id, "", f"{stray.bytes:,}"))
    shell.out.print(drawn)
