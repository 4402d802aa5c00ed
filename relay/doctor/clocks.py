"""Our clock beside the clocks of those we deal with: expiry, periods and Stripe's signatures all hang on it."""

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from relay import clock
from relay.doctor.findings import Finding, judged, ok
from relay.doctor.services import ANSWER_SECONDS, VERSION
from relay.errors import ProductError
from relay.gateways.claude import Claude
from relay.gateways.payments import Payments
from relay.settings import Settings

APART_SECONDS_MAX = 5
HALF_A_SECOND = 0.5
"""`Date` has whole seconds: what it names is half a second later on average, and as far from it at most."""


async def check(settings: Settings) -> list[Finding]:
    """One finding a service that answers; whether it answers at all is another check's business."""
    found: list[Finding] = []
    if settings.ANTHROPIC_API_KEY:
        found += await _compared("clock: claude", lambda: _claudes(settings))
    if settings.STRIPE_API_KEY:
        found += await _compared("clock: stripe", lambda: _stripes(settings))
    return found


async def _compared(name: str, ask: Callable[[], Awaitable[str]]) -> list[Finding]:
    asked, began = clock.now(), time.monotonic()
    try:
        told = parsedate_to_datetime(await ask())
    except (ProductError, ValueError):
        return []
    return [_judged(name, apart(told, asked, time.monotonic() - began))]


def apart(told: datetime, asked: datetime, took_seconds: float) -> tuple[float, float]:
    """How far our clock is ahead of theirs, in seconds, and how far off that may be.

    As NTP has it: their clock was read somewhere between question and answer, so the middle is taken.
    """
    theirs = told.replace(tzinfo=told.tzinfo or UTC) + clock.seconds(HALF_A_SECOND)
    ours = asked + clock.seconds(took_seconds / 2)
    return (ours - theirs).total_seconds(), took_seconds / 2 + HALF_A_SECOND


def _judged(name: str, measured: tuple[float, float]) -> Finding:
    ahead, unsure = measured
    expected = f"at most {APART_SECONDS_MAX} s"
    found = f"{abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}, give or take {unsure:.1f}"
    if abs(ahead) <= unsure:
        return ok(name, f"the same, give or take {unsure:.1f} s")
    fix = "Run an NTP client on this machine (timedatectl tells); Stripe's events are refused 300 s apart."
    return judged(abs(ahead) - unsure <= APART_SECONDS_MAX, name, found, expected, fix)


async def _claudes(settings: Settings) -> str:
    claude = Claude(settings)
    try:
        answer, _ = await claude.ask("GET", "/v1/models", VERSION, b"", ANSWER_SECONDS)
    finally:
        claude.close()
    return answer.headers.get(b"date", b"").decode("latin-1")


async def _stripes(settings: Settings) -> str:
    async with aclosing(Payments(settings)) as payments:
        return await payments.their_time()
