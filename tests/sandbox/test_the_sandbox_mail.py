"""The sandbox's mail service, seen through Resend's own SDK."""

from collections.abc import Iterator

import httpx
import pytest
import resend
from resend.exceptions import (
    ApplicationError,
    InvalidApiKeyError,
    MissingRequiredFieldsError,
    ResendError,
    ValidationError,
)

from sandbox.mail.letters import Letterbox
from sandbox.serve import Running, in_thread

MAIL: resend.Emails.SendParams = {
    "from": "Fonts <codes@example.com>",
    "to": ["anna@example.com"],
    "subject": "004213 is your sign-in code",
    "html": "<p>Your code is <b>004213</b></p><script>alert(1)</script>",
    "text": "Your code is 004213",
}


@pytest.fixture
def world() -> Iterator[Running]:
    before = resend.api_key, resend.api_url, resend.default_async_http_client
    # The product's own gateway may have put its client there in this process.
    resend.default_async_http_client = resend.HTTPXClient()
    with in_thread(["mail"]) as running:
        resend.api_key, resend.api_url = running.settings["RESEND_API_KEY"], running.urls["mail"]
        yield running
    resend.api_key, resend.api_url, resend.default_async_http_client = before


def inbox(world: Running) -> list[dict[str, object]]:
    return httpx.get(f"{world.urls['mail']}/emails.json").json()


def test_a_mail_is_taken_and_can_be_read(world: Running) -> None:
    sent = resend.Emails.send(MAIL)
    (letter,) = inbox(world)
    assert letter["id"] == sent["id"]
    assert letter["to"] == ["anna@example.com"]
    assert letter["from"] == MAIL["from"]
    assert resend.Emails.get(sent["id"])["subject"] == MAIL["subject"]
    page = httpx.get(world.urls["mail"]).text
    assert "004213 is your sign-in code" in page


async def test_a_mail_can_be_sent_asynchronously(world: Running) -> None:
    await resend.Emails.send_async(MAIL)
    assert len(inbox(world)) == 1


def test_what_a_mail_contains_is_inert_on_the_page(world: Running) -> None:
    resend.Emails.send({**MAIL, "subject": "<script>alert(2)</script>", "text": "</pre><script>alert(3)</script>"})
    page = httpx.get(world.urls["mail"]).text
    assert "<script>" not in page
    assert "<iframe sandbox title" in page


def test_the_newest_mail_comes_first_and_one_address_can_be_picked(world: Running) -> None:
    resend.Emails.send(MAIL)
    resend.Emails.send({**MAIL, "to": "ben@example.com", "subject": "Later"})
    assert [letter["subject"] for letter in inbox(world)] == ["Later", MAIL["subject"]]
    found = httpx.get(f"{world.urls['mail']}/emails.json", params={"to": "anna@example.com"}).json()
    assert [letter["subject"] for letter in found] == [MAIL["subject"]]


def test_the_same_idempotency_key_sends_once(world: Running) -> None:
    first = resend.Emails.send(MAIL, {"idempotency_key": "code-1"})
    again = resend.Emails.send(MAIL, {"idempotency_key": "code-1"})
    assert first["id"] == again["id"]
    assert len(inbox(world)) == 1
    with pytest.raises(ResendError) as raised:
        resend.Emails.send({**MAIL, "subject": "Another"}, {"idempotency_key": "code-1"})
    assert raised.value.code == 409


def test_an_idempotency_key_is_forgotten_after_a_day() -> None:
    now = [0.0]
    box, raw = Letterbox(clock=lambda: now[0]), b'{"from":"a@example.com","to":"c@d.co","subject":"x","text":"y"}'
    first = box.accept(raw, "key")
    now[0] = 24 * 3600.0 - 1
    assert box.accept(raw, "key") == first
    now[0] = 24 * 3600.0
    assert box.accept(raw, "key") != first


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"to": "no address"}, ValidationError),
        ({"to": "a@example.com\r\nbcc: b@example.com"}, ValidationError),
        ({"to": []}, ValidationError),
        ({"from": "nobody"}, ValidationError),
        ({"subject": "two\nlines"}, ValidationError),
        ({"colour": "red"}, ValidationError),
        ({"html": "", "text": ""}, MissingRequiredFieldsError),
    ],
)
def test_a_mail_that_resend_would_refuse_is_refused(
    world: Running, change: dict[str, object], error: type[ResendError]
) -> None:
    with pytest.raises(error):
        resend.Emails.send({**MAIL, **change})
    assert inbox(world) == []


def test_a_missing_field_is_named(world: Running) -> None:
    with pytest.raises(MissingRequiredFieldsError, match="subject"):
        resend.Emails.send({name: value for name, value in MAIL.items() if name != "subject"})


def test_a_wrong_key_is_refused(world: Running) -> None:
    resend.api_key = "sk_not_resend"
    with pytest.raises(InvalidApiKeyError):
        resend.Emails.send(MAIL)
    assert httpx.post(f"{world.urls['mail']}/emails", json=MAIL).status_code == 401


def test_the_next_send_can_be_made_to_fail(world: Running) -> None:
    httpx.post(f"{world.urls['mail']}/sandbox/next", json={"status": 500}).raise_for_status()
    with pytest.raises(ApplicationError):
        resend.Emails.send(MAIL)
    assert inbox(world) == []
    resend.Emails.send(MAIL)
    assert len(inbox(world)) == 1


def test_codes_in_subjects_are_announced() -> None:
    told: list[tuple[str, str]] = []
    box = Letterbox(lambda address, code: told.append((address, code)))
    box.accept(b'{"from":"a@example.com","to":"c@d.co","subject":"004213 is your code","text":"y"}', None)
    box.accept(b'{"from":"a@example.com","to":"c@d.co","subject":"Invoice 12345678","text":"y"}', None)
    assert told == [("c@d.co", "004213")]


def test_only_a_verified_domain_may_send(world: Running) -> None:
    with pytest.raises(ResendError, match="not verified"):
        resend.Emails.send({**MAIL, "from": "Fonts <codes@fonts.dev>"})
    httpx.post(f"{world.urls['mail']}/sandbox/domain", json={"name": "fonts.dev"}).raise_for_status()
    resend.Emails.send({**MAIL, "from": "Fonts <codes@fonts.dev>"})
    (known,) = [one for one in resend.Domains.list()["data"] if one["name"] == "fonts.dev"]
    assert known["status"] == "verified"
    records = resend.Domains.get(known["id"])["records"]
    assert [(one["record"], one["status"]) for one in records or []] == [("SPF", "verified"), ("DKIM", "verified")]
