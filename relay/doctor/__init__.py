"""`account-app doctor`: is everything as it must be? Each check tells what it found, what it expected, and the fix.

A check is a function of this folder, listed here; what needs no network comes first. No finding holds a secret.
"""

import asyncio
from collections.abc import Awaitable, Callable

from relay.doctor import books, clocks, configured, files, kept, prices, services
from relay.doctor.findings import Finding, wrong
from relay.settings import Settings

__all__ = ["Finding", "examine"]

Check = Callable[[Settings], Awaitable[list[Finding]]]
CHECKS: tuple[Check, ...] = (
    configured.check,
    configured.check_pages,
    books.check,
    kept.check,
    files.check,
    prices.check,
    services.check_redis,
    services.check_access,
    services.check_claude,
    services.check_mail,
    services.check_stripe,
    clocks.check,
)
PATIENCE_SECONDS = 30


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order of the checks. A check that fails is itself a finding."""
    return [finding for check in CHECKS for finding in await _carefully(check, settings)]


async def _carefully(check: Check, settings: Settings) -> list[Finding]:
    name = f"{check.__module__.rpartition('.')[2]}: {check.__name__}"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await check(settings)
    except TimeoutError:
        return [wrong(name, "no answer", f"an answer within {PATIENCE_SECONDS} s", "Try again; then look at its host.")]
    except Exception as error:
        # Its words may hold an address with a password, so its kind must do.
        return [wrong(name, type(error).__name__, "a check that runs to its end", "Report this as a defect.")]
