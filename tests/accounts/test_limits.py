"""How often, how much, how many at once; in memory and in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from limits import RateLimitItemPerHour

from relay import clock
from relay.errors import TooMany
from relay.ids import new_id
from relay.limits import CLIENT_CODES_PER_HOUR, Limits
from relay.settings import read_settings
from tests.fixtures.front_door import FrontDoor, front_door

RATES = {"RATE_REQUESTS_PER_MINUTE": 5, "RATE_TOKENS_PER_MINUTE": 1000, "RATE_CONCURRENT": 3}


@pytest.fixture(params=["memory", "redis"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    limits = Limits(read_settings(REDIS_URL=url, **RATES))
    yield limits
    await limits.aclose()


async def test_a_minute_has_so_many_requests(limits: Limits) -> None:
    account_id = new_id("acct")
    for _ in range(5):
        await limits.admit(account_id, 1)
    with pytest.raises(TooMany) as refused:
        await limits.admit(account_id, 1)
    assert 1 <= (refused.value.retry_after or 0) <= 60
    await limits.admit(new_id("acct"), 1)


async def test_a_minute_has_so_many_tokens_and_a_refusal_counts_nothing(limits: Limits) -> None:
    account_id = new_id("acct")
    await limits.admit(account_id, 600)
    for _ in range(3):
        with pytest.raises(TooMany):
            await limits.admit(account_id, 600)
    await limits.admit(account_id, 400)


async def test_a_request_larger_than_a_minute_passes_only_alone(limits: Limits) -> None:
    account_id = new_id("acct")
    await limits.admit(account_id, 10**12)
    with pytest.raises(TooMany):
        await limits.admit(account_id, 1)


async def test_of_many_requests_at_once_no_more_than_the_limit_pass(limits: Limits) -> None:
    account_id = new_id("acct")
    done = await asyncio.gather(*(limits.admit(account_id, 1) for _ in range(40)), return_exceptions=True)
    assert sum(outcome is None for outcome in done) == 5


async def test_so_many_streams_are_open_at_once_and_leaving_makes_room(limits: Limits) -> None:
    account_id = new_id("acct")
    async with AsyncExitStack() as stack:
        for number in range(3):
            await stack.enter_async_context(limits.stream(account_id, f"req_{number}"))
        with pytest.raises(TooMany):
            await stack.enter_async_context(limits.stream(account_id, "req_3"))
    await _enter_once_there_is_room(limits, account_id)


async def test_a_rule_says_when_it_allows_more(limits: Limits) -> None:
    rule, key = RateLimitItemPerHour(2), new_id("key")
    await limits.hit(rule, key)
    await limits.hit(rule, key)
    with pytest.raises(TooMany) as refused:
        await limits.hit(rule, key)
    assert 1 <= (refused.value.retry_after or 0) <= 3600
    await limits.hit(rule, new_id("key"))


async def test_a_minute_later_there_is_room_again_and_a_clock_set_back_locks_nobody_out() -> None:
    limits = Limits(read_settings(REDIS_URL=None, **RATES))
    for move in (timedelta(0), timedelta(seconds=61), timedelta(hours=-1)):
        clock.move(move)
        for _ in range(5):
            await limits.admit("acct_a", 1)
        with pytest.raises(TooMany):
            await limits.admit("acct_a", 1)


async def test_two_workers_share_their_limits_in_redis(redis_url: str) -> None:
    one, other = (Limits(read_settings(REDIS_URL=redis_url, **RATES)) for _ in range(2))
    account_id = new_id("acct")
    for worker in (one, other, one, other, one):
        await worker.admit(account_id, 1)
    with pytest.raises(TooMany):
        await other.admit(account_id, 1)
    await one.aclose()
    await other.aclose()


async def test_many_addresses_from_one_client_are_bounded_and_it_is_told(database_url: str) -> None:
    async with front_door(database_url) as door:
        answers = [await _ask(door, "203.0.113.7", n) for n in range(CLIENT_CODES_PER_HOUR.amount + 1)]
        assert {status for status, _ in answers[:-1]} == {202}
        status, retry_after = answers[-1]
        assert status == 429
        assert 1 <= int(retry_after) <= 3600
        assert (await _ask(door, "203.0.113.8", 1000))[0] == 202


async def test_an_ipv6_client_is_its_64(database_url: str) -> None:
    async with front_door(database_url) as door:
        for n in range(CLIENT_CODES_PER_HOUR.amount):
            await _ask(door, f"2001:db8:0:1::{n + 1:x}", n)
        assert (await _ask(door, "2001:db8:0:1:ffff::9", 1000))[0] == 429
        assert (await _ask(door, "2001:db8:0:2::1", 1001))[0] == 202


@pytest.mark.parametrize(
    ("hops", "last_status"), [(0, 429), (1, 429), (2, 202)], ids=["none", "one", "more than there are"]
)
async def test_forwarded_addresses_are_believed_only_for_trusted_hops(
    database_url: str, hops: int, last_status: int
) -> None:
    """The proxy at 10.0.0.1 adds what it saw (203.0.113.7); what is left of that is the client's word."""
    async with front_door(database_url, TRUSTED_PROXIES=hops) as door:
        statuses = [
            (await _ask(door, "10.0.0.1", n, **{"x-forwarded-for": f"192.0.2.{n}, 203.0.113.7"}))[0]
            for n in range(CLIENT_CODES_PER_HOUR.amount + 1)
        ]
        assert statuses[-1] == last_status


async def _enter_once_there_is_room(limits: Limits, account_id: str) -> None:
    """Leaving never waits for Redis, so a place may come free a moment later."""
    while True:
        try:
            async with limits.stream(account_id, "req_4"):
                return
        except TooMany:
            await asyncio.sleep(0)


async def _ask(door: FrontDoor, address: str, number: int, **headers: str) -> tuple[int, str]:
    browser = door.browser(address, **headers)
    answer = await browser.post("/api/auth/request", json={"email": f"person{number}@example.com"})
    return answer.status_code, answer.headers.get("retry-after", "")
