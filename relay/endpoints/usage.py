"""What an account has and what it used: balance, charts, the log, receipts. Read only."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from relay import clock, usage
from relay.clock import rfc3339
from relay.endpoints.answers import NO_STORE, JsonAnswer
from relay.endpoints.callers import services_of, signed_in
from relay.endpoints.ranges import read_limit, read_range
from relay.errors import BadInput
from relay.money import usd
from relay.usage import BalanceView, CorrectionView, Receipt, RequestView, UsageRow, UsageView, Wanted

LINES_AT_ONCE = 500


async def get_balance(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    view = await services_of(request).database.read(lambda c: usage.balance(c, account_id))
    return JsonAnswer(balance_fields(view))


async def get_usage(request: Request) -> Response:
    view = await _usage_of(request)
    return JsonAnswer({"rows": [_row(row) for row in view.rows], "total": _row(view.total)})


async def get_usage_csv(request: Request) -> Response:
    view = await _usage_of(request)
    headers = {**NO_STORE, "content-disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(_in_pieces(usage.csv(view)), headers=headers, media_type="text/csv")


def _in_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Each piece is fetched in a thread, which for single lines takes longer than writing them."""
    return iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")


async def get_requests(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    before, limit = request.query_params.get("before"), read_limit(request.query_params)
    wanted = Wanted(service=_service(request.query_params.get("service", "claude")))
    view = await services_of(request).database.read(lambda c: usage.requests(c, account_id, before, limit, wanted))
    return JsonAnswer({"requests": [_request(found) for found in view.requests], "next": view.next})


def _service(given: str) -> str:
    if given not in usage.SERVICES:
        raise BadInput("`service` is claude or storage.", field="service")
    return given


async def get_receipt(request: Request) -> Response:
    account_id = (await signed_in(request)).account_id
    request_id: str = request.path_params["request_id"]
    receipt = await services_of(request).database.read(lambda c: usage.receipt(c, account_id, request_id))
    return JsonAnswer(_receipt(receipt))


routes = [
    Route("/api/balance", get_balance, methods=["GET"]),
    Route("/api/usage", get_usage, methods=["GET"]),
    Route("/api/usage.csv", get_usage_csv, methods=["GET"]),
    Route("/api/requests", get_requests, methods=["GET"]),
    Route("/api/requests/{request_id}", get_receipt, methods=["GET"]),
]


def balance_fields(view: BalanceView) -> dict[str, Any]:
    return {
        "available_usd": usd(view.available_pico),
        "held_usd": usd(view.held_pico),
        "credit_usd": usd(view.credit_pico),
        "grants": [
            {
                "kind": grant.kind,
                "granted_usd": usd(grant.granted_pico),
                "remaining_usd": usd(grant.remaining_pico),
                "expires_at": grant.expires_at and rfc3339(grant.expires_at),
            }
            for grant in view.grants
        ],
        "overage_usd": usd(view.overage_pico),
        "spend_cap_usd": usd(view.spend_cap_pico),
        "period_start": view.period_start and rfc3339(view.period_start),
        "period_end": view.period_end and rfc3339(view.period_end),
        "as_of": rfc3339(view.as_of),
    }


async def _usage_of(request: Request) -> UsageView:
    account_id = (await signed_in(request)).account_id
    asked = read_range(request.query_params, clock.now())
    return await services_of(request).database.read(
        lambda c: usage.usage(c, account_id, asked.start, asked.end, asked.by, asked.zone)
    )


def _row(row: UsageRow) -> dict[str, Any]:
    return {
        "bucket": row.bucket,
        "requests": row.requests,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "input_usd": usd(row.input_pico),
        "output_usd": usd(row.output_pico),
        "cache_read_usd": usd(row.cache_read_pico),
        "cache_write_usd": usd(row.cache_write_pico),
        "other_usd": usd(row.other_pico),
        "price_usd": usd(row.price_pico),
    }


def _request(view: RequestView) -> dict[str, Any]:
    return {
        "request_id": view.request_id,
        "at": rfc3339(view.at),
        "started_at": rfc3339(view.started_at),
        "model": view.model,
        "ended": view.ended,
        "estimated": view.estimated,
        "status": view.status,
        "input_tokens": view.input_tokens,
        "output_tokens": view.output_tokens,
        "cache_read_tokens": view.cache_read_tokens,
        "cache_write_tokens": view.cache_write_tokens,
        "price_usd": usd(view.price_pico),
        "total_usd": usd(view.total_pico),
        "first_token_ms": view.first_token_ms,
        "duration_ms": view.duration_ms,
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "request_id": receipt.request_id,
        "at": rfc3339(receipt.at),
        "model": receipt.model,
        "tier": receipt.tier,
        "ended": receipt.ended,
        "estimated": receipt.estimated,
        "unsplit_cache_writes": receipt.unsplit_cache_writes,
        "price_version": receipt.price_version,
        "held_usd": usd(receipt.held_pico),
        "price_usd": usd(receipt.price_pico),
        "lines": [line._asdict() for line in receipt.lines],
        "corrections": [_correction(correction) for correction in receipt.corrections],
        "total_usd": usd(receipt.total_pico),
    }


def _correction(view: CorrectionView) -> dict[str, Any]:
    return {
        "id": view.id,
        "at": rfc3339(view.at),
        "reason": view.reason,
        "input_tokens": view.input_tokens,
        "output_tokens": view.output_tokens,
        "cache_read_tokens": view.cache_read_tokens,
        "cache_write_tokens": view.cache_write_tokens,
        "price_usd": usd(view.price_pico),
    }
