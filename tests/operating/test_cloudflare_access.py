"""Behind Cloudflare Access only what Access has signed for our application gets in, whichever key it signs with."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from relay import clock
from relay.endpoints.access_door import behind_access
from relay.settings import read_settings
from tests.fixtures.front_door import served

AUDIENCE = "f2b1c0ffee"


class Team:
    """A team of Cloudflare's: it signs, and tells its public keys to whoever asks."""

    def __init__(self) -> None:
        self.keys = {"first": new_key()}
        self.asked = 0
        self.is_away = False
        self.address = ""
        self.app = Starlette(routes=[Route("/cdn-cgi/access/certs", self.tell)])

    async def tell(self, _: Request) -> JSONResponse:
        self.asked += 1
        told = [
            {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": name, "alg": "RS256"}
            for name, key in self.keys.items()
        ]
        return JSONResponse({"keys": told}, 503 if self.is_away else 200)

    def sign(self, key_id: str = "first", key: Any = None, algorithm: str = "RS256", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": [AUDIENCE], "email": "ada@fonts.dev", "iat": now, "exp": now + 60,
        } | changes  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.keys[key_id], algorithm=algorithm, headers={"kid": key_id})


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@asynccontextmanager
async def guarded(team: Team) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app behind the door; it greets whoever comes in."""

    async def greet(_: Request) -> PlainTextResponse:
        return PlainTextResponse("welcome")

    async with served(team.app) as address:
        team.address = address
        settings = read_settings(CF_ACCESS_TEAM=address, CF_ACCESS_AUD=AUDIENCE)
        app = behind_access(Starlette(routes=[Route("/{path:path}", greet)]), settings)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:
            yield client


@pytest.fixture
def team() -> Team:
    return Team()


async def came_in(client: httpx.AsyncClient, token: str, path: str = "/api/balance") -> bool:
    headers = {"cf-access-jwt-assertion": token} if token else {}
    answer = await client.get(path, headers=headers)
    assert answer.status_code in (200, 403)
    assert answer.status_code == 200 or answer.json()["code"] == "forbidden"
    return answer.status_code == 200


async def test_who_has_a_good_assertion_comes_in_and_the_keys_are_asked_for_once(team: Team) -> None:
    async with guarded(team) as client:
        assert [await came_in(client, team.sign()) for _ in range(20)] == [True] * 20
        assert team.asked == 1
        assert not await came_in(client, "")
        for path in ("/livez", "/readyz", "/api/stripe/webhook"):
            assert await came_in(client, "", path)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["another application"]},
        {"aud": None},
        {"iss": "https://elsewhere.cloudflareaccess.com"},
        {"iss": None},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"key": new_key()},
        {"key": "a shared secret of 32 characters or more", "algorithm": "HS256"},
        {"key": "no key of the team, but long enough for this algorithm to take it, 64", "algorithm": "HS512"},
    ],
)
async def test_an_assertion_that_is_off_in_any_way_is_refused(team: Team, changes: dict[str, Any]) -> None:
    async with guarded(team) as client:
        assert not await came_in(client, team.sign(**changes))
        assert not await came_in(client, "garbage")
        assert await came_in(client, team.sign())


async def test_keys_rotate_and_strangers_cannot_make_us_ask_without_end(team: Team) -> None:
    async with guarded(team) as client:
        assert await came_in(client, team.sign())
        team.keys["second"] = new_key()
        for _ in range(20):
            assert not await came_in(client, team.sign("stranger", new_key()))
        assert team.asked == 1
        clock.move(clock.seconds(31))
        assert await came_in(client, team.sign("second"))
        assert team.asked == 2


async def test_while_cloudflare_is_away_known_keys_go_on_and_unknown_let_nobody_in(team: Team) -> None:
    async with guarded(team) as client:
        assert await came_in(client, team.sign())
        team.is_away = True
        clock.move(clock.seconds(4000))
        assert await came_in(client, team.sign(iat=int(time.time()), exp=int(time.time()) + 60))
        team.keys["second"] = new_key()
        assert not await came_in(client, team.sign("second"))
