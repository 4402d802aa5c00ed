"""The event socket is a public door into every event handler. These tests try to get through it."""

import asyncio
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import aiohttp
import pytest
from multidict import CIMultiDict
from socketio.exceptions import BadNamespaceError
from sqlalchemy import text

from account_app.guard import NOBODYS_SOCKETS_MAX, Sockets
from relay.accounts import Whereabouts
from tests.fixtures.dashboard import HYDRATE, NAMESPACE, Dashboard, handshake, hash_of, running, tab
from tests.pages.handlers import HANDLERS, OVERVIEW, ROOT

WRONG = [None, True, -1, 1e308, "x" * 5000, [], [[]], {"a": {"b": []}}, "../../etc/passwd", "\0", "false"]


@pytest.fixture(scope="module", params=["memory", "redis"])
def dashboard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    held_in = {"REDIS_URL": request.getfixturevalue("redis_server").url} if request.param == "redis" else {}
    with running(tmp_path_factory.mktemp("socket"), **held_in) as product:
        yield product


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "{origin}.evil.example"},
        {"Origin": "{origin}/"},
        {"Origin": "https://{origin}"},
    ],
)
async def test_a_socket_opens_only_from_our_own_origin(dashboard: Dashboard, headers: dict[str, str]) -> None:
    cookie = {"Cookie": f"session={dashboard.sign_in('origin@example.com')}"}
    sent = {name: value.replace("{origin}", dashboard.origin) for name, value in headers.items()}
    assert await handshake(dashboard.origin, {**sent, **cookie}) == 403
    assert await handshake(dashboard.origin, {"Origin": dashboard.origin, **cookie}) == 101


@pytest.mark.parametrize(
    "query", ["EIO=4&transport=websocket", "token=a&token=b&EIO=4", "token=&EIO=4", "token=" + "a" * 200]
)
async def test_a_socket_needs_one_sensible_tab_token(dashboard: Dashboard, query: str) -> None:
    assert await handshake(dashboard.origin, {"Origin": dashboard.origin}, query) == 403


async def test_a_signed_in_person_is_shown_their_figures(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("figures@example.com")
    async with tab(dashboard.origin, session=session) as page:
        assert "figures@example.com" in await page.hears("figures@example.com")
        assert "$5.00" in await page.hears("$5.00 promotional")


@pytest.mark.parametrize("lines", [1, 2])
async def test_every_door_takes_two_cookies_of_one_name_for_the_same_person_or_nobody(
    dashboard: Dashboard, lines: int
) -> None:
    own, planted = dashboard.sign_in("twice@example.com"), dashboard.sign_in("planter@example.com")
    assert await _doors_that_know(dashboard, [own, own], lines) == ["account", "assistant", "page", "socket"]
    assert await _doors_that_know(dashboard, [own, planted], lines) == []
    assert await _doors_that_know(dashboard, [planted, "x" * 43], lines) == []


async def _doors_that_know(dashboard: Dashboard, sessions: list[str], lines: int) -> list[str]:
    cookies = [f"session={session}" for session in sessions]
    shown = CIMultiDict(("Cookie", line) for line in (cookies if lines == 2 else ["; ".join(cookies)]))
    known: list[str] = []
    async with aiohttp.ClientSession(dashboard.origin, headers=shown) as browser:
        for door, path in {"account": "/api/auth/me", "assistant": "/api/claude/v1/models"}.items():
            async with browser.get(path) as answer:
                known += [door] if answer.status != 401 else []
        async with browser.get("/", allow_redirects=False) as answer:
            known += ["page"] if answer.status == 200 else []
        known += ["socket"] if "twice@example.com" in await _first_told(browser, dashboard.origin) else []
    return known


async def _first_told(browser: aiohttp.ClientSession, origin: str) -> str:
    """What the event socket says of the person, or where it sends them; spoken by hand, as clients of it drop a cookie
    whose name comes again.
    """
    boot = {"name": HYDRATE, "payload": {}, "router_data": {"pathname": "/", "asPath": "/"}}
    where = f"/_event/?token={secrets.token_hex(8)}&EIO=4&transport=websocket"
    async with browser.ws_connect(where, headers={"Origin": origin}) as socket:
        await socket.send_str(f"40{NAMESPACE}," + json.dumps({"event": boot}))
        async with asyncio.timeout(30):
            while "@example.com" not in (told := await socket.receive_str()) and "_redirect" not in told:
                pass
    return told


async def test_a_stolen_tab_token_opens_nothing(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("victim@example.com")
    async with tab(dashboard.origin, session=session, token="stolen") as page:
        await page.hears("$5.00 promotional")
        async with tab(dashboard.origin, token="stolen") as thief:
            heard = "".join(await thief.has_gone_quiet())
        mallory = dashboard.sign_in("mallory@example.com")
        async with tab(dashboard.origin, session=mallory, token="stolen") as other:
            await other.hears("mallory@example.com")
            heard += "".join(await other.has_gone_quiet())
    assert "victim@example.com" not in heard
    assert "_redirect" in heard


async def test_every_handler_called_by_nobody_tells_and_changes_nothing(dashboard: Dashboard) -> None:
    dashboard.sign_in("bystander@example.com")
    before = _everything(dashboard)
    for path in (
        "/",
        "/usage",
        "/requests",
        "/billing",
        "/storage",
        "/assistant",
        "/keys",
        "/account",
        "/sign-in",
        "/no",
    ):
        async with tab(dashboard.origin, token=f"nobody{path}", path=path) as page:
            for handler in sorted(HANDLERS):
                await page.send(handler, path=path)
            heard = "".join(await page.has_gone_quiet())
        assert "@example.com" not in heard
        assert "$" not in heard.replace("$0.00", "").replace('"$0"', "")
    assert _everything(dashboard) == before


async def test_the_handlers_are_those_that_are_known(dashboard: Dashboard) -> None:
    found = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from account_app.server import load_reflex; load_reflex();"
        "from reflex_base.registry import RegistrationContext as R;"
        "print(*sorted(R.get().event_handlers), sep='\\n')",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await found.communicate()
    assert set(output.decode().split()) == HANDLERS


async def test_payloads_of_the_wrong_type_have_no_effect(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("types@example.com")
    before = _everything(dashboard)
    async with tab(dashboard.origin, session=session, token="types") as page:
        await page.hears("types@example.com")
        for handler in sorted(HANDLERS):
            for wrong in WRONG:
                payload = wrong if isinstance(wrong, dict) else {"vars": wrong, "info": wrong, "account_id": wrong}
                await page.send(handler, payload)
        await page.has_gone_quiet()
    async with tab(dashboard.origin, session=session, token="types") as page:
        await page.hears("types@example.com")
        await page.hears("$5.00 promotional")
    assert _everything(dashboard) == before


async def test_junk_instead_of_events_harms_nobody_else(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("calm@example.com")
    async with tab(dashboard.origin, session=session, token="calm") as calm:
        await calm.hears("calm@example.com")
        async with tab(dashboard.origin, token="junk") as page:
            for junk in WRONG:
                await page.client.emit("event", junk, namespace="/_event")
                await page.client.emit("client_error", junk, namespace="/_event")
        calm.frames.clear()
        await calm.send(f"{OVERVIEW}.load")
        await calm.hears("$5.00 promotional")


async def test_a_zone_that_is_not_one_is_read_as_utc(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("zone@example.com")
    name = f"{OVERVIEW.rsplit('.', 1)[0]}.zone_rx_state_"
    async with tab(dashboard.origin, session=session, token="zone") as page:
        await page.hears("zone@example.com")
        for wrong in ("../../etc/passwd", "Mars/Olympus", 7, ["Europe/Berlin"], "x" * 10_000):
            page.frames.clear()
            await page.send(
                f"{ROOT}.reflex___state____update_vars_internal_state.update_vars_internal",
                {"vars": {name: wrong}},
            )
            await page.send(f"{OVERVIEW}.load")
            await page.hears("$5.00 promotional")


async def test_the_next_event_after_the_session_has_ended_is_refused(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("ended@example.com")
    async with tab(dashboard.origin, session=session, token="ended") as page:
        await page.hears("$5.00 promotional")
        before = len(page.frames)
        dashboard.end_sessions("ended@example.com")
        # The socket itself is closed within a second, and may be before this event arrives.
        with suppress(BadNamespaceError):
            await page.send(f"{OVERVIEW}.load")
        told, closed = asyncio.create_task(page.hears("/sign-in")), asyncio.create_task(page.closed.wait())
        await asyncio.wait([told, closed], return_when=asyncio.FIRST_COMPLETED)
        assert page.closed.is_set() or "_redirect" in await told
        for waiting in (told, closed):
            waiting.cancel()
        assert "ended@example.com" not in "".join(page.frames[before:])


async def test_sockets_of_an_ended_session_are_closed_and_others_stay(dashboard: Dashboard) -> None:
    session, other = dashboard.sign_in("leaves@example.com"), dashboard.sign_in("stays@example.com")
    async with (
        tab(dashboard.origin, session=session, token="a") as first,
        tab(dashboard.origin, session=session, token="b") as second,
        tab(dashboard.origin, session=other, token="c") as stays,
    ):
        await stays.hears("stays@example.com")
        dashboard.end_sessions("leaves@example.com")
        await asyncio.wait_for(asyncio.gather(first.closed.wait(), second.closed.wait()), 30)
        assert not stays.closed.is_set()


async def test_frames_hold_no_secret_and_nobody_else(dashboard: Dashboard) -> None:
    other = dashboard.sign_in("somebody-else@example.com")
    session = dashboard.sign_in("frames@example.com")
    secret = {
        "Origin": dashboard.origin,
        "Authorization": "Bearer at_very_secret",
        "X-Api-Key": "ak_very_secret",
    }
    frames = ""
    for path in ("/", "/usage", "/requests", "/billing", "/storage", "/assistant", "/keys", "/account"):
        async with tab(dashboard.origin, session=session, token="frames", headers=secret, path=path) as page:
            await page.hears("frames@example.com")
            frames += "".join(await page.has_gone_quiet())
    theirs = dashboard.account_id("somebody-else@example.com")
    secrets = (session, hash_of(session), other, hash_of(other), "very_secret", theirs, "somebody-else")
    assert [secret for secret in secrets if secret in frames] == []


async def test_a_change_of_the_figures_reaches_the_open_page(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("moves@example.com")
    account_id = dashboard.account_id("moves@example.com")
    async with tab(dashboard.origin, session=session, token="moves") as page:
        await page.hears("$5.00 promotional")
        dashboard.give(account_id, 7)
        await page.hears("$12.00 promotional")


async def test_other_doors_of_reflex_are_shut(dashboard: Dashboard) -> None:
    async with aiohttp.ClientSession() as client:
        for path in (
            "/_event/?EIO=4&transport=polling&token=a",
            "/_upload",
            "/_health",
            "/ping",
            "/_all_routes",
        ):
            async with client.get(dashboard.origin + path, headers={"Origin": dashboard.origin}) as answer:
                assert answer.status == 404, path


def _everything(dashboard: Dashboard) -> list[object]:
    """What an attacker would like to change."""
    names = ("accounts", "sessions", "balances", "grants", "entries", "holds", "usage", "api_keys")
    columns = {"sessions": "id, account_id, token_hash, expires_at"}
    return [
        dashboard.database.read_now(
            lambda c, n=name: sorted(map(str, c.execute(text(f"SELECT {columns.get(n, '*')} FROM {n}"))))
        )
        for name in names
    ]


def test_of_too_many_sockets_of_nobody_the_oldest_ends() -> None:
    registry, nowhere = Sockets(), Whereabouts("", "")
    with ExitStack() as stack:
        _, somebodys = stack.enter_context(registry.opened("a session's hash", nowhere))
        nobodys = [stack.enter_context(registry.opened("", nowhere))[1] for _ in range(NOBODYS_SOCKETS_MAX + 1)]
        assert [socket.ended.is_set() for socket in nobodys[:2]] == [True, False]
        assert not somebodys.ended.is_set()
