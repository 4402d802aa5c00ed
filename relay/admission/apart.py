"""Large requests are read by a process of their own, as reading one stops everything else in the process that does it.

orjson holds the interpreter for as long as it reads: a tenth of a second for 32 MB at best, a second and a half for
what somebody has made to take long. The process starts with the first large request.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from weakref import WeakValueDictionary

import orjson
import structlog

from relay.admission import Admission, Body, admit, check_betas
from relay.admission.reader import ADMIT, COUNT, LENGTH_BYTES, REFUSED
from relay.errors import BadInput, Unavailable
from relay.settings import ROOT

SMALL_BYTES = 32 << 10
"""Up to here a request is read where it is: a few milliseconds at the very worst, less than the way would take."""
PIECE_BYTES = 256 << 10
READ_SECONDS = 30
log = structlog.get_logger(__name__)


class Reading:
    """Small requests are read here, large ones apart: one at a time, and accounts take turns."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    async def admit(self, account_id: str, body: Body, headers: Mapping[str, str]) -> Admission:
        """As `admission.admit`. Unavailable when the process that reads has ended over it."""
        if len(body) <= SMALL_BYTES:
            return admit(body, headers)
        check_betas(headers)
        found = await self._ask(account_id, ADMIT, body)
        return Admission(**orjson.loads(found), body=body)

    async def count_tokens_body(self, account_id: str, admission: Admission) -> bytes:
        """As `Admission.count_tokens_body`."""
        if len(admission.body) <= SMALL_BYTES:
            return admission.count_tokens_body()
        return await self._ask(account_id, COUNT, admission.body)

    async def aclose(self) -> None:
        """The process ends with its input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def _ask(self, account_id: str, verb: bytes, body: Body) -> bytes:
        turn_of_account = self._turns.setdefault(account_id, asyncio.Lock())
        async with turn_of_account, self._turn:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    verdict, answer = await self._exchange(verb, body)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                log.error("reader_failed", error=type(error).__name__, size=len(body))
                self._end()
                raise Unavailable("This request could not be read. Nothing was charged; send it again.") from None
            except BaseException:
                # What it answers to this would be taken for the next one's.
                self._end()
                raise
        if verdict == REFUSED:
            raise BadInput(answer.decode())
        return answer

    async def _exchange(self, verb: bytes, body: Body) -> tuple[bytes, bytes]:
        process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(verb + len(body).to_bytes(LENGTH_BYTES, "big"))
        view = memoryview(body)
        for start in range(0, len(body), PIECE_BYTES):
            process.stdin.write(view[start : start + PIECE_BYTES])
            await process.stdin.drain()
        verdict = await process.stdout.readexactly(1)
        length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
        return verdict, await process.stdout.readexactly(length)

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-m", "relay.admission.reader")
            self._process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        return self._process

    def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process = None
