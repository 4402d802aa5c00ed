"""Addresses and codes as people and programs write them: what is one, what is none, and which are the same."""

import json

import pytest
from sqlalchemy import func, select

from relay.accounts import normalise_code, normalise_email
from relay.errors import BadInput, CodeInvalid
from relay.tables import SignInCode, table
from tests.fixtures.front_door import FrontDoor

BAD_ADDRESSES = [
    "a@example.com\r\nBcc: b@example.com",
    "a@example.com\nb@example.com",
    "a@example.com,b@example.com",
    "a@example.com b@example.com",
    "A <a@example.com>",
    "a" * 10_240 + "@example.com",
    "a" * 65 + "@example.com",
    "@example.com",
    "a@localhost",
    "a@[127.0.0.1]",
    "a@example.com\0",
    "",
    ["a@example.com"],
    {"a": 1},
    None,
    7,
    True,
]


@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=range(len(BAD_ADDRESSES)))
async def test_what_is_not_one_address_is_400_and_mails_nothing(door: FrontDoor, address: object) -> None:
    answer = await door.browser().post("/api/auth/request", json={"email": address})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"
    if isinstance(address, str):
        assert (await door.browser().post("/api/auth/request", data={"email": address})).status_code == 400
    made = select(func.count()).select_from(table(SignInCode))
    assert await door.database.read(lambda c: c.execute(made).scalar()) == 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"email": "a@example.com"}', "text/plain", 400),
        (b"email=a@example.com&email=b@example.com", "application/x-www-form-urlencoded", 400),
        (b"email=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(60)), "application/x-www-form-urlencoded", 400),
        (json.dumps({"email": "a" * 70_000}).encode(), "application/json", 413),
    ],
)
async def test_odd_bodies_are_refused(door: FrontDoor, body: bytes, kind: str, status: int) -> None:
    answer = await door.browser().post("/api/auth/request", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["request_id"] == answer.headers["request-id"]


def test_one_person_has_one_spelling() -> None:
    spellings = ["Zoe\u0308@Bu\u0308cher.example", "ZOË@BÜCHER.example ", "zoë@xn--bcher-kva.example"]
    assert {normalise_email(spelling) for spelling in spellings} == {"zoë@xn--bcher-kva.example"}


@pytest.mark.parametrize("typed", ["004213", " 004 213 ", "004-213", "００４２１３", "٠٠٤٢١٣", "004–213\u00a0"])
def test_a_code_keeps_its_zeros_whatever_digits_and_spaces_it_is_typed_with(typed: str) -> None:
    assert normalise_code(typed) == "004213"


@pytest.mark.parametrize("typed", ["4213", "0042130", "00421a", "⁰⁰⁴²¹³", "", "+04213", "0" * 10_000])
def test_anything_else_is_no_code(typed: str) -> None:
    with pytest.raises(CodeInvalid):
        normalise_code(typed)


@pytest.mark.parametrize("typed", [4213, 4213.0, True, None, ["004213"]])
def test_a_code_that_is_not_text_is_bad_input(typed: object) -> None:
    with pytest.raises(BadInput):
        normalise_code(typed)
