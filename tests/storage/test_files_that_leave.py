"""What was deleted leaves its store once nobody can put it back: not before, and not while somebody does."""

import dataclasses
from datetime import timedelta
from typing import Any

import httpx

from relay import clock, storage
from relay.gateways.objects import Objects
from tests.fixtures.front_door import front_door
from tests.storage.test_keeping_files import FONT

SECOND = timedelta(seconds=1)
ADDRESS = "/api/assets/a.woff2"


class PutBackMeanwhile:
    """A store whose deletion takes its time: another server, whose clock is behind, puts the file back meanwhile."""

    def __init__(self, store: Objects, person: httpx.AsyncClient) -> None:
        self._store, self._person = store, person
        self.answers: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def delete(self, id: str) -> None:
        clock.move(-2 * SECOND)
        self.answers.append((await self._person.post(f"{ADDRESS}/restore")).status_code)
        clock.move(2 * SECOND)
        await self._store.delete(id)


async def test_what_is_put_back_while_it_leaves_is_kept_or_refused_never_lost(database_url: str) -> None:
    async with front_door(database_url, SIGN_UP_GRANT_USD="5") as door:
        house, anna = door.services.storehouse, await door.signed_in("anna@example.com")
        await anna.put(ADDRESS, content=FONT)
        await anna.delete(ADDRESS)
        for _ in range(2):
            # A session ends when nobody uses it for as long as this.
            clock.move((storage.UNDO + SECOND) / 2)
            await anna.get("/api/auth/me")
        store = PutBackMeanwhile(house.objects, anna)
        assert await storage.purge(dataclasses.replace(house, objects=store)) == 1
        assert store.answers == [404]
        assert (await anna.get("/api/assets")).json()["assets"] == []
        assert await storage.compare(house) == storage.Compared([], [], 0)
