"""A permanent bounce or a complaint stops the mail that nobody asked for; only Resend's own word is believed."""

import base64
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import httpx
import pytest

from relay import accounts, clock
from sandbox.mail.events import event, new_secret, signed
from sandbox.mail.letters import Letter, parse
from sandbox.serve import Running, in_thread
from tests.fixtures.front_door import FrontDoor, front_door, served

ANNA = "anna@example.com"
SECRET = new_secret()
LETTER = Letter("49a3999c", parse(b'{"from":"a@b.example","to":["Anna@example.com"],"subject":"Hello","text":"x"}'))
WEBHOOK = "/api/resend/webhook"


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    async with front_door(database_url, RESEND_WEBHOOK_SECRET=SECRET) as door:
        yield door


def why(door: FrontDoor) -> str | None:
    stop = door.database.read_now(lambda c: accounts.mail_stop(c, ANNA))
    return stop.reason if stop else None


async def told(door: FrontDoor, kind: str, bounce: str = "permanent") -> int:
    body = event(LETTER, kind, bounce)
    async with door.browser() as http:
        return (await http.post(WEBHOOK, content=body, headers=signed(body, SECRET))).status_code


@pytest.mark.parametrize(
    ("kind", "bounce", "reason"),
    [
        ("bounced", "permanent", "bounced"),
        ("bounced", "transient", None),
        ("delivered", "permanent", None),
        ("complained", "permanent", "complained"),
    ],
)
async def test_what_an_event_says_decides(door: FrontDoor, kind: str, bounce: str, reason: str | None) -> None:
    for _ in range(3):
        assert await told(door, kind, bounce) == 200
    assert why(door) == reason


async def test_what_is_forged_stale_early_or_altered_is_refused(door: FrontDoor) -> None:
    body = event(LETTER, "bounced")
    fits = signed(body, SECRET)
    at = int(fits["svix-timestamp"])
    wrong = [
        signed(body, new_secret()),
        {**fits, "svix-timestamp": str(at - 301)},
        {**fits, "svix-timestamp": str(at + 301)},
        {**fits, "svix-timestamp": "now"},
        {**fits, "svix-id": "msg_other"},
        {**fits, "svix-signature": ""},
        {**fits, "svix-signature": "v1,\u00e9".encode()},
        {},
    ]
    garbage = b'["not an event"]', b"{}", b'{"type":"email.bounced","created_at":"x","data":{}}', b"\xff\xfe"
    async with door.browser() as http:
        for headers in wrong:
            refused = await http.post(WEBHOOK, content=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_signature")
        altered = await http.post(WEBHOOK, content=body.replace(b"Anna", b"Otto"), headers=fits)
        assert altered.status_code == 400
        for nonsense in garbage:
            answer = await http.post(WEBHOOK, content=nonsense, headers=signed(nonsense, SECRET))
            assert answer.status_code == 400
    assert why(door) is None


async def test_without_a_secret_nothing_is_believed(database_url: str) -> None:
    empty = base64.b64encode(b"").decode()
    async with front_door(database_url, RESEND_WEBHOOK_SECRET="") as door, door.browser() as http:
        body = event(LETTER, "bounced")
        for secret in (empty, SECRET):
            assert (await http.post(WEBHOOK, content=body, headers=signed(body, secret))).status_code == 400
        assert why(door) is None


async def test_a_code_that_is_asked_for_goes_out_all_the_same_and_using_it_lifts_a_bounce(door: FrontDoor) -> None:
    assert await told(door, "bounced") == 200
    clock.move(timedelta(seconds=1))
    await (await door.signed_in(ANNA)).aclose()
    assert why(door) is None
    # News of the old bounce, told again by Resend, come too late.
    at = clock.now() - timedelta(hours=1)
    door.database.write_now(lambda c: accounts.stop_mail(c, ANNA, "bounced", at))
    assert why(door) is None
    assert stopped_at(door, clock.now() + timedelta(seconds=1)) == "bounced"


async def test_a_code_from_before_the_bounce_lifts_nothing(door: FrontDoor) -> None:
    async with door.browser() as http:
        await http.post("/api/auth/request", json={"email": ANNA})
        code = await door.office.code_for(ANNA)
        clock.move(timedelta(seconds=1))
        assert stopped_at(door, clock.now()) == "bounced"
        assert (await http.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 200
    assert why(door) == "bounced"


async def test_only_its_owner_lifts_a_complaint(door: FrontDoor) -> None:
    assert await told(door, "complained") == await told(door, "bounced") == 200
    clock.move(timedelta(seconds=1))
    await (await door.signed_in(ANNA)).aclose()
    assert why(door) == "complained"
    door.database.write_now(lambda c: accounts.allow_mail(c, ANNA))
    assert why(door) is None


def stopped_at(door: FrontDoor, at: datetime) -> str | None:
    door.database.write_now(lambda c: accounts.stop_mail(c, ANNA, "bounced", at))
    return why(door)


@pytest.fixture
def world() -> Iterator[Running]:
    with in_thread(["mail"]) as running:
        yield running


async def test_the_sandbox_tells_of_its_mails_by_a_call_and_by_its_buttons(world: Running, sqlite_url: str) -> None:
    secret, url = world.settings["RESEND_WEBHOOK_SECRET"], world.urls["mail"]
    async with (
        front_door(sqlite_url, RESEND_WEBHOOK_SECRET=secret) as door,
        served(door.app) as address,
        httpx.AsyncClient(base_url=url) as http,
    ):
        world.letterbox.webhooks = [address + WEBHOOK]
        key = {"authorization": f"Bearer {world.settings['RESEND_API_KEY']}"}
        mail = {"from": "a@example.com", "to": ANNA, "subject": "Hello", "text": "x"}
        sent = (await http.post("/emails", json=mail, headers=key)).json()
        tell = await http.post("/sandbox/event", json={"to": ANNA, "kind": "bounced"})
        assert tell.json() == {"statuses": [200]}
        assert why(door) == "bounced"
        assert f'value="{sent["id"]}"' in (await http.get("/")).text
        pressed = await http.post("/sandbox/event", data={"id": sent["id"], "kind": "complained"})
        assert pressed.status_code == 303
        assert why(door) == "complained"
        assert (await http.post("/sandbox/event", json={"to": "nobody@example.com"})).status_code == 404
        assert (await http.post("/sandbox/event", json={"to": ANNA, "kind": "lost"})).status_code == 400
