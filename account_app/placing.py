"""What depends on the address: where a page finds the API, and what its headers allow it.

The exported pages know no address. `serve` and `site` both put them in their place, by the same rules.
"""

import base64
import hashlib
import html
import re
from collections.abc import Collection
from dataclasses import dataclass

from account_app.version import pages_version
from relay.settings import Settings
from relay.settings.faults import is_public

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
INLINE_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
ALL_AT_ONCE = '<link rel="expect" href="#content" blocking="render"/>'
"""A table that is painted while it comes moves its columns with each row, a chart its bars, a form its fields."""
BEACON_ORIGIN = "https://static.cloudflareinsights.com"
BEACON_REPORTS = "https://cloudflareinsights.com"


@dataclass(frozen=True, slots=True)
class Place:
    """Where pages and API answer. `analytics_token` is empty when nobody counts visits."""

    account_origin: str
    api_origin: str
    analytics_token: str = ""

    @property
    def is_https(self) -> bool:
        return self.account_origin.startswith("https://")


def place_of(settings: Settings, *, preview: bool = False) -> Place:
    """Visits are counted where the public is: not on this machine, and not in previews."""
    counted = is_public(settings.ACCOUNT_ORIGIN) and not preview
    token = settings.WEB_ANALYTICS_TOKEN or ""
    return Place(settings.ACCOUNT_ORIGIN, settings.api_origin, token if counted else "")


def placed(page: str, place: Place) -> str:
    """The page, told of its version, and of the API when that is not where the page itself came from."""
    told = f'<meta name="pages-version" content="{pages_version()}"/>'
    told += ALL_AT_ONCE if 'id="content"' in page else ""
    if place.account_origin != place.api_origin:
        page = page.replace('"/api/auth/', f'"{place.api_origin}/api/auth/')
        told += f'<meta name="api-origin" content="{place.api_origin}"/>'
    if place.analytics_token:
        beacon = html.escape(f'{{"token": "{place.analytics_token}"}}')
        source = f"{BEACON_ORIGIN}/beacon.min.js"
        page = page.replace("</body>", f'<script defer src="{source}" data-cf-beacon="{beacon}"></script></body>', 1)
    return page.replace("<head>", f"<head>{told}", 1)


def policy(pages: Collection[str], place: Place) -> str:
    """The Content-Security-Policy of these pages: their inline scripts by hash, and nobody else's."""
    scripts = sorted({_hash(s) for page in pages for s in INLINE_SCRIPT.findall(page)})
    styles = sorted({_hash(s) for page in pages for s in INLINE_STYLE.findall(page)})
    socket = place.api_origin.replace("http", "ws", 1)
    beacon, reports = (BEACON_ORIGIN, BEACON_REPORTS) if place.analytics_token else ("", "")
    rules = (
        "default-src 'none'",
        f"script-src 'self' {beacon} {' '.join(scripts)}",
        f"style-src 'self' {' '.join(styles)}",
        "img-src 'self' data:",
        "font-src 'self'",
        "manifest-src 'self'",
        f"connect-src 'self' {place.api_origin} {socket} {reports}",
        f"form-action 'self' {place.api_origin}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(" ".join(rule.split()) for rule in rules)


def security_headers(place: Place) -> dict[str, str]:
    """For every answer of the pages' origin."""
    headers = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "strict-origin-when-cross-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-frame-options": "DENY",
    }
    if place.is_https:
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    return headers


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
