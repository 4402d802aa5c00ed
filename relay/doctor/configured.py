"""Every setting, and how they agree."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from relay.doctor.findings import Finding, ok, warning, wrong
from relay.settings import ROOT, SECRETS, Settings, read_with_faults
from relay.settings.faults import faults_of, is_public


async def check(settings: Settings) -> list[Finding]:
    """One line a setting: what is set, and whatever speaks against it."""
    _, single = read_with_faults()
    faults = {fault.name: fault for fault in [*faults_of(settings), *single]}
    lines = [
        wrong(name, faults[name].found, faults[name].expected, faults[name].fix) if name in faults else ok(name, shown)
        for name, shown in _shown(settings)
    ]
    others = [wrong(f.name, f.found, f.expected, f.fix) for f in faults.values() if f.name not in Settings.model_fields]
    return [*lines, *others, *_advice(settings)]


async def check_pages(settings: Settings) -> list[Finding]:
    if (ROOT / "build/site/index.html").exists():
        return [ok("pages", "built")]
    fix = "Run `make setup`; or leave it so, where the pages are on Cloudflare Pages."
    return [warning("pages", "not built", "build/site", fix)]


def _shown(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if name in SECRETS:
            yield name, "set" if value else "not set"
        else:
            yield name, "not set" if value in (None, "") else str(value)


def _advice(settings: Settings) -> Iterator[Finding]:
    """What is allowed, and still seldom meant."""
    public = is_public(settings.ACCOUNT_ORIGIN)
    if public and not settings.TRUSTED_PROXIES:
        fix = "Set it to the number of proxies before the server; else all people count as one client."
        yield warning("TRUSTED_PROXIES", "0 behind https", "1 or more", fix)
    if public and not settings.METRICS_TOKEN:
        yield warning("METRICS_TOKEN", "not set", "a token for your monitoring", "Without it /metrics answers nobody.")
    if public and settings.reveal("STRIPE_API_KEY").startswith(("sk_test_", "rk_test_")):
        yield warning("STRIPE_API_KEY", "a test key on a public host", "a live key", "Right for staging alone.")
    if settings.ACCEPT_REVISION:
        yield warning(
            "ACCEPT_REVISION", settings.ACCEPT_REVISION, "not set", "Take it out once you have rolled forward."
        )
    hosts = [urlsplit(origin).hostname or "" for origin in (settings.ACCOUNT_ORIGIN, settings.api_origin)]
    if hosts[0] != hosts[1] and _site(hosts[0]) != _site(hosts[1]):
        found, fix = " and ".join(hosts), "Cookies are not sent from one site to another: use two sub-domains of one."
        yield wrong("API_ORIGIN", found, "one site for pages and API", fix)


def _site(host: str) -> str:
    """The last two labels: good enough to tell sub-domains of one name from two names."""
    return ".".join(host.split(".")[-2:])
