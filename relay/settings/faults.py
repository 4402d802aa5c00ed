"""What is wrong with the settings as a whole: missing, contradictory, unknown, still the example's. All at once."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from email.utils import getaddresses, parseaddr
from ipaddress import ip_address
from urllib.parse import urlsplit

from relay.errors import Misconfigured
from relay.money import pico_from_usd
from relay.settings import FILE_SUFFIX, SECRETS, Fault, Settings, names_in_env_file, read_with_faults

REQUIRED = ("SECRET_KEY", "ANTHROPIC_API_KEY", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "RESEND_API_KEY")
SECRET_KEY_LENGTH_MIN = 32
EXAMPLES = ("change-me", "change_me", "changeme", "your-", "your_", "<", "xxx")
"""What stands in an example where a secret belongs. No service makes keys with any of it in them."""

ANTHROPIC, STRIPE, RESEND = "https://api.anthropic.com", "https://api.stripe.com", "https://api.resend.com"
WRITTEN_SECRETS = tuple(name for name in SECRETS if name not in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"))
"""Keys that others made, and what others send or sign with."""

LIVE_KEYS = ("sk_live_", "rk_live_")
ONE_WORKER = "Set it, or serve with --workers 1."
FOREIGN_PREFIXES = ("AWS_", "OTEL_", "COMPOSE_")
"""Names in `.env` that other programs read: the S3 client, OpenTelemetry, Compose."""


def settings_to_serve(workers: int = 1, **overrides: str) -> Settings:
    """The settings, when a server can run by them. Misconfigured tells everything that stands against it."""
    settings, faults = read_with_faults(**overrides)
    broken = {fault.name for fault in faults}
    faults += [fault for fault in faults_of(settings, workers) if fault.name not in broken]
    if faults:
        raise Misconfigured("\n".join(map(str, faults)))
    return settings


def faults_of(settings: Settings, workers: int = 1) -> list[Fault]:
    """Every fault that can be seen without asking anybody."""
    return [
        *missing(settings),
        *unknown(names_in_env_file()),
        *examples(settings),
        *_secret_key(settings),
        *_unsendable(settings),
        *_origins(settings),
        *_cookies(settings),
        *_services(settings),
        *_operators(settings),
        *_amounts(settings),
        *_access(settings),
        *_many_workers(settings, workers),
    ]


def missing(settings: Settings) -> Iterator[Fault]:
    for name in REQUIRED:
        if not getattr(settings, name):
            yield Fault(name, "not set", "a secret", f"Set it in the environment, in .env, or as {name}{FILE_SUFFIX}.")


def unknown(names: Iterable[str]) -> Iterator[Fault]:
    """Names in `.env` that no setting has: a misspelt one would be passed over in silence."""
    known = set(Settings.model_fields) | {name + FILE_SUFFIX for name in SECRETS}
    for name in names:
        if name not in known and not name.startswith(FOREIGN_PREFIXES):
            nearest = get_close_matches(name.upper(), sorted(known), 1)
            fix = f"Did you mean {nearest[0]}?" if nearest else "Take it out; .env.example lists every name."
            yield Fault(name, "in .env", "the name of a setting", fix)


def examples(settings: Settings) -> Iterator[Fault]:
    # Amazon's are random letters of base64, in which anything may stand.
    for name in (name for name in SECRETS if not name.startswith("AWS_")):
        value = settings.reveal(name)
        if any(example in value.lower() for example in EXAMPLES):
            yield Fault(name, "the example's value", "a value of your own", "Put the real one in its place.")


def _secret_key(settings: Settings) -> Iterator[Fault]:
    length = len(settings.reveal("SECRET_KEY"))
    if 0 < length < SECRET_KEY_LENGTH_MIN:
        found, fix = f"{length} characters", "Make one: openssl rand -hex 32"
        yield Fault("SECRET_KEY", found, f"at least {SECRET_KEY_LENGTH_MIN}", fix)


def _unsendable(settings: Settings) -> Iterator[Fault]:
    """A key that was pasted with its line's end or a quote's space fits nothing, and only its first use would tell."""
    for name in WRITTEN_SECRETS:
        if not all("!" <= letter <= "~" for letter in settings.reveal(name)):
            yield Fault(name, "white space or letters outside ASCII in it", "the key alone", "Copy it once more.")


def _origins(settings: Settings) -> Iterator[Fault]:
    schemes = {urlsplit(origin).scheme for origin in (settings.ACCOUNT_ORIGIN, settings.api_origin)}
    for name, origin in (("ACCOUNT_ORIGIN", settings.ACCOUNT_ORIGIN), ("API_ORIGIN", settings.API_ORIGIN)):
        if origin.startswith("http://") and is_public(origin):
            yield Fault(name, origin, "https for a public host", f"Set {name}=https://{urlsplit(origin).netloc}.")
    if len(schemes) > 1:
        found, fix = " and ".join(sorted(schemes)), "Give both the same scheme: a cookie does not cross from one."
        yield Fault("API_ORIGIN", found, "the scheme of ACCOUNT_ORIGIN", fix)
    if settings.ACCOUNT_ORIGIN.endswith(".pages.dev") and settings.api_origin != settings.ACCOUNT_ORIGIN:
        found = settings.ACCOUNT_ORIGIN
        fix = "Browsers treat each *.pages.dev as a site of its own: give it a custom sub-domain beside the API."
        yield Fault("ACCOUNT_ORIGIN", found, "a host on the site of API_ORIGIN", fix)


def _cookies(settings: Settings) -> Iterator[Fault]:
    domain = (settings.COOKIE_DOMAIN or "").lstrip(".").lower()
    if not domain:
        return
    hosts = {urlsplit(origin).hostname or "" for origin in (settings.ACCOUNT_ORIGIN, settings.api_origin)}
    outside = sorted(host for host in hosts if host != domain and not host.endswith("." + domain))
    if outside:
        fix = "Name a domain that all of them end in, or leave it out for cookies of the API's host alone."
        yield Fault("COOKIE_DOMAIN", domain, f"a domain that covers {' and '.join(outside)}", fix)


def _services(settings: Settings) -> Iterator[Fault]:
    real = {"ANTHROPIC_BASE_URL": ANTHROPIC, "STRIPE_API_BASE": STRIPE, "RESEND_API_URL": RESEND}
    for name, address in real.items():
        found: str = getattr(settings, name)
        if found.startswith("http://") and is_public(found):
            fix = f"Our key would cross the network in the clear. The service's address is {address}."
            yield Fault(name, found, "https", fix)
    stripe_key = settings.reveal("STRIPE_API_KEY")
    if stripe_key.startswith(LIVE_KEYS) and settings.STRIPE_API_BASE != STRIPE:
        fix = "Leave STRIPE_API_BASE out, or use a test key."
        yield Fault("STRIPE_API_BASE", settings.STRIPE_API_BASE, f"{STRIPE} with a live key", fix)
    if stripe_key.startswith("pk_"):
        yield Fault("STRIPE_API_KEY", "a publishable key", "a secret or restricted key", "Use sk_… or rk_….")
    if stripe_key.startswith(LIVE_KEYS) and settings.reveal("STRIPE_WEBHOOK_SECRET").startswith("whsec_sandbox"):
        fix = "Take the signing secret of the live endpoint from Stripe's dashboard."
        yield Fault("STRIPE_WEBHOOK_SECRET", "the sandbox's", "the live endpoint's", fix)
    if not _is_sender(settings.MAIL_FROM):
        yield Fault(
            "MAIL_FROM", repr(settings.MAIL_FROM), "one address, as Account <sign-in@fonts.dev>", "Set MAIL_FROM."
        )
        return
    domain = parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2]
    nowhere = "." not in domain or domain.endswith((".test", ".example", "localhost"))
    if settings.RESEND_API_URL == RESEND and nowhere:
        yield Fault("MAIL_FROM", settings.MAIL_FROM, "an address at a domain verified with Resend", "Set MAIL_FROM.")


def _is_sender(text: str) -> bool:
    """Whether mail can be from it: nobody could sign in otherwise, and only the log would say why."""
    found = getaddresses([text])
    name, at, domain = found[0][1].partition("@") if len(found) == 1 else ("", "", "")
    return bool(name and at and domain) and "@" not in domain and text.isprintable() and " " not in name + domain


def _operators(settings: Settings) -> Iterator[Fault]:
    for entry in filter(None, (part.strip() for part in settings.OPERATOR_EMAILS.split(","))):
        name, _, host = entry.partition("@")
        if not name or not host or "@" in host or any(map(str.isspace, entry)):
            fix = "Separate the addresses by commas. Whoever it should be cannot open the operator page."
            yield Fault("OPERATOR_EMAILS", entry, "an email address", fix)


def _amounts(settings: Settings) -> Iterator[Fault]:
    for name in ("PLAN_MONTHLY_CREDIT_USD", "DEFAULT_SPEND_CAP_USD", "SIGN_UP_GRANT_USD"):
        try:
            wrong = "It cannot be less than nothing." if pico_from_usd(getattr(settings, name)) < 0 else ""
        except ValueError as error:
            wrong = str(error)
        if wrong:
            yield Fault(name, getattr(settings, name), "an amount in USD such as 10 or 2.50", wrong)
    if settings.TOPUP_MIN_USD > settings.TOPUP_MAX_USD:
        found, most = str(settings.TOPUP_MIN_USD), str(settings.TOPUP_MAX_USD)
        yield Fault(
            "TOPUP_MIN_USD", found, f"at most TOPUP_MAX_USD, {most}", "Nobody could top up: correct one of them."
        )


def _access(settings: Settings) -> Iterator[Fault]:
    if bool(settings.CF_ACCESS_TEAM) != bool(settings.CF_ACCESS_AUD):
        name = "CF_ACCESS_AUD" if settings.CF_ACCESS_TEAM else "CF_ACCESS_TEAM"
        fix = "Cloudflare Access is verified by both; take them from the application's page in Zero Trust."
        yield Fault(name, "not set", "set, as its other half is", fix)


def _many_workers(settings: Settings, workers: int) -> Iterator[Fault]:
    if workers > 1 and settings.database_url.startswith("sqlite"):
        yield Fault("DATABASE_URL", "SQLite", "postgresql://… for several workers", ONE_WORKER)
    if workers > 1 and not settings.REDIS_URL:
        yield Fault("REDIS_URL", "not set", "redis://… for several workers", ONE_WORKER)


def is_public(address: str) -> bool:
    """Whether others than this machine and its own network can be meant by that address's host."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    try:
        found = ip_address(host)
    except ValueError:
        private = (".localhost", ".local", ".internal", ".test", ".lan")
        return "." in host and not host.endswith(private)
    return not (found.is_private or found.is_loopback or found.is_link_local)
