"""Whether what we stand on answers: the database, Redis, Claude, Stripe, mail."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from relay.database import Database, is_alive
from relay.gateways.claude import Claude
from relay.gateways.mail import Mail
from relay.gateways.payments import Payments
from relay.limits import Limits

PATIENCE_SECONDS = 5
VERSION = (b"anthropic-version", b"2023-06-01")


class Answer(NamedTuple):
    """`detail` says what came, or did not; `milliseconds` how long it took."""

    name: str
    ok: bool
    detail: str
    milliseconds: int


async def health_of(database: Database, limits: Limits, claude: Claude, payments: Payments, mail: Mail) -> list[Answer]:
    """All of them at once, each within some seconds."""

    async def ask_claude() -> str:
        answer, _ = await claude.ask("GET", "/v1/models", [VERSION], b"", PATIENCE_SECONDS)
        if answer.status != 200:
            raise RuntimeError(f"answers {answer.status}")
        return "answers"

    async def ask_mail() -> str:
        found = await mail.health()
        if not found.ok:
            raise RuntimeError(found.detail)
        return found.detail

    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "Database": lambda: database.read(is_alive),
        "Redis": limits.ping,
        "Claude": ask_claude,
        "Stripe": payments.account_mode,
        "Mail": ask_mail,
    }
    return list(await asyncio.gather(*(_ask(name, question) for name, question in asked.items())))


async def _ask(name: str, question: Callable[[], Awaitable[Any]]) -> Answer:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await question()
    except TimeoutError:
        return Answer(name, False, "no answer in time", _since(began))
    except Exception as error:
        return Answer(name, False, str(error)[:200] or type(error).__name__, _since(began))
    return Answer(name, True, found if isinstance(found, str) else "answers", _since(began))


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
