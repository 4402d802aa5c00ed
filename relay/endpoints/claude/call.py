"""One call, from its hold to its usage row, however it ends.

Settling is handed to the writer's thread before anything else can be interrupted; should even that be lost with the
process, the sweeper settles from the journal.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import nullcontext

import structlog
from starlette.types import Receive, Send

from relay import clock, ledger
from relay.accounts import Identity
from relay.admission import Admission
from relay.endpoints.claude import wire
from relay.endpoints.claude.passing import forwarded_headers, our_fault
from relay.endpoints.claude.silence import Silence
from relay.errors import ProductError, UpstreamFailed
from relay.gateways.claude import Answer
from relay.ledger import Ended, Settled
from relay.limits import Place
from relay.metering import Learnt, Meter, read_plain
from relay.money import usd
from relay.pricing import Tokens
from relay.services import Services
from relay.settling import settle_until_done, settlement

JOURNAL_SECONDS = 1.0
DRAIN_SECONDS = 0.5
DRAIN_PLAIN_SECONDS = 2.0
"""How long upstream may still tell its final usage after the client has left: contract.md asks for 0.3 s at least."""
DRAIN_BYTES_MAX = 1 << 20
ERROR_BYTES_MAX = 1 << 20

log = structlog.get_logger(__name__)


class Call:
    """Relays one admitted and held request."""

    def __init__(
        self, services: Services, admission: Admission, identity: Identity, headers: Mapping[str, str],
        request_id: str, place: Place, began: float,
    ) -> None:  # fmt: skip
        self._services = services
        self._admission = admission
        self._identity = identity
        self._headers = headers
        self._request_id = request_id
        self._place = place
        self._began = began
        self._meter = Meter()
        self._prices = services.prices
        self._answer: Answer | None = None
        self._gone = False
        self._status = 0
        self._settled: Settled | None = None
        self._closed = False
        self._task: asyncio.Task[object] | None = None

    @property
    def _learnt(self) -> Learnt:
        return self._meter.learnt

    async def run(self, receive: Receive, send: Send) -> None:
        """Returns when the client has its answer and the usage row is durable."""
        self._task = asyncio.current_task()
        watcher = asyncio.create_task(self._watch(receive))
        session = self._identity.session_id
        listening = self._services.hub.while_signed_in(session, self._leave) if session else nullcontext()
        try:
            with listening:
                await self._relay(send)
        except asyncio.CancelledError:
            # The server is stopping, or the client has stopped reading: book what is known, without waiting.
            self._close_books("client_gone" if self._gone else "process_died")
            if not self._gone:
                raise
        except Exception:
            log.exception("defect")
            self._close_books("upstream_error")
            raise
        finally:
            watcher.cancel()
            if self._answer is not None:
                self._answer.close()
            await self._place.__aexit__(None, None, None)

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
        silence = Silence(self._meter, first, settings.UPSTREAM_SILENCE_SECONDS, self._on_stuck)
        try:
            answer = await self._ask()
            silence.watch(answer)
            headed = await answer.head() or await self._head_in_time(answer)
        except UpstreamFailed as error:
            silence.stop()
            self._status = error.status
            await self._settle("client_gone" if self._gone else "upstream_error")
            await wire.answer_error(send, error, self._request_id)
            return
        try:
            if not headed:
                await self._settle("client_gone")
            elif answer.status != 200:
                await self._pass_refusal(answer, send)
            elif answer.headers.get(b"content-type", b"").startswith(b"text/event-stream"):
                await self._stream(answer, send, silence)
            else:
                await self._plain(answer, send)
        finally:
            silence.stop()

    async def _ask(self) -> Answer:
        headers = forwarded_headers(self._headers)
        self._answer = await self._services.claude.send("POST", "/v1/messages", headers, self._admission.body)
        if self._gone:
            self._answer.interrupt()
        return self._answer

    async def _head_in_time(self, answer: Answer) -> bool:
        """The client left before upstream answered: one more moment, in which what is billed may still be told."""
        answer.go_on()
        try:
            async with asyncio.timeout(DRAIN_SECONDS if self._admission.stream else DRAIN_PLAIN_SECONDS):
                return await answer.head()
        except TimeoutError:
            return False

    async def _stream(self, answer: Answer, send: Send, silence: Silence) -> None:
        self._status = 200
        await wire.start(send, 200, wire.answer_headers(self._request_id, answer.headers))
        try:
            await self._pass_on(answer, send, silence)
            whole = answer.complete
        except UpstreamFailed:
            whole = False
        if self._gone and not self._learnt.stopped:
            await self._drain(answer)
        self._meter.finish()
        settled = await self._settle(self._how_it_ended())
        if whole and not self._gone:
            receipt = self._receipt(settled) if self._headers.get("x-receipt") == "1" else b""
            await wire.write(send, receipt, more=False)
        # Cut by upstream: the answer is left unfinished, so the client sees what we saw.

    async def _pass_on(self, answer: Answer, send: Send, silence: Silence) -> None:
        meter, loop = self._meter, asyncio.get_running_loop()
        journal_at = loop.time() + JOURNAL_SECONDS
        while data := await answer.read():
            must_journal = meter.feed(data)
            if self._learnt.first_token_ms is None and meter.real_events > 1:
                self._learnt.first_token_ms = round((time.perf_counter() - self._began) * 1000)
            if must_journal or loop.time() >= journal_at:
                self._journal()
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
                    self._meter.feed(data)
        except (TimeoutError, UpstreamFailed):
            return

    async def _plain(self, answer: Answer, send: Send) -> None:
        """A whole answer: booked first, then sent, so that its receipt is there when it arrives."""
        body, whole = await self._read_whole(answer)
        self._status = 200
        self._meter.learnt = read_plain(body)
        if not whole and self._gone and body:
            self._learnt.started, self._learnt.text_bytes = True, len(body)
        self._learnt.first_token_ms = round((time.perf_counter() - self._began) * 1000)
        await self._settle("client_gone" if self._gone else ("complete" if whole else "upstream_error"))
        if not whole:
            await wire.answer_error(send, UpstreamFailed(), self._request_id)
            return
        head = wire.answer_headers(self._request_id, answer.headers)
        await wire.start(send, 200, [*head, (b"content-length", str(len(body)).encode())])
        await wire.write(send, body, more=False)

    async def _read_whole(self, answer: Answer) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(None) as patience:
                while True:
                    while size <= wire.BODY_BYTES_MAX and (data := await answer.read()):
                        parts.append(data)
                        size += len(data)
                    if answer.complete or not self._gone or patience.when() is not None:
                        break
                    answer.go_on()
                    patience.reschedule(asyncio.get_running_loop().time() + DRAIN_PLAIN_SECONDS)
        except (TimeoutError, UpstreamFailed):
            return b"".join(parts), False
        return b"".join(parts), answer.complete

    async def _pass_refusal(self, answer: Answer, send: Send) -> None:
        """Upstream refused: nothing is billed, and its words and `retry-after` go on, unless the fault is ours."""
        body, whole = await self._read_whole(answer)
        self._status = answer.status
        await self._settle("upstream_error")
        refused = our_fault(answer) or (None if whole and len(body) <= ERROR_BYTES_MAX else UpstreamFailed())
        if refused is not None:
            log.error("upstream_refused_us", status=answer.status)
            await wire.answer_error(send, refused, self._request_id)
            return
        head = wire.answer_headers(self._request_id, answer.headers)
        await wire.start(send, answer.status, [*head, (b"content-length", str(len(body)).encode())])
        await wire.write(send, body, more=False)

    def _on_stuck(self) -> None:
        """The client takes nothing any more, so nothing ends this call but us."""
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def _how_it_ended(self) -> Ended:
        if self._learnt.error:
            return "upstream_error"
        if self._learnt.stopped:
            return "complete"
        return "client_gone" if self._gone else "upstream_error"

    def _journal(self) -> None:
        self._meter.count_text()
        until = clock.now() + clock.seconds(self._services.settings.HOLD_TTL_SECONDS)
        command = ledger.Journal(self._request_id, self._learnt.journal(), until)
        self._services.database.post(ledger.post, command)

    def _settlement(self, ended: Ended) -> ledger.Settle:
        learnt = self._learnt
        if self._answer is not None:
            learnt.upstream_request_id = self._answer.headers.get(b"request-id", b"").decode("latin-1")[:200]
        if ended == "upstream_error" and not learnt.deltas and not learnt.told:
            learnt.started = False
        return settlement(
            learnt,
            self._prices,
            request_id=self._request_id,
            account_id=self._identity.account_id,
            model=self._admission.model,
            max_tokens=self._admission.max_tokens,
            ended=ended,
            status=self._status,
        )

    async def _settle(self, ended: Ended) -> Settled | None:
        """The usage row. When the database cannot take it now, it is tried again behind the answer's back."""
        self._closed = True
        command = self._settlement(ended)
        try:
            settled: Settled = await asyncio.shield(self._services.database.batch(ledger.post, command))
        except ProductError:
            log.error("settle_failed", ended=ended)
            settle_until_done(self._services, command)
            return None
        self._report(command)
        return settled

    def _close_books(self, ended: Ended) -> None:
        """Books without waiting. A settlement that is already on its way is not repeated."""
        if not self._closed:
            self._closed = True
            self._meter.finish()
            command = self._settlement(ended)
            self._services.database.post(ledger.post, command)
            self._report(command)

    def _report(self, command: ledger.Settle) -> None:
        self._services.hub.changed(self._identity.account_id)
        log.info(
            "relayed",
            account=self._identity.account_id,
            model=self._admission.model,
            ended=command.ended,
            status=command.status,
            output_tokens=command.tokens.output,
            price_pico=command.price_pico,
            ms=round((time.perf_counter() - self._began) * 1000),
        )

    def _receipt(self, settled: Settled | None) -> bytes:
        """One more event for who asked for it: what the answer cost, and what is left."""
        command = self._settlement(self._how_it_ended())
        return wire.receipt_event(
            self._request_id,
            price_usd=usd(command.price_pico),
            available_usd=usd(settled.available_pico) if settled else None,
            usage=_usage(command.tokens, self._request_id),
        )


def _usage(tokens: Tokens, request_id: str) -> dict[str, object]:
    return {
        "request_id": request_id,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
    }
