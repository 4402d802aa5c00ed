"""The outside services, each asked one small question that costs nothing."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from email.utils import parseaddr
from urllib.parse import urlsplit

from relay.access import Access
from relay.doctor.findings import Finding, judged, ok, warning, wrong
from relay.errors import ProductError
from relay.gateways.claude import Claude
from relay.gateways.mail import Domain, Mail, MailFailed
from relay.gateways.payments import Missing, Payments, PaymentsFailed
from relay.limits import Limits
from relay.settings import Settings
from relay.settings.faults import STRIPE

ANSWER_SECONDS = 15
LOOPBACK = ("127.0.0.1", "::1", "localhost")
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
    name = parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2]
    async with aclosing(Mail(settings)) as mail:
        health = await mail.health()
        fix = "Look at RESEND_API_KEY, RESEND_API_URL and the network."
        found = judged(health.ok, "mail", health.detail, "an answer that takes our key", fix)
        if not health.ok:
            return [found]
        try:
            return [found, _domain(name, await mail.domain(name))]
        except MailFailed:
            fix = "See it in Resend's dashboard: a key that may only send, as ours, is otherwise the right one."
            return [found, warning("mail: domain", "our key may not look", f"{name} verified", fix)]


def _domain(name: str, found: Domain | None) -> Finding:
    """The domain of MAIL_FROM: Resend sends for no other, and what is not signed lands in the spam."""
    if found is None:
        fix = "Add the domain at Resend, or correct MAIL_FROM: a sub-domain is a domain of its own."
        return wrong("mail: domain", f"{name} is not known to Resend", f"{name} verified", fix)
    lacking = [f"{record} {status}" for record, status in found.records if status != "verified"]
    told = ", ".join([f"{name} {found.status}", *lacking])
    fix = "Put the records that Resend shows for the domain into its DNS, and press Verify there."
    if found.status == "verified" and lacking:
        return warning("mail: domain", told, "every record verified", fix)
    return judged(found.status == "verified", "mail: domain", told, f"{name} verified", fix)


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
    for name, expected in (("STRIPE_PRICE_PLAN", "licensed"), ("STRIPE_PRICE_OVERAGE", "metered")):
        try:
            price = await payments.price_is(getattr(settings, name))
            yield judged(price == expected, f"stripe: {name}", price, expected, setup)
        except Missing:
            yield wrong(f"stripe: {name}", f"no price {getattr(settings, name)}", "a price", setup)
    wanted = f"{settings.api_origin}/api/stripe/webhook"
    try:
        there = any(_reaches(url, wanted, settings) for url in await payments.webhook_addresses())
    except PaymentsFailed:
        yield warning("stripe: webhook", "our key may not look", wanted, "See the endpoints in Stripe's dashboard.")
        return
    if there:
        yield ok("stripe: webhook", wanted)
    else:
        yield warning("stripe: webhook", "no endpoint of that address", wanted, setup)


def _reaches(url: str, wanted: str, settings: Settings) -> bool:
    """The very address; or, for a stand-in on this machine, the same path on it: it may have another name for us."""
    here = settings.STRIPE_API_BASE != STRIPE and urlsplit(url).hostname in LOOPBACK
    return url == wanted or (here and urlsplit(url).path == urlsplit(wanted).path)
