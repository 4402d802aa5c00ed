"""Mail, and what happens to signing in when the mail service misbehaves."""

import io
import json
from collections.abc import AsyncIterator

import pytest
import structlog

from relay.errors import Misconfigured
from relay.gateways.mail import Mail, MailFailed, Message
from relay.settings import read_settings
from tests.fixtures.front_door import FrontDoor, PostOffice, front_door, post_office

ANNA = "anna@example.com"
LETTER = Message(ANNA, "Hello", "text", "<p>html</p>", key="key-1", about="anna")


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


async def test_a_mail_service_that_is_down_changes_no_answer_and_the_mail_comes_later(
    database_url: str,
) -> None:
    async with front_door(database_url) as door, door.browser() as browser:
        door.office.statuses[:] = [500, 429, 503]
        asked = await browser.post("/api/auth/request", json={"email": ANNA})
        assert asked.status_code == 202
        code = await door.office.code_for(ANNA)
        answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})
        assert answer.status_code == 200
        assert (len(door.office.mails), len(door.office.authorizations)) == (1, 4)


async def test_a_mail_has_both_bodies_and_a_key_that_makes_a_repeat_harmless(office: PostOffice) -> None:
    mail = Mail(_settings(office))
    assert await mail.send(LETTER) == "49a3999c"
    await mail.aclose()
    (sent,) = office.mails
    assert (sent["to"], sent["subject"], sent["text"], sent["html"]) == (
        [ANNA],
        "Hello",
        "text",
        "<p>html</p>",
    )
    assert office.idempotency_keys == ["key-1"]


async def test_two_mail_services_in_one_process_keep_their_own_keys(office: PostOffice) -> None:
    async with post_office() as other:
        here, there = Mail(_settings(office)), Mail(_settings(other, RESEND_API_KEY="re_other"))
        await here.send(LETTER)
        await there.send(LETTER)
        await here.send(LETTER)
        assert (office.authorizations, other.authorizations) == (["Bearer re_test"] * 2, ["Bearer re_other"])
        await here.aclose()
        await there.aclose()


async def test_a_refusal_tells_its_status_and_no_address(office: PostOffice) -> None:
    mail = Mail(_settings(office))
    office.statuses[:] = [422, 503]
    for status, is_passing in ((422, False), (503, True)):
        with pytest.raises(MailFailed) as failed:
            await mail.send(LETTER)
        assert (failed.value.status, failed.value.is_passing) == (status, is_passing)
    await mail.aclose()


async def test_what_is_on_its_way_is_sent_before_closing(office: PostOffice) -> None:
    mail = Mail(_settings(office))
    mail.post(LETTER)
    await mail.aclose()
    assert len(office.mails) == 1


async def test_health_tells_an_answer_from_a_refusal_and_from_silence(office: PostOffice) -> None:
    mail = Mail(_settings(office))
    assert (await mail.health()).ok
    office.statuses[:] = [401, 500]
    assert [(await mail.health()).ok, (await mail.health()).ok] == [False, False]
    await mail.aclose()
    nobody = Mail(_settings(office, RESEND_API_URL="http://127.0.0.1:1"))
    assert (await nobody.health()).detail == "not reached: ConnectError"
    await nobody.aclose()


def test_a_missing_key_is_a_closed_door() -> None:
    with pytest.raises(Misconfigured, match="RESEND_API_KEY"):
        Mail(read_settings(RESEND_API_KEY=None))


async def test_no_secret_and_no_address_is_in_the_log(database_url: str) -> None:
    written = io.StringIO()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(written),
    )
    try:
        async with front_door(database_url) as door:
            door.office.statuses[:] = [500]
            secrets = await _sign_in_and_out(door)
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {"code_requested", "mail_sent", "signed_in", "signed_out"} <= {line["event"] for line in lines}
    assert all(line["request_id"] for line in lines if line["event"] != "stamina.retry_scheduled")
    assert not [secret for secret in secrets if secret in written.getvalue()]


async def _sign_in_and_out(door: FrontDoor) -> list[str]:
    browser = await door.signed_in(ANNA)
    token = (await browser.post("/api/auth/token")).json()["token"]
    secrets = [
        ANNA,
        "anna",
        token,
        browser.cookies["session"],
        door.office.mails[0]["subject"][:6],
        "203.0.113",
    ]
    await browser.post("/api/auth/logout")
    return secrets


def _settings(office: PostOffice, **changes: object):
    return read_settings(**({"RESEND_API_URL": office.url, "RESEND_API_KEY": "re_test"} | changes))
