"""From an admitted request to a durable hold: the cheap bound first, upstream's exact count when it does not fit."""

from collections.abc import Sequence

import orjson

from relay import clock, ledger, metrics
from relay.accounts import Identity
from relay.admission import Admission
from relay.endpoints.claude.passing import Header
from relay.errors import BadInput, InsufficientCredit, Unavailable, UpstreamFailed
from relay.pricing import PriceTable
from relay.services import Services

COUNT_SECONDS = 15
TAKEN_BACK_MAX = 1000
"""How many may wait for the database's return in an outage; what is beyond that, the sweeper takes back."""


async def hold(
    services: Services, admission: Admission, identity: Identity, forwarded: Sequence[Header], request_id: str
) -> PriceTable:
    """Returns once the hold is on disk, with the prices that it was made by.

    InsufficientCredit tells what is available, needed, and affordable.
    """
    prices = services.prices
    counted: int | None = None
    if admission.input_bound_tokens is None:
        counted = await _count(services, admission, identity.account_id, forwarded)
    try:
        await _reserve(services, prices, admission, identity, request_id, counted)
    except InsufficientCredit as refusal:
        if counted is not None or admission.max_searches:
            raise _explained(prices, admission, refusal, counted) from None
        available = _available(refusal)
        if available <= 0:
            raise _explained(prices, admission, refusal, counted) from None
        counted = await count_or_none(services, admission, identity.account_id, forwarded)
        if counted is None:
            raise _explained(prices, admission, refusal, None) from None
        try:
            await _reserve(services, prices, admission, identity, request_id, counted)
        except InsufficientCredit as final:
            raise _explained(prices, admission, final, counted) from None
    return prices


async def _reserve(
    services: Services, prices: PriceTable, admission: Admission, identity: Identity, request_id: str,
    counted: int | None,
) -> None:  # fmt: skip
    now = clock.now()
    command = ledger.Hold(
        request_id=request_id,
        account_id=identity.account_id,
        amount_pico=admission.worst_case_pico(prices, counted),
        model=admission.model,
        price_version=prices.version,
        max_tokens=admission.max_tokens,
        at=now,
        expires_at=now + clock.seconds(services.settings.HOLD_TTL_SECONDS),
        streamed=admission.stream,
        key_id=identity.key_id,
        key_capped=identity.key_cap_pico is not None,
        worker=services.worker,
    )
    try:
        with metrics.HOLD_SECONDS.time():
            await services.database.batch(ledger.post, command)
    except Unavailable:
        _take_back(services, command)
        raise


def _take_back(services: Services, command: ledger.Hold) -> None:
    """A commit whose answer was lost may hold all the same. Upstream was never asked, so nothing is owed: the hold is
    released as soon as the database answers, and not only when its time is over. Without a hold this books nothing.
    """
    if len(services.unbooked) < TAKEN_BACK_MAX:
        release = ledger.Settle(command.request_id, command.account_id, command.at, "upstream_error", status=503)
        services.unbooked.remember([release])


async def _count(services: Services, admission: Admission, account_id: str, forwarded: Sequence[Header]) -> int:
    """Upstream's own figure, free of charge. BadInput when upstream refuses to count this."""
    asked = await services.reading.count_tokens_body(account_id, admission)
    answer, body = await services.claude.ask("POST", "/v1/messages/count_tokens", forwarded, asked, COUNT_SECONDS)
    try:
        found = orjson.loads(body)
        if answer.status == 200:
            return int(found["input_tokens"])
        message = str(found["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise UpstreamFailed("Claude could not count this request's tokens. Nothing was charged.") from None
    if answer.status == 400:
        raise BadInput(message)
    raise UpstreamFailed("Claude could not count this request's tokens. Nothing was charged.")


async def count_or_none(
    services: Services, admission: Admission, account_id: str, forwarded: Sequence[Header]
) -> int | None:
    """For a second opinion: when it cannot be had, the first stands."""
    try:
        return await _count(services, admission, account_id, forwarded)
    except (UpstreamFailed, BadInput, Unavailable):
        return None


def _available(refusal: InsufficientCredit) -> int:
    found = refusal.details.get("available_pico", 0)
    return found if isinstance(found, int) else 0


def _explained(
    prices: PriceTable, admission: Admission, refusal: InsufficientCredit, counted: int | None
) -> InsufficientCredit:
    """The refusal with its way out: the `max_tokens` that would fit."""
    affordable = admission.affordable_max_tokens(prices, _available(refusal), counted)
    way_out = f" A max_tokens of {affordable} would fit." if affordable else " Add credit on the billing page."
    explained = type(refusal)(refusal.message + way_out, max_tokens_affordable=affordable)
    explained.details = {**refusal.details, **explained.details}
    return explained
