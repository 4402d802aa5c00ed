"""Cloudflare Access: the keys that a team signs with."""

from collections.abc import Mapping

import httpx
import jwt

PATH = "/cdn-cgi/access/certs"
ANSWER_SECONDS_MAX = 5


class KeysUnavailable(Exception):
    """The keys could not be had, or could not be read."""


async def fetch_keys(team_address: str) -> Mapping[str, jwt.PyJWK]:
    """A team's keys by their ids (docs: Cloudflare One, Validate JWTs), or KeysUnavailable."""
    try:
        # Asked once an hour, so no connection is kept for it.
        async with httpx.AsyncClient(base_url=team_address, timeout=ANSWER_SECONDS_MAX) as http:
            answer = (await http.get(PATH)).raise_for_status()
        found = jwt.PyJWKSet.from_dict(answer.json()).keys
    except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
        raise KeysUnavailable(type(error).__name__) from None
    return {key.key_id: key for key in found if key.key_id}
