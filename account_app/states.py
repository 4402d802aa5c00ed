"""Where State lives when there are several workers: Redis, whose locks outlive no visit."""

import asyncio
from contextlib import suppress

from reflex.istate.manager import StateManager
from reflex.istate.manager.redis import StateManagerRedis


class RedisStates(StateManagerRedis):
    """Reflex cancels the events of a page that is left. One that was cancelled while it asked Redis for the State's
    lock had the lock and did not know it: the next page of that tab then waited ten seconds for it to expire.
    """

    async def _wait_lock(self, lock_key: bytes, lock_id: bytes) -> None:
        waiting = asyncio.ensure_future(super()._wait_lock(lock_key, lock_id))
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not waiting.cancelled():
                keep(asyncio.ensure_future(self._give_back(waiting, lock_key, lock_id)))
            raise

    async def _give_back(self, waiting: "asyncio.Future[None]", lock_key: bytes, lock_id: bytes) -> None:
        """Releases what nobody waits for any more, as soon as it has come."""
        with suppress(Exception):
            await waiting
            if await self.redis.get(lock_key) == lock_id:
                await self.redis.delete(lock_key)
            self._notify_next_waiter(lock_key)


_kept: set["asyncio.Future[None]"] = set()


def keep(task: "asyncio.Future[None]") -> None:
    """The loop itself holds its tasks only weakly."""
    _kept.add(task)
    task.add_done_callback(_kept.discard)


def careful(made: StateManager) -> StateManager:
    """The same manager, its locks safe from cancellation. Managers in memory have no such locks."""
    if isinstance(made, StateManagerRedis):
        return RedisStates(
            redis=made.redis,
            token_expiration=made.token_expiration,
            lock_expiration=made.lock_expiration,
            lock_warning_threshold=made.lock_warning_threshold,
        )
    return made
