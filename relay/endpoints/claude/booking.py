"""What is booked of one call: its journal while it lasts, one usage row when it has ended, however it ended."""

import time

import structlog

from relay import clock, ledger, logs, metrics
from relay.accounts import Identity
from relay.admission import Admission
from relay.endpoints.claude import wire
from relay.errors import ProductError
from relay.ledger import Ended, Settled
from relay.metering import Learnt, Meter
from relay.money import usd
from relay.pricing import PriceTable, Tokens
from relay.services import Services
from relay.settling import settlement
from relay.settling.keeping import OpenCall

log = structlog.get_logger(__name__)


class Booking:
    """A durable hold, and what becomes of it. `meter` feeds on the answer; `status` is what upstream answered."""

    def __init__(
        self, services: Services, prices: PriceTable, admission: Admission, identity: Identity, request_id: str,
        began: float,
    ) -> None:  # fmt: skip
        self.meter = Meter()
        self.status = 0
        self._services = services
        self._admission = admission
        self._account_id = identity.account_id
        self._request_id = request_id
        self._began = began
        self._prices = prices
        self._closed = False
        services.open_calls.add(request_id, self._known)
        metrics.HOLDS_OPEN.inc()

    @property
    def learnt(self) -> Learnt:
        return self.meter.learnt

    def note_first_token(self) -> None:
        if self.learnt.first_token_ms is None:
            self.learnt.first_token_ms = self._elapsed_ms()

    def journal(self) -> None:
        """Keeps with the hold what is known by now, should this process die. Nobody waits for it."""
        until = clock.now() + clock.seconds(self._services.settings.HOLD_TTL_SECONDS)
        command = ledger.Journal(self._request_id, self._learnt_by_now(), until)
        self._services.database.post(ledger.post, command)

    def _known(self) -> OpenCall:
        asked = self._admission
        return OpenCall(
            self._request_id, self._account_id, asked.model, asked.max_tokens, self._prices.version,
            self._learnt_by_now(),
        )  # fmt: skip

    def _learnt_by_now(self) -> str:
        self.meter.count_text()
        return self.learnt.journal()

    async def settle(self, ended: Ended) -> Settled | None:
        """The usage row. When the database cannot take it now, it is kept until it can, and None is returned."""
        self._closed = True
        services, command = self._services, self._settlement(ended)
        settled: Settled | None = None
        try:
            # Once it is handed over, the writer has it: who is cancelled here stops waiting and undoes nothing.
            settled = await services.database.batch(ledger.post, command, services.unbooked.keep)
        except ProductError:
            log.error("settle_failed", ended=ended)
        finally:
            self._report(command)
        return settled

    def close(self, ended: Ended) -> None:
        """Books without waiting. A settlement that is already on its way is not repeated."""
        if not self._closed:
            self._closed = True
            self.meter.finish()
            command = self._settlement(ended)
            self._services.database.post(ledger.post, command, self._services.unbooked.keep)
            self._report(command)

    def receipt(self, settled: Settled | None, ended: Ended) -> bytes:
        """One more event for who asked for it: what the answer cost, and what is left."""
        command = self._settlement(ended)
        return wire.receipt_event(
            self._request_id,
            price_usd=usd(command.price_pico),
            available_usd=usd(settled.available_pico) if settled else None,
            usage=_usage(command.tokens, self._request_id),
        )

    def _settlement(self, ended: Ended) -> ledger.Settle:
        if self.learnt.failed_free:
            # Upstream does not bill an answer that failed before its first token.
            self.learnt.started = False
        return settlement(
            self.learnt,
            self._prices,
            request_id=self._request_id,
            account_id=self._account_id,
            model=self._admission.model,
            max_tokens=self._admission.max_tokens,
            ended=ended,
            status=self.status,
        )

    def _report(self, command: ledger.Settle) -> None:
        self._services.open_calls.remove(self._request_id)
        self._tell_other_model()
        self._services.hub.changed(self._account_id)
        metrics.HOLDS_OPEN.dec()
        metrics.observe_settled(
            model=self._admission.model,
            ended=command.ended,
            tokens=_by_kind(command.tokens),
            cost_pico=command.cost_pico,
            price_pico=command.price_pico,
            seconds=self._elapsed_ms() / 1000,
            first_token_ms=command.first_token_ms,
        )
        logs.tell(
            "relayed",
            request_id=self._request_id,
            account=self._account_id,
            model=self._admission.model,
            ended=command.ended,
            status=command.status,
            output_tokens=command.tokens.output,
            price_pico=command.price_pico,
            ms=self._elapsed_ms(),
        )

    def _tell_other_model(self) -> None:
        """What was held, and is booked, is the model that was asked for. All that lets upstream choose is refused."""
        answered, asked = self.learnt.answered_by, self._admission.model
        if answered and answered != asked and self._prices.name_of(answered) != asked:
            log.error("answered_by_another_model", request_id=self._request_id, asked=asked, answered=answered)

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self._began) * 1000)


def _by_kind(tokens: Tokens) -> dict[str, int]:
    return {
        "input": tokens.input,
        "output": tokens.output,
        "cache_read": tokens.cache_read,
        "cache_write_5m": tokens.cache_write_5m,
        "cache_write_1h": tokens.cache_write_1h,
    }


def _usage(tokens: Tokens, request_id: str) -> dict[str, object]:
    return {
        "request_id": request_id,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
    }
