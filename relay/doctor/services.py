"""The outside services, each asked one small question that costs nothing."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from relay.access import Access
from relay.doctor.findings import Finding, judged, ok, warning, wrong
from relay.errors import ProductError
from relay.gateways.claude import Claude
from relay.gateways.mail import Mail
from relay.gateways.payments import Missing, Payments, PaymentsFailed
from relay.limits import Limits
from relay.settings import Settings

ANSWER_SECONDS = 15
VERSION = ((b"anthropic-version", b"2023-06-01"),)


async def check_redis(settings: Settings) -> list[Finding]:
    if not settings.REDIS_URL:
        return [ok("redis", "not used: one worker")]
    async with aclosing(Limits(settings)) as limits:
        try:
            await limits.ping()
        except ProductError:
            return [wrong("redis", "no answer", "an answer", "Start it, or correct REDIS_URL.")]
    return [ok("redis", "answers")]


async def check_access(settings: Settings) -> list[Finding]:
    if not settings.CF_ACCESS_TEAM:
        return [ok("cloudflare access", "not used")]
    keys = await Access(settings).keys_now()
    fix = "CF_ACCESS_TEAM is the name before .cloudflareaccess.com."
    return [judged(bool(keys), "cloudflare access", f"{len(keys)} keys", "at least one", fix)]


async def check_claude(settings: Settings) -> list[Finding]:
    if not settings.ANTHROPIC_API_KEY:
        return []
    claude = Claude(settings)
    try:
        answer, _ = await claude.ask("GET", "/v1/models", VERSION, b"", ANSWER_SECONDS)
    except ProductError as error:
        return [wrong("claude", error.code, "an answer", "Look at the network, and at ANTHROPIC_BASE_URL.")]
    finally:
        claude.close()
    fix = (
        "The key is refused: take a working one from the console."
        if answer.status == 401
        else "Look at its status page."
    )
    return [judged(answer.status == 200, "claude", f"answers {answer.status}", "200", fix)]


async def check_mail(settings: Settings) -> list[Finding]:
    if not settings.RESEND_API_KEY:
        return []
    async with aclosing(Mail(settings)) as mail:
        health = await mail.health()
    fix = "Look at RESEND_API_KEY, RESEND_API_URL and the network."
    return [judged(health.ok, "mail", health.detail, "an answer that takes our key", fix)]


async def check_stripe(settings: Settings) -> list[Finding]:
    if not settings.STRIPE_API_KEY:
        return []
    async with aclosing(Payments(settings)) as payments:
        try:
            found = ok("stripe", f"answers in {await payments.account_mode()} mode, API {payments.api_version}")
        except PaymentsFailed as error:
            return [wrong("stripe", str(error), "an answer that takes our key", "Look at STRIPE_API_KEY.")]
        return [found, *[finding async for finding in _objects(payments, settings)]]


async def _objects(payments: Payments, settings: Settings) -> AsyncIterator[Finding]:
    """What we count on being there at Stripe."""
    setup = "Run `account-app stripe setup`, and set what it prints."
    try:
        yield ok("stripe: meter", f"{settings.STRIPE_METER_EVENT} is active ({await payments.meter_id()})")
    except Missing:
        yield wrong("stripe: meter", "none", f"an active meter for {settings.STRIPE_METER_EVENT}", setup)
    for name in ("STRIPE_PRICE_PLAN", "STRIPE_PRICE_OVERAGE"):
        try:
            active = await payments.price_is_active(getattr(settings, name))
            yield judged(active, f"stripe: {name}", "active" if active else "archived", "active", setup)
        except Missing:
            yield wrong(f"stripe: {name}", f"no price {getattr(settings, name)}", "a price", setup)
    wanted = f"{settings.api_origin}/api/stripe/webhook"
    try:
        there = wanted in await payments.webhook_addresses()
    except PaymentsFailed:
        yield warning("stripe: webhook", "our key may not look", wanted, "See the endpoints in Stripe's dashboard.")
        return
    if there:
        yield ok("stripe: webhook", wanted)
    else:
        yield warning("stripe: webhook", "no endpoint of that address", wanted, setup)
