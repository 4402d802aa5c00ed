"""The relay with its ledger taken out: what metering and passing on cost by themselves. Serves nobody but the bench."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from starlette.applications import Starlette

from relay import logs
from relay.app import Alone, build
from relay.database import Database
from relay.ledger import Held, Settle, Settled
from relay.services import get_ready_to_answer, open_services
from relay.settings import settings


class NoLedger(Database):
    """Answers holds and settlements without keeping them. Who calls is looked up as ever."""

    async def batch(self, batch: Callable[..., Sequence[Any]], command: Any, otherwise: Any = None) -> Any:
        return Settled(0) if isinstance(command, Settle) else Held(0)

    def post(self, batch: Callable[..., Sequence[Any]], command: Any, otherwise: Any = None) -> None:
        return


class Unbooked(Alone):
    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncGenerator[None]:
        found = settings()
        logs.configure(found.LOG_FORMAT)
        async with open_services(found) as services:
            with closing(NoLedger(found.database_url)) as services.database:
                self._relay = build(services)
                get_ready_to_answer()
                yield


app = Unbooked()
