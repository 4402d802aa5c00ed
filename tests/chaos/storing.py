"""`python -m tests.chaos.storing DATABASE_URL FOLDER SEED KILLS`: a process that keeps, replaces and deletes files is
killed at its statements, its commits, and what it does to its folder. Looks at what each death left, and prints
problems.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from relay import accounts, clock, ledger, pricing, storage
from relay.audit import recompute
from relay.database import Database
from relay.gateways.objects import open_objects
from relay.ids import new_id
from relay.money import PICO_PER_USD
from relay.settings import Settings, read_settings
from relay.storage import Storehouse, rows
from relay.tables import Asset, table
from tests.chaos.points import die_at

PLACES = 130
ON_DISK = ("open", "os.rename", "os.remove", "os.mkdir")
NAMES = ("a.ttf", "b.ttf")
assets = table(Asset)


def main(url: str, folder: str, seed: int, kills: int) -> dict[str, Any]:
    settings = read_settings(DATABASE_URL=url, STORAGE_URL=f"file://{folder}")
    account_id = _at(settings, _open_account)
    chance, problems, died = random.Random(seed), list[str](), 0
    for turn in range(kills):
        place = chance.randrange(1, PLACES)
        if (child := os.fork()) == 0:
            _live(settings, account_id, turn, place)
        died += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        problems += [
            f"place {place}: {each}" for each in _at(settings, partial(_look, account_id=account_id, turn=turn))
        ]
    return {"problems": problems, "died": died}


def _live(settings: Settings, account_id: str, turn: int, place: int) -> None:
    passed = die_at(place)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in ON_DISK and str(settings.assets_folder) in str(given[0]):
            passed[0] += 1
            if passed[0] == place:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    _at(settings, lambda house: asyncio.run(_work(house, account_id, turn)))
    os._exit(0)


async def _work(house: Storehouse, account_id: str, turn: int) -> None:
    clock.move(timedelta(hours=turn))
    bounds = storage.bounds_of(house)
    for name in NAMES:
        await storage.store(house, account_id, name, "", None, _content(f"{name} {turn}".encode()))
    await house.database.write(lambda c: storage.delete(c, account_id, NAMES[turn % 2], bounds))
    await storage.tick(house)
    if turn % 3:
        await house.database.write(lambda c: storage.put_back(c, account_id, NAMES[turn % 2], bounds))


async def _content(words: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(words), 4):
        yield words[at : at + 4]


def _look(house: Storehouse, account_id: str, turn: int) -> list[str]:
    """After a tick at which every wait is over: what is live is whole, and nothing else is in the folder."""
    found = [f"{each.what} {each.id} {each.ours} {each.recomputed}" for each in house.database.read_now(recompute)]
    clock.move(rows.SET_ASIDE + timedelta(hours=turn))
    asyncio.run(storage.purge(house))
    compared = asyncio.run(storage.compare(house))
    found += [f"lost {each.id}" for each in compared.lost] + [f"stray {each.id}" for each in compared.strays]
    folder = house.settings.assets_folder
    assert folder is not None
    found += [f"half {path.name}" for path in folder.glob("**/*.part")]
    for row in house.database.read_now(lambda c: rows.deleted(c, account_id)):
        found += asyncio.run(_differs(house, row))
    for row in house.database.read_now(lambda c: storage.listed(c, account_id, None, 10)).assets:
        found += asyncio.run(_differs(house, row))
    clock.set_back_to_real_time()
    return found


async def _differs(house: Storehouse, row: Any) -> list[str]:
    content = b"".join([piece async for piece in await storage.fetch(house, row, 0, row.bytes)])
    return [] if content.decode().startswith(f"{row.name} ") and len(content) == row.bytes else [f"{row.name} differs"]


def _open_account(house: Storehouse) -> str:
    def work(connection: Any) -> str:
        person = accounts.account_for(connection, house.settings, "ada@example.com")
        given = {"kind": "promo", "amount_pico": PICO_PER_USD, "key": new_id("grant"), "reason": "a test"}
        ledger.grant(connection, person.account_id, **given)
        return person.account_id

    return house.database.write_now(work)


def _at(settings: Settings, work: Any) -> Any:
    """With a database of its own: a process that is forked must not share one."""
    database = Database(settings.database_url)
    try:
        prices = database.read_now(pricing.current)
        return work(Storehouse(database, open_objects(settings), settings, prices))
    finally:
        database.close()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], str(Path(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]))))
