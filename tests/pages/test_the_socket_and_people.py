"""What changes keys, sessions and accounts over the event socket: for its owner only, in the right types only."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from socketio.exceptions import BadNamespaceError
from sqlalchemy import select, text, update

from relay import accounts, clock, operating
from relay.tables import ApiKey, Session, table
from tests.fixtures.dashboard import Dashboard, running, tab
from tests.pages.handlers import ACCOUNT, KEYS, OPERATOR, STORAGE

ONCE = operating.new_key()
ANNA, BOB = "anna@example.com", "bob@example.com"
HUGE = "x" * 1_000_000
WRONG: list[Any] = [False, True, None, 1e308, -1, [], [["a"]], {"a": {"b": []}}, "", "\0", "\ud800"]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with running(tmp_path_factory.mktemp("people"), OPERATOR_EMAILS="Ops@example.com") as product:
        yield product


def of_anna(dashboard: Dashboard) -> tuple[str, dict[str, Any]]:
    """Anna's key and second session, as the arguments of everything that could harm them."""
    account_id = dashboard.account_id(ANNA)
    key, row = dashboard.database.write_now(lambda c: accounts.create_key(c, account_id, "hers"))
    sessions = dashboard.database.read_now(lambda c: accounts.list_sessions(c, account_id))
    calls = {
        f"{KEYS}.revoke": {"key_id": row.id},
        f"{KEYS}.change": {"form": {"key": row.id, "name": "mine now", "cap": "0"}},
        f"{STORAGE}.delete": {"name": "hers.ttf"},
        f"{STORAGE}.put_back": {"name": "hers.ttf"},
        f"{ACCOUNT}.end_session": {"session_id": sessions[-1].id},
        f"{ACCOUNT}.confirm_move": {"form": {"old_code": "000000", "new_code": "000000"}},
        f"{ACCOUNT}.close": {"form": {"code": "000000"}},
        f"{OPERATOR}.give": {"form": {"account": account_id, "usd": "5", "reason": "mine", "once": ONCE}},
        f"{OPERATOR}.block": {"form": {"account": account_id, "reason": "mine"}},
        f"{OPERATOR}.unblock": {"form": {"account": account_id, "reason": "mine"}},
        f"{OPERATOR}.correct": {"form": {"request": "req_1", "usd": "0", "reason": "mine", "once": ONCE}},
        f"{OPERATOR}.replay": {"event_id": "evt_1"},
        f"{OPERATOR}.look": {},
        f"{OPERATOR}.inspect": {},
        f"{OPERATOR}.follow": {},
    }
    return key, calls


def kept(dashboard: Dashboard) -> list[object]:
    """What nobody but its owner may change."""
    names = {"accounts": "*", "api_keys": "*", "sessions": "id, account_id, token_hash", "grants": "*", "balances": "*"}
    names |= {"operator_actions": "*", "inspections": "*"}
    return [
        dashboard.database.read_now(lambda c, n=n, s=s: sorted(map(str, c.execute(text(f"SELECT {s} FROM {n}")))))
        for n, s in names.items()
    ]


async def test_nobody_and_somebody_else_change_nothing_of_hers(dashboard: Dashboard) -> None:
    dashboard.sign_in(ANNA)
    bob = dashboard.sign_in(BOB)
    _, calls = of_anna(dashboard)
    before = kept(dashboard)
    for session in ("", bob):
        for path in ("/keys", "/account", "/operator"):
            async with tab(dashboard.origin, session=session, token=f"x{session}{path}", path=path) as page:
                for handler, payload in calls.items():
                    await page.send(handler, payload, path)
                heard = "".join(await page.has_gone_quiet())
            assert ANNA not in heard
            assert "hers" not in heard
    assert kept(dashboard) == before


@pytest.mark.parametrize("wrongs", [WRONG, [float("nan")], [HUGE]], ids=["types", "nan", "huge"])
async def test_arguments_of_the_wrong_type_change_nothing(dashboard: Dashboard, wrongs: list[Any]) -> None:
    session = dashboard.sign_in(ANNA)
    _, calls = of_anna(dashboard)
    before = kept(dashboard)
    async with tab(dashboard.origin, session=session, token="wrong", path="/keys") as page:
        await page.hears(ANNA)
        # The socket may close on what is no JSON, or is too long: that is an answer too.
        with suppress(BadNamespaceError):
            for wrong in wrongs:
                for handler, payload in wrong_calls(calls, wrong):
                    await page.send(handler, payload, "/keys")
        await page.has_gone_quiet()
    assert kept(dashboard) == before


def wrong_calls(calls: dict[str, Any], wrong: Any) -> Iterator[tuple[str, Any]]:
    """Every call with a wrong argument, then with a right one that has wrong fields."""
    for handler, payload in calls.items():
        yield handler, dict.fromkeys(payload, wrong)
        for name, fields in payload.items():
            if isinstance(fields, dict):
                yield handler, {name: {**fields, **dict.fromkeys(fields, wrong)}}
    yield f"{KEYS}.make", {"form": {"new-name": "\a", "new-cap": wrong}}
    yield f"{ACCOUNT}.choose", {"form": {"time_zone": wrong or "Mars", "locale": wrong}}
    yield f"{ACCOUNT}.request_move", {"form": {"email": wrong}}


async def test_a_new_key_is_in_its_owners_frames_alone_and_goes_from_them(dashboard: Dashboard) -> None:
    session, bob = dashboard.sign_in("carla@example.com"), dashboard.sign_in(BOB)
    async with (
        tab(dashboard.origin, session=session, token="own", path="/keys") as page,
        tab(dashboard.origin, session=bob, token="own", path="/keys") as other,
    ):
        await page.hears("carla@example.com")
        await other.hears(BOB)
        await page.send(f"{KEYS}.make", {"form": {"new-name": "desk", "new-cap": "5"}}, "/keys")
        key = key_in(await page.hears('"made_rx_state_": "ak_'))
        await page.send(f"{KEYS}.forget", {}, "/keys")
        await page.hears('"made_rx_state_": ""')
        page.frames.clear()
        await page.send(f"{KEYS}.load", {}, "/keys")
        await page.hears("desk")
        assert key not in "".join([*await page.has_gone_quiet(), *await other.has_gone_quiet()])


async def test_a_session_that_is_ended_from_another_loses_its_page(dashboard: Dashboard) -> None:
    first, second = dashboard.sign_in("dora@example.com"), dashboard.sign_in("dora@example.com")
    sessions = table(Session)
    hashed = accounts.secrets.hash_of(second)
    ended = dashboard.database.read_now(
        lambda c: c.execute(select(sessions.c.id).where(sessions.c.token_hash == hashed)).scalar_one()
    )
    async with (
        tab(dashboard.origin, session=first, token="first", path="/account") as page,
        tab(dashboard.origin, session=second, token="second", path="/account") as other,
    ):
        await page.hears("dora@example.com")
        await other.hears("dora@example.com")
        await page.send(f"{ACCOUNT}.end_session", {"session_id": ended}, "/account")
        await asyncio.wait_for(other.closed.wait(), 30)
        assert not page.closed.is_set()


async def test_a_page_that_is_open_elsewhere_says_so_in_the_list_of_sessions(dashboard: Dashboard) -> None:
    session, sessions = dashboard.sign_in("emil@example.com"), table(Session)
    mine = sessions.c.token_hash == accounts.secrets.hash_of(session)
    ago = clock.now() - timedelta(minutes=5)
    before = update(sessions).where(mine).values(device="Chrome on Windows", place="203.0.113.0/24", last_seen_at=ago)
    dashboard.database.write_now(lambda c: c.execute(before))
    firefox = {"Origin": dashboard.origin, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0"}
    headers = firefox | {"Cookie": f"session={session}"}
    async with tab(dashboard.origin, session=session, token="elsewhere", headers=headers, path="/account") as page:
        await page.hears("emil@example.com")
        await page.send(f"{ACCOUNT}.load", {}, "/account")
        await page.hears("Firefox on Linux")
    row = dashboard.database.read_now(
        lambda c: c.execute(select(sessions.c.device, sessions.c.place).where(mine)).one()
    )
    assert tuple(row) == ("Firefox on Linux", "127.0.0.0/24")


async def test_a_revoked_key_is_revoked_by_its_owner_over_the_page(dashboard: Dashboard) -> None:
    session = dashboard.sign_in(ANNA)
    key, calls = of_anna(dashboard)
    keys = table(ApiKey)
    hashed = accounts.secrets.hash_of(key)
    async with tab(dashboard.origin, session=session, token="revokes", path="/keys") as page:
        await page.hears(ANNA)
        await page.send(f"{KEYS}.revoke", {"key_id": "key_of_nobody"}, "/keys")
        # Nothing on the page stands beside this: a toast tells it.
        await page.hears('"told_rx_state_": "There is no such key')
        await page.send(f"{KEYS}.revoke", calls[f"{KEYS}.revoke"], "/keys")
        await page.hears("Revoked.")
    revoked = dashboard.database.read_now(
        lambda c: c.execute(select(keys.c.revoked_at).where(keys.c.key_hash == hashed)).scalar()
    )
    assert revoked is not None


def key_in(frame: str) -> str:
    found = json.loads(frame)
    start = frame.index("ak_")
    assert found
    return frame[start : start + 46]


async def test_an_operator_acts_by_the_page_and_it_is_written_down(dashboard: Dashboard) -> None:
    ops = dashboard.sign_in("ops@example.com")
    anna = dashboard.sign_in(ANNA)
    account_id = dashboard.account_id(ANNA)
    async with (
        tab(dashboard.origin, session=ops, token="ops", path="/operator") as page,
        tab(dashboard.origin, session=anna, token="anna", path="/") as hers,
    ):
        await page.hears("ops@example.com")
        await page.send(f"{OPERATOR}.load", {}, "/operator")
        await page.hears(ANNA)
        await hers.hears("$5.00 promotional")
        form = {"account": account_id, "usd": "2", "reason": "A lost day", "once": ONCE}
        await page.send(f"{OPERATOR}.give", {"form": form}, "/operator")
        await page.send(f"{OPERATOR}.give", {"form": form}, "/operator")
        await page.hears("Done, and written down.")
        await hers.hears("$7.00 promotional")
        await page.send(f"{OPERATOR}.look", {}, "/operator")
        await page.hears("Down")
    written = dashboard.database.read_now(
        lambda c: c.execute(text("SELECT operator, reason FROM operator_actions")).all()
    )
    assert [tuple(row) for row in written] == [("ops@example.com", "A lost day")]
