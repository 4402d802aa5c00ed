"""`/api/keys`: who may make, change and revoke which key, and what a revoked key's open streams do."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.fixtures.calling import message, new_customer
from tests.fixtures.endings import all_rows
from tests.fixtures.front_door import FrontDoor
from tests.fixtures.product import Product, eventually

ANNA, BOB = "anna@example.com", "bob@example.com"


async def test_a_key_lives_from_making_to_revoking(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    made = await anna.post("/api/keys", json={"name": " my  laptop ", "cap_usd": "2.50"})
    assert made.status_code == 201
    row = made.json()
    key = row.pop("key")
    assert (row["name"], row["cap_usd"], row["spent_usd"], row["hint"]) == ("my laptop", "2.5", "0", key[-4:])
    assert (await anna.get("/api/keys")).json() == {"keys": [row], "most": 50}
    renamed = await anna.patch(f"/api/keys/{row['id']}", json={"name": "desk"})
    assert (renamed.json()["name"], renamed.json()["cap_usd"]) == ("desk", "2.5")
    uncapped = await anna.patch(f"/api/keys/{row['id']}", json={"cap_usd": None})
    assert (uncapped.json()["name"], uncapped.json()["cap_usd"]) == ("desk", None)
    program = door.browser(**{"x-api-key": key})
    assert (await program.get("/api/auth/me")).status_code == 200
    assert (await anna.delete(f"/api/keys/{row['id']}")).status_code == 204
    assert door.services.hub.over == [row["id"]]
    assert (await program.get("/api/auth/me")).status_code == 401
    assert (await anna.delete(f"/api/keys/{row['id']}")).status_code == 404
    assert (await anna.patch(f"/api/keys/{row['id']}", json={"name": "x"})).status_code == 404


async def test_nobody_else_sees_or_changes_a_key(door: FrontDoor) -> None:
    anna, bob = await door.signed_in(ANNA), await door.signed_in(BOB)
    row = (await anna.post("/api/keys", json={})).json()
    address = f"/api/keys/{row['id']}"
    assert (await bob.get("/api/keys")).json()["keys"] == []
    assert (await bob.patch(address, json={"name": "mine"})).status_code == 404
    assert (await bob.delete(address)).status_code == 404
    for nobodys in ("key_x", "%00", "%F0%9F%98%80", "%FF"):
        assert (await bob.delete(f"/api/keys/{nobodys}")).status_code == 404
        assert (await bob.patch(f"/api/keys/{nobodys}", json={"name": "mine"})).status_code == 404
    stranger = door.browser()
    for method, where in (("GET", "/api/keys"), ("POST", "/api/keys"), ("PATCH", address), ("DELETE", address)):
        assert (await stranger.request(method, where, json={"name": "x"})).status_code == 401, method
        if method != "GET":
            there = {"origin": "http://evil.example"}
            assert (await anna.request(method, where, json={"name": "x"}, headers=there)).status_code == 403, method
    assert (await anna.get("/api/keys")).json()["keys"][0]["name"] == "API key"


async def test_names_are_in_any_script_and_without_what_nobody_sees(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    for name in ("می\u200cخواهم", "👩\u200d👧 build", "构建服务器"):
        assert (await anna.post("/api/keys", json={"name": name})).json()["name"] == name
    for name in ("a\u202eb", "a\0b", "\u2066a"):
        assert (await anna.post("/api/keys", json={"name": name})).status_code == 400, name


async def test_a_key_can_end_itself_and_make_or_change_none(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    capped = (await anna.post("/api/keys", json={"cap_usd": "1"})).json()
    other = (await anna.post("/api/keys", json={})).json()
    program = door.browser(**{"x-api-key": capped["key"]})
    assert (await program.post("/api/keys", json={})).status_code == 403
    assert (await program.patch(f"/api/keys/{capped['id']}", json={"cap_usd": None})).status_code == 403
    assert (await program.delete(f"/api/keys/{other['id']}")).status_code == 403
    assert (await program.delete(f"/api/keys/{capped['id']}")).status_code == 204
    assert [row["id"] for row in (await anna.get("/api/keys")).json()["keys"]] == [other["id"]]


@pytest.mark.parametrize(
    "fields",
    [{"name": 7}, {"name": "x" * 101}, {"name": "a\0b"}, {"cap_usd": -1}, {"cap_usd": 1.5}, {"cap_usd": "NaN"},
     {"cap_usd": True}, {"cap_usd": ["1"]}, {"cap_usd": "1e30"}, {"cap_usd": "0.0000000000001"}],
)  # fmt: skip
async def test_wrong_fields_are_refused_and_change_nothing(door: FrontDoor, fields: dict[str, object]) -> None:
    anna = await door.signed_in(ANNA)
    row = (await anna.post("/api/keys", json={"name": "one", "cap_usd": "3"})).json()
    for answer in (
        await anna.post("/api/keys", json=fields),
        await anna.patch(f"/api/keys/{row['id']}", json=fields),
        await anna.patch(f"/api/keys/{row['id']}", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    kept = (await anna.get("/api/keys")).json()["keys"]
    assert [(each["name"], each["cap_usd"]) for each in kept] == [("one", "3")]


def test_revoking_a_key_ends_its_open_stream(impatient: Product) -> None:
    key = new_customer(impatient)
    key_id = httpx.get(f"{impatient.url}/api/keys", headers={"x-api-key": key}).json()["keys"][0]["id"]
    with impatient.http(key) as http, long_streams(impatient, [http]) as ended:
        other = new_customer(impatient)
        assert http.delete(f"/api/keys/{key_id}").status_code == 204
        eventually(lambda: len(ended) == 1)
    assert all_rows(impatient, other) == []


def test_signing_out_everywhere_ends_the_open_streams_of_sessions_and_tokens(impatient: Product) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    impatient.customer(email)
    with impatient.http() as browser:
        browser.post("/api/auth/request", json={"email": email}).raise_for_status()
        browser.post("/api/auth/verify", json={"email": email, "code": impatient.code(email)}).raise_for_status()
        token = browser.post("/api/auth/token").raise_for_status().json()["token"]
        panel = httpx.Client(base_url=impatient.url, headers={"authorization": f"Bearer {token}"}, timeout=60)
        with panel, long_streams(impatient, [browser, panel]) as ended:
            assert browser.post("/api/auth/logout?everywhere=1").status_code == 204
            eventually(lambda: len(ended) == 2)
        assert browser.get("/api/auth/me").status_code == 401


@contextmanager
def long_streams(product: Product, clients: list[httpx.Client]) -> Iterator[list[httpx.Client]]:
    """A stream of most of a minute for each client, all of them begun; those whose stream has been cut since."""
    ended: list[httpx.Client] = []

    def read(client: httpx.Client) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/api/claude/v1/messages", json=message("pace=8 tokens=390"))
        ended.append(client)

    calls = len(product.world.claude.books.entries)
    readers = [threading.Thread(target=read, args=(client,)) for client in clients]
    for reader in readers:
        reader.start()
    eventually(lambda: len(product.world.claude.books.entries) == calls + len(clients))
    yield ended
    for reader in readers:
        reader.join()
