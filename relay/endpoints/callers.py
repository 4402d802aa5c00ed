"""Who calls, from where, and from which page."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection, Request

from relay import accounts
from relay.accounts import Identity, Whereabouts
from relay.errors import AnotherAccount, Forbidden, NotSignedIn

if TYPE_CHECKING:
    from relay.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def services_of(request: HTTPConnection) -> "Services":
    return cast("Services", request.app.state.services)


async def signed_in(request: Request) -> Identity:
    """Who calls; NotSignedIn when nobody is known by what the request shows.

    A cookie is sent by the browser whichever page asks, so what it may change is asked for by our own pages
    only.
    """
    identity = await who_calls(request)
    if identity is None:
        raise NotSignedIn()
    refuse_another(request.headers, identity)
    if identity.kind == "session" and request.method not in SAFE_METHODS:
        refuse_foreign_origin(request)
    return identity


def refuse_another(headers: Mapping[str, str], identity: Identity) -> None:
    """AnotherAccount when the caller means an account by `x-account`, and this is not it: a browser's cookie changes
    hands in one tab, while another still shows the person before.
    """
    if headers.get("x-account", identity.account_id) != identity.account_id:
        raise AnotherAccount()


async def who_calls(request: HTTPConnection) -> Identity | None:
    headers = request.headers
    credential = accounts.credential_from_headers(
        accounts.cookies_of(headers.raw), headers.get("authorization"), headers.get("x-api-key")
    )
    services = services_of(request)
    hops = services.settings.TRUSTED_PROXIES
    return await accounts.recognise(services.database, credential, lambda: whereabouts_of(request, hops))


def refuse_foreign_origin(request: HTTPConnection) -> None:
    """Forbidden when a page that is not ours made the browser ask. Programs send neither header, and carry no
    cookie that they do not own."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    settings = services_of(request).settings
    if origin is None and site in (None, "same-origin", "none"):
        return
    if origin not in settings.allowed_origins:
        raise Forbidden(f"This is answered only to our own pages. Open {settings.ACCOUNT_ORIGIN} instead.")


def client_of(request: HTTPConnection) -> str:
    """Who is counted as one client: an IPv4 address, or an IPv6 /64, which is what one customer gets."""
    address = _address(request, services_of(request).settings.TRUSTED_PROXIES)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address or "unknown")


def whereabouts_of(request: HTTPConnection, hops: int) -> Whereabouts:
    """What the account page says of a session. `hops` is how many proxies are believed for the address."""
    return Whereabouts(_device_of(request), _place_of(request, hops))


def _place_of(request: HTTPConnection, hops: int) -> str:
    """Coarse on purpose: enough to tell home from elsewhere, too little to follow anybody."""
    address = _address(request, hops)
    if isinstance(address, IPv4Address):
        return str(IPv4Network((address, 24), strict=False))
    return str(IPv6Network((address, 48), strict=False)) if address else ""


def _device_of(request: HTTPConnection) -> str:
    """`Chrome on macOS`, from lists of our own: no word of the header gets through."""
    agent = request.headers.get("user-agent", "")[:1000]
    browser = next((name for name, pattern in _BROWSERS if re.search(pattern, agent)), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, agent)), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"A browser on {system}" if system else "An unknown device")


# The order matters: nearly every browser also claims to be the ones below it.
_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(Firefox|FxiOS)/"),
    ("Chrome", r"(Chrome|Chromium|CriOS)/"),
    ("Safari", r"Safari/"),
    ("A program", r"(?i)curl|python|httpx|node|go-http"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("Linux", r"Linux|X11"),
)


def _address(request: HTTPConnection, hops: int) -> IPv4Address | IPv6Address | None:
    """The peer, or what the outermost of the believed hops saw; what stands left of that anybody can write."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    seen = [part.strip() for part in forwarded.split(",") if part.strip()] if hops else []
    path = [*seen, peer]
    return _read_address(path[max(0, len(path) - 1 - hops)]) or _read_address(peer)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    bare = re.sub(r"^\[(.*)\](:\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$", r"\1\3", text)
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
