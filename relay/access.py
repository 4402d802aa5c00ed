"""Cloudflare Access before the API: a request counts only with a token that Access signed for our application."""

import asyncio
from collections.abc import Mapping
from typing import Any

import jwt
import structlog

from relay import clock
from relay.errors import Forbidden, Unavailable
from relay.gateways.access import KeysUnavailable, fetch_keys
from relay.settings import Settings

HEADER = "cf-access-jwt-assertion"
ALGORITHMS = ("RS256",)
KEEP_SECONDS = 3600
AGAIN_SECONDS = 30
"""An unknown key asks for the keys again, at most this often: they rotate, and anybody can name one that is no key."""

LEEWAY_SECONDS = 30
log = structlog.get_logger(__name__)


class Access:
    """Verifies `Cf-Access-Jwt-Assertion`: issuer, audience, times, and a signature by one of the team's keys."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = team_address(settings.CF_ACCESS_TEAM or "")
        self._audience = settings.CF_ACCESS_AUD or ""
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at = 0.0
        self._asking = asyncio.Lock()

    async def verify(self, token: str) -> str:
        """Whose token it is (an e-mail address, or a service's name). Forbidden when it is not good enough."""
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            log.info("access_refused", reason=type(error).__name__)
            raise Forbidden("Cloudflare Access has not let this request in.") from None
        return str(claims.get("email") or claims.get("common_name") or "")

    async def keys_now(self) -> Mapping[str, jwt.PyJWK]:
        """The team's keys as they are now; empty when they cannot be had."""
        try:
            self._keys = await fetch_keys(self._issuer)
        except KeysUnavailable:
            return {}
        return self._keys

    async def _key(self, key_id: str) -> jwt.PyJWK:
        async with self._asking:
            age = clock.now().timestamp() - self._asked_at
            if age > KEEP_SECONDS or (key_id not in self._keys and age > AGAIN_SECONDS):
                await self._ask()
        if key_id not in self._keys:
            raise jwt.InvalidKeyError("unknown key")
        return self._keys[key_id]

    async def _ask(self) -> None:
        """Keys that were good an hour ago are better than none while Cloudflare does not answer."""
        try:
            self._keys = await fetch_keys(self._issuer)
        except KeysUnavailable:
            if not self._keys:
                raise Unavailable() from None
        self._asked_at = clock.now().timestamp()


def team_address(team: str) -> str:
    """`https://TEAM.cloudflareaccess.com`, from the team's name; an address is taken as it is."""
    return team.rstrip("/") if "://" in team else f"https://{team}.cloudflareaccess.com"
