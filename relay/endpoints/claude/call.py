"""One call, from its hold to its usage row, however it ends.

Settling is handed to the writer's thread before anything else can be interrupted; should even that be lost with the
process, the sweeper settles from the journal.
"""

import asyncio
from collections.abc import Sequence

import structlog
from starlette.types import Receive, Send

from relay import metrics
from relay.accounts import Identity
from relay.admission import Admission
from relay.endpoints.claude import wire
from relay.endpoints.claude.booking import Booking
from relay.endpoints.claude.holding import count_or_none
from relay.endpoints.claude.passing import Header, our_fault, pass_whole
from relay.endpoints.claude.silence import Silence
from relay.errors import UpstreamFailed
from relay.gateways.claude import Answer
from relay.ledger import Ended, Settled
from relay.limits import Place
from relay.metering import Learnt, read_plain
from relay.pricing import PriceTable
from relay.services import Services

WATCH_AFTER_SECONDS = 0.1
"""A client that hangs up sooner is noticed then: a task a request to notice it at once costs more than that saves."""
JOURNAL_SECONDS = 1.0
DRAIN_SECONDS = 0.5
DRAIN_PLAIN_SECONDS = 2.0
"""How long upstream may still tell its final usage after the client has left: contract.md asks for 0.3 s at least."""
HEAD_SECONDS = 10
"""How long upstream may begin its answer after the client has left: hanging up must not make long prompts free."""
DRAIN_BYTES_MAX = 1 << 20
ERROR_BYTES_MAX = 1 << 20

log = structlog.get_logger(__name__)


class Call:
    """Relays one admitted and held request."""

    def __init__(
        self, services: Services, prices: PriceTable, admission: Admission, identity: Identity,
        forwarded: Sequence[Header], wants_receipt: bool, request_id: str, place: Place, began: float,
    ) -> None:  # fmt: skip
        self._services = services
        self._admission = admission
        self._identity = identity
        self._forwarded = forwarded
        self._wants_receipt = wants_receipt
        self._request_id = request_id
        self._place = place
        self._booking = Booking(services, prices, admission, identity, request_id, began)
        self._answer: Answer | None = None
        self._gone = False
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def _learnt(self) -> Learnt:
        return self._booking.learnt

    async def run(self, receive: Receive, send: Send) -> None:
        """Returns when the client has its answer and the usage row is durable."""
        self._task = asyncio.current_task()
        watch = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._start_watching, receive)
        identity = self._identity
        lets_in = (identity.session_id or identity.key_id, identity.account_id)
        metrics.STREAMS_OPEN.inc()
        try:
            with self._services.hub.while_valid(lets_in, self._leave):
                await self._relay(send)
        except asyncio.CancelledError:
            # The server is stopping, or the client has stopped reading: book what is known, without waiting.
            self._take_what_came()
            self._booking.close("client_gone" if self._gone else "process_died")
            if not self._gone:
                raise
        except Exception:
            log.exception("defect")
            self._booking.close("upstream_error")
            raise
        finally:
            metrics.STREAMS_OPEN.dec()
            watch.cancel()
            self._let_go()
            if self._answer is not None:
                self._answer.close()
            await self._place.__aexit__(None, None, None)

    def _take_what_came(self) -> None:
        """Upstream may have told its final usage behind what the client did not take."""
        if self._answer is not None and self._is_stream(self._answer):
            for data in self._answer.arrived():
                self._booking.meter.feed(data)

    def _let_go(self) -> None:
        """A cancelled task keeps its traceback, and that keeps us: named here any longer, all of a call's objects would
        wait for the garbage collector, which then stops every stream for a fifth of a second.
        """
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = self._task = None

    def _start_watching(self, receive: Receive) -> None:
        self._watcher = asyncio.create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._gone = True
        if self._answer is not None:
            self._answer.interrupt()

    async def _relay(self, send: Send) -> None:
        settings = self._services.settings
        first = settings.UPSTREAM_FIRST_SECONDS if self._admission.stream else settings.UPSTREAM_PLAIN_SECONDS
        silence = Silence(self._booking.meter, first, settings.UPSTREAM_SILENCE_SECONDS, self._on_stuck)
        try:
            answer = await self._ask()
            silence.watch(answer)
            headed = await answer.head() or await self._head_in_time(answer)
        except UpstreamFailed as error:
            silence.stop()
            self._booking.status = error.status
            await self._settle("client_gone" if self._gone else "upstream_error")
            await wire.answer_error(send, error, self._request_id)
            return
        try:
            if not headed:
                await self._settle("client_gone")
            elif answer.status != 200:
                await self._pass_refusal(answer, send)
            elif self._is_stream(answer):
                await self._stream(answer, send, silence)
            else:
                await self._plain(answer, send)
        finally:
            silence.stop()

    def _is_stream(self, answer: Answer) -> bool:
        """Events, or what was asked for as events and is not declared as anything else."""
        kind = wire.media_type(answer.headers)
        return kind == wire.EVENTS or (self._admission.stream and kind in (b"", b"text/plain"))

    async def _ask(self) -> Answer:
        body = self._admission.body
        self._answer = await self._services.claude.send("POST", "/v1/messages", self._forwarded, body)
        if self._gone:
            self._answer.interrupt()
        return self._answer

    async def _head_in_time(self, answer: Answer) -> bool:
        """The client left before upstream answered. Its prompt is billed there; how much it was comes with the head."""
        answer.go_on()
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                return await answer.head()
        except TimeoutError:
            return False

    async def _stream(self, answer: Answer, send: Send, silence: Silence) -> None:
        self._booking.status = 200
        self._name_upstream(answer)
        await wire.start(send, 200, wire.answer_headers(self._request_id, answer.headers))
        try:
            await self._pass_on(answer, send, silence)
            # A body that the end of the connection ends may have been cut there.
            whole = answer.is_whole and (self._learnt.stopped or not answer.until_close)
        except UpstreamFailed:
            whole = False
        left_early = self._gone and not self._learnt.stopped
        if left_early:
            await self._drain(answer)
        self._booking.meter.finish()
        ended = self._how_it_ended(left_early)
        settled = await self._settle(ended)
        if whole and not self._gone:
            receipt = self._booking.receipt(settled, ended) if self._wants_receipt else b""
            await wire.write(send, receipt, more=False)
        # Cut by upstream: the answer is left unfinished, so the client sees what we saw.

    def _name_upstream(self, answer: Answer) -> None:
        """Before the first journal too, so that a receipt names upstream's request whatever happens to this process."""
        self._learnt.upstream_request_id = answer.headers.get(b"request-id", b"").decode("latin-1")[:200]

    async def _pass_on(self, answer: Answer, send: Send, silence: Silence) -> None:
        meter, loop = self._booking.meter, asyncio.get_running_loop()
        journal_at = loop.time() + JOURNAL_SECONDS
        while not self._gone and (data := await answer.read()):
            must_journal = meter.feed(data)
            if meter.real_events > 1:
                self._booking.note_first_token()
            if (must_journal and not self._learnt.final) or loop.time() >= journal_at:
                self._booking.journal()
                journal_at = loop.time() + JOURNAL_SECONDS
            silence.sending = True
            await send({"type": "http.response.body", "body": data, "more_body": True})
            silence.sending = False

    async def _drain(self, answer: Answer) -> None:
        answer.go_on()
        left = DRAIN_BYTES_MAX
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0 and not self._learnt.final and (data := await answer.read()):
                    left -= len(data)
                    self._booking.meter.feed(data)
        except (TimeoutError, UpstreamFailed):
            return

    async def _plain(self, answer: Answer, send: Send) -> None:
        """A whole answer: booked first, then sent, so that its receipt is there when it arrives."""
        body, failure = await self._read_whole(answer)
        learnt = read_plain(body)
        is_json = wire.media_type(answer.headers) == wire.JSON
        if not learnt.stopped and (answer.until_close or not is_json):
            failure = failure or UpstreamFailed("Claude's answer is none that we understand. Nothing was charged.")
        self._booking.status = failure.status if failure else 200
        if failure is None or self._gone:
            self._booking.meter.learnt = learnt
        else:
            # Upstream may have billed it, but nobody was sent anything of it: we bear that.
            self._learnt.unsure = True
        self._booking.note_first_token()
        await self._settle("client_gone" if self._gone else ("upstream_error" if failure else "complete"))
        if failure is not None:
            await wire.answer_error(send, failure, self._request_id)
            return
        await pass_whole(answer, body, send, self._request_id)

    async def _read_whole(self, answer: Answer) -> tuple[bytes, UpstreamFailed | None]:
        """The body, or what there is of it and why there is no more."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(None) as patience:
                while True:
                    while size <= wire.BODY_BYTES_MAX and (data := await answer.read()):
                        parts.append(data)
                        size += len(data)
                    if answer.is_whole or not self._gone or patience.when() is not None:
                        break
                    answer.go_on()
                    patience.reschedule(asyncio.get_running_loop().time() + DRAIN_PLAIN_SECONDS)
        except UpstreamFailed as error:
            return b"".join(parts), error
        except TimeoutError:
            return b"".join(parts), UpstreamFailed()
        return b"".join(parts), None if answer.is_whole else UpstreamFailed()

    async def _pass_refusal(self, answer: Answer, send: Send) -> None:
        """Upstream refused: nothing is billed, and its words and `retry-after` go on, unless the fault is ours."""
        body, failure = await self._read_whole(answer)
        self._booking.status = answer.status
        await self._settle("upstream_error")
        too_long = UpstreamFailed() if len(body) > ERROR_BYTES_MAX else None
        refused = our_fault(answer) or failure or too_long
        if refused is not None:
            log.error("upstream_refused_us", status=answer.status)
            await wire.answer_error(send, refused, self._request_id)
            return
        await pass_whole(answer, body, send, self._request_id)

    def _on_stuck(self) -> None:
        """The client takes nothing any more, so nothing ends this call but us."""
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def _how_it_ended(self, left_early: bool) -> Ended:
        if self._learnt.error:
            return "upstream_error"
        if left_early:
            return "client_gone"
        return "complete" if self._learnt.stopped else "upstream_error"

    async def _settle(self, ended: Ended) -> Settled | None:
        learnt = self._learnt
        if self._answer is not None:
            self._name_upstream(self._answer)
        if learnt.lacks_input:
            # Upstream's free count stands in for what its usage did not tell.
            counting = count_or_none(self._services, self._admission, self._identity.account_id, self._forwarded)
            learnt.input = await counting or 0
            learnt.unsure = True
        return await self._booking.settle(ended)
