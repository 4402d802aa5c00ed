"""Files: kept whole or not at all, found by their names, served as bytes that no browser runs."""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial

import jsonschema
import pytest
from sqlalchemy import select

from relay import clock, storage
from relay.accounts.closing import forget_person
from relay.audit import recompute
from relay.endpoints.openapi import document
from relay.errors import NotSignedIn
from relay.storage import bounds_of
from relay.storage.rows import set_aside
from relay.tables import Asset, table
from tests.fixtures.front_door import FrontDoor, front_door, served

assets = table(Asset)
ANNA, BOB = "anna@example.com", "bob@example.com"
FONT = b"wOF2" + bytes(range(256)) * 8
MB = 10**6


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    small = {"STORAGE_QUOTA_MB": 3, "ASSET_MB_MAX": 2}
    async with front_door(database_url, SIGN_UP_GRANT_USD="5", **small) as door:
        yield door
        assert door.database.read_now(recompute) == []


def in_store(door: FrontDoor) -> list[str]:
    folder = door.settings.assets_folder
    assert folder is not None
    return sorted(path.name for path in folder.glob("**/*") if path.is_file())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 (another task's disk tells nobody)
            await asyncio.sleep(0.01)


async def tick(door: FrontDoor) -> None:
    await storage.tick(door.services.storehouse)


async def test_a_file_is_kept_listed_fetched_deleted_and_put_back(door: FrontDoor) -> None:
    anna, bob = await door.signed_in(ANNA), await door.signed_in(BOB)
    made = await anna.put("/api/assets/Inter%20é.woff2", content=FONT, headers={"content-type": "text/html"})
    assert made.status_code == 201, made.text
    asset = made.json()
    assert (asset["name"], asset["size_bytes"], asset["type"]) == ("Inter é.woff2", len(FONT), "font/woff2")
    assert asset["sha256"] == hashlib.sha256(FONT).hexdigest()
    got = await anna.get(asset["url"])
    assert (got.content, got.headers["content-type"]) == (FONT, "font/woff2")
    assert got.headers["cache-control"] == "private, no-cache"
    assert (await bob.get(asset["url"])).status_code == 404
    assert (await door.browser().get(asset["url"])).status_code == 401
    same = await anna.get(asset["url"], headers={"if-none-match": got.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    listing = (await anna.get("/api/assets")).json()
    jsonschema.validate(listing, {**document(""), "$ref": "#/components/schemas/Assets"})
    assert (listing["assets"], listing["used_bytes"], listing["quota_bytes"]) == ([asset], len(FONT), 3 * MB)
    gone = await anna.delete(asset["url"])
    assert gone.status_code == 200
    assert (await anna.get(asset["url"])).status_code == 404
    after = (await anna.get("/api/assets")).json()
    jsonschema.validate(after, {**document(""), "$ref": "#/components/schemas/Assets"})
    assert (after["assets"], after["deleted"], after["used_bytes"]) == ([], [gone.json()], 0)
    clock.move(timedelta(days=6))
    await tick(door)
    assert (await anna.post(asset["url"] + "/restore")).json()["sha256"] == asset["sha256"]
    assert (await anna.get(asset["url"])).content == FONT
    await anna.delete(asset["url"])
    clock.move(timedelta(days=6, hours=23))
    await anna.get("/api/auth/me")
    clock.move(timedelta(hours=1, seconds=1))
    await tick(door)
    assert in_store(door) == []
    assert (await anna.post(asset["url"] + "/restore")).status_code == 404


async def test_one_range_of_a_file_is_fetched(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    url = (await anna.put("/api/assets/a.woff2", content=FONT)).json()["url"]
    for asked, span in (("bytes=0-3", (0, 4)), ("bytes=2000-", (2000, len(FONT))), ("bytes=-5", (len(FONT) - 5, None))):
        got = await anna.get(url, headers={"range": asked})
        assert (got.status_code, got.content) == (206, FONT[span[0] : span[1]])
        assert got.headers["content-range"].startswith(f"bytes {span[0]}-")
    beyond = await anna.get(url, headers={"range": f"bytes={len(FONT)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(FONT)}")
    changed = await anna.get(url, headers={"range": "bytes=0-3", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, FONT)
    head = await anna.head(url)
    assert (head.headers["content-length"], head.content) == (str(len(FONT)), b"")


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        (b"<!doctype html><script>alert(1)</script>", "text/html"),
        (b"alert(1)", "text/javascript"),
        (b"<?xml version='1.0'?><x/>", "font/woff2"),
    ],
)
async def test_what_a_browser_could_run_is_served_inert(sqlite_url: str, content: bytes, declared: str) -> None:
    async with front_door(sqlite_url, SIGN_UP_GRANT_USD="5") as door:
        anna = await door.signed_in(ANNA)
        made = await anna.put("/api/assets/x", content=content, headers={"content-type": declared})
        got = await anna.get(made.json()["url"])
        assert got.content == content
        assert got.headers["content-type"] == "application/octet-stream"
        assert got.headers["content-disposition"].startswith("attachment;")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("sandbox;")


async def test_the_same_name_again_replaces_and_what_was_there_leaves(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    first = await anna.put("/api/assets/a.ttf", content=b"x" * 2 * MB)
    again = await anna.put("/api/assets/a.ttf", content=b"y" * 2 * MB)
    assert (first.status_code, again.status_code) == (201, 200)
    await tick(door)
    assert (await anna.get("/api/assets/a.ttf")).content == b"y" * 2 * MB
    assert len(in_store(door)) == 1


async def test_nobody_replaces_or_deletes_what_they_have_not_seen(door: FrontDoor) -> None:
    anna, place, new = await door.signed_in(ANNA), "/api/assets/a.ttf", {"if-none-match": "*"}
    seen = (await anna.put(place, content=b"first")).headers["etag"]
    assert (await anna.put(place, content=b"second", headers=new)).status_code == 412
    assert (await anna.put("/api/assets/b.ttf", content=b"new", headers=new)).status_code == 201
    assert (await anna.put("/api/assets/c.ttf", content=b"c", headers={"if-match": "*"})).status_code == 412

    async def replaced_meanwhile() -> AsyncIterator[bytes]:
        await anna.put(place, content=b"second")
        yield b"third"

    late = await anna.put(place, content=replaced_meanwhile(), headers={"if-match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await anna.delete(place, headers={"if-match": seen})).status_code == 412
    assert (await anna.put(place, content=b"x", headers={"content-range": "bytes 0-0/6"})).status_code == 400
    assert ((await anna.get(place, headers=new)).status_code, (await anna.get(place)).content) == (304, b"second")
    assert (await anna.delete(place, headers={"if-match": "*"})).status_code == 200


async def test_what_is_too_large_is_refused_before_it_is_read(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 100 * MB:
            read += MB
            yield b"x" * MB

    announced = await anna.put("/api/assets/a", content=body(), headers={"content-length": str(100 * MB)})
    assert (announced.status_code, announced.json()["code"]) == (413, "request_too_large")
    in_chunks = await anna.put("/api/assets/a", content=body())
    assert in_chunks.status_code == 413
    assert read <= 4 * MB
    await tick(door)
    assert in_store(door) == []
    assert (await anna.get("/api/assets")).json()["used_bytes"] == 0


async def test_uploads_at_once_never_hold_more_than_the_quota(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    sending = (anna.put(f"/api/assets/{n}.ttf", content=b"x" * MB) for n in range(8))
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*sending))
    assert statuses == [201] * 3 + [402] * 5
    full = await anna.put("/api/assets/more.ttf", content=b"x")
    assert (full.status_code, full.json()["code"]) == (402, "quota_reached")
    replacing = (anna.put("/api/assets/0.ttf", content=b"y" * MB) for _ in range(3))
    assert {answer.status_code for answer in await asyncio.gather(*replacing)} == {200}
    await tick(door)
    assert (await anna.get("/api/assets")).json()["used_bytes"] == 3 * MB
    assert len(in_store(door)) == 3
    # Room that a deletion made, taken since: what was deleted waits until there is room again.
    await anna.delete("/api/assets/1.ttf")
    await anna.put("/api/assets/more.ttf", content=b"x")
    assert (await anna.post("/api/assets/1.ttf/restore")).json()["code"] == "quota_reached"


async def test_an_upload_that_breaks_off_leaves_what_was_there_and_nothing_else(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    await anna.put("/api/assets/a.ttf", content=b"first")
    async with served(door.app) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"PUT /api/assets/a.ttf HTTP/1.1\r\nhost: {host}\r\ncookie: session={anna.cookies['session']}\r\n"
        writer.write(head.encode() + b"content-length: 1500000\r\n\r\n" + b"x" * MB)
        await writer.drain()
        await until(lambda: len(in_store(door)) == 2)
        writer.close()
        await until(lambda: len(in_store(door)) == 1)
    await tick(door)
    assert (await anna.get("/api/assets/a.ttf")).content == b"first"
    rows = await door.database.read(lambda c: c.execute(select(assets)).all())
    assert [row.bytes for row in rows] == [5]


async def test_without_credit_for_a_month_nothing_is_taken(database_url: str) -> None:
    async with front_door(database_url, SIGN_UP_GRANT_USD="0.00001") as door:
        anna = await door.signed_in(ANNA)
        small = await anna.put("/api/assets/a", content=b"x" * 1000)
        large = await anna.put("/api/assets/b", content=b"x" * MB)
        assert (small.status_code, large.status_code) == (201, 402)
        assert large.json()["code"] == "insufficient_credit"


async def test_pages_of_others_and_keys_with_a_cap_store_nothing(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    foreign = {"origin": "https://evil.example"}
    for answer in (
        await anna.put("/api/assets/a", content=b"x", headers=foreign),
        await anna.delete("/api/assets/a", headers=foreign),
        await anna.post("/api/assets/a/restore", headers=foreign),
    ):
        assert answer.status_code == 403
    for cap, status in ((None, 201), ("5", 403)):
        key = (await anna.post("/api/keys", json={"name": "k", "cap_usd": cap})).json()["key"]
        program = door.browser(**{"x-api-key": key})
        assert (await program.put("/api/assets/a", content=b"x")).status_code == status
    assert (await program.get("/api/assets/a")).content == b"x"


async def test_pages_of_the_list_follow_each_other(sqlite_url: str) -> None:
    async with front_door(sqlite_url, SIGN_UP_GRANT_USD="5") as door:
        anna = await door.signed_in(ANNA)
        names = [f"{n}.ttf" for n in range(5)]
        for name in names:
            await anna.put(f"/api/assets/{name}", content=b"x")
        seen, after = [], {}
        while True:
            page = (await anna.get("/api/assets", params={"limit": 2, **after})).json()
            seen += [each["name"] for each in page["assets"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert seen == names


async def test_the_archive_holds_the_files_and_closing_takes_them_away(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    await anna.put("/api/assets/Größe.woff2", content=FONT)
    await anna.put("/api/assets/old.ttf", content=b"old")
    await anna.delete("/api/assets/old.ttf")
    packed = zipfile.ZipFile(io.BytesIO((await anna.get("/api/account/export")).content))
    assert packed.testzip() is None
    assert packed.read("files/Größe.woff2") == FONT
    assert {row["name"] for row in json.loads(packed.read("assets.json"))} == {"Größe.woff2", "old.ttf"}
    account_id = (await anna.get("/api/auth/me")).json()["account"]["id"]
    await door.database.write(lambda c: forget_person(c, account_id, ANNA))
    # Whatever died here: the rows say what is to go.
    await tick(door)
    assert in_store(door) == []
    rows = await door.database.read(lambda c: c.execute(select(assets.c.name)).scalars().all())
    assert set(rows) == {""}
    # Whoever was recognised a moment before the account was closed stores nothing in it.
    work = partial(set_aside, account_id=account_id, name="late", size=1, bounds=bounds_of(door.services.storehouse))
    with pytest.raises(NotSignedIn):
        await door.database.write(work)


async def test_what_is_lost_or_astray_is_found_and_mended_by_hand(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    for name in ("a", "b"):
        await anna.put(f"/api/assets/{name}", content=b"content")
    house = door.services.storehouse
    assert await storage.compare(house) == storage.Compared([], [], 2)
    lost = await door.database.read(lambda c: c.execute(select(assets.c.id).order_by(assets.c.name)).scalars().first())
    await house.objects.delete(str(lost))

    async def content() -> AsyncIterator[bytes]:
        yield b"stray"

    await house.objects.put("ast_stray", content())
    await house.objects.put("generations", content())
    clock.move(timedelta(hours=2))
    found = await storage.compare(house)
    assert ([each.id for each in found.lost], [each.id for each in found.strays]) == ([lost], ["ast_stray"])
    assert (await anna.get("/api/assets/a")).status_code == 500
    await tick(door)
    assert await storage.compare(house) == found
    await storage.mend(house, found)
    assert await storage.compare(house) == storage.Compared([], [], 1)
    # What somebody else keeps beside them, a copy of the database, say, is left to them.
    assert [kept.id async for kept in house.objects.kept() if not kept.id.startswith("ast_")] == ["generations"]
    assert [each["name"] for each in (await anna.get("/api/assets")).json()["assets"]] == ["b"]
