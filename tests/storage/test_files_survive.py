"""Whatever dies, and wherever the files are: what was kept is whole, and nothing is left of what was not."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from relay import clock, storage
from relay.doctor import files
from relay.gateways.objects.bucket import Bucket
from relay.gateways.objects.store import StoreAway
from tests.fixtures.front_door import front_door
from tests.fixtures.servers import free_port, wait_until
from tests.storage.test_keeping_files import FONT, MB

OPERATOR = {"authorization": "AWS4-HMAC-SHA256 Credential=key/x/us-east-1/s3/aws4_request"}
KILLS = {"sqlite": 24, "postgresql": 8}


def test_killed_at_any_step_a_file_is_the_old_one_or_the_new_one(database_url: str, tmp_path: Path) -> None:
    seed, kills = random.randrange(10**6), KILLS[database_url.partition(":")[0]]
    arguments = [database_url, str(tmp_path / "assets"), str(seed), str(kills)]
    command = [sys.executable, "-m", "tests.chaos.storing", *arguments]
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["problems"] == [], f"seed {seed}"
    assert found["died"] > kills / 2


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """A bucket in a server of somebody else's making, over a socket: the settings that lead to it."""
    port = free_port()
    serve = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        log = Path(os.devnull)
        wait_until(lambda: _answers(url), process, log)
        httpx.put(f"{url}/fonts", headers=OPERATOR)
        yield {
            "STORAGE_URL": "s3://fonts/people",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


async def test_a_bucket_keeps_files_as_a_folder_does(sqlite_url: str, bucket: dict[str, str]) -> None:
    large = os.urandom(11 * MB)
    async with front_door(sqlite_url, SIGN_UP_GRANT_USD="5", **bucket) as door:
        house = door.services.storehouse
        assert await house.objects.check() == bucket["STORAGE_URL"]
        anna = await door.signed_in("anna@example.com")
        for content in (FONT, large, b""):
            await anna.put("/api/assets/a.woff2", content=content)
            assert (await anna.get("/api/assets/a.woff2")).content == content
        await anna.put("/api/assets/a.woff2", content=large)
        part = await anna.get("/api/assets/a.woff2", headers={"range": "bytes=9000000-9000003"})
        assert (part.status_code, part.content) == (206, large[9 * MB : 9 * MB + 4])

        async def breaks_off() -> AsyncIterator[bytes]:
            yield large
            raise ValueError("gone")

        async def stands_still() -> AsyncIterator[bytes]:
            yield large
            await asyncio.Event().wait()

        with pytest.raises(ValueError, match="gone"):
            await house.objects.put("ast_broken", breaks_off())
        # As when the server stops while somebody sends.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(house.objects.put("ast_stopped", stands_still()), 0.3)
        async with httpx.AsyncClient(headers=OPERATOR) as operator:
            assert "<UploadId>" not in (await operator.get(f"{bucket['AWS_ENDPOINT_URL']}/fonts?uploads")).text
        await storage.tick(house)
        assert await storage.compare(house) == storage.Compared([], [], 1)
        assert len([kept async for kept in house.objects.kept()]) == 1
        await anna.delete("/api/assets/a.woff2")
        clock.move(storage.UNDO)
        await storage.tick(house)
        assert [kept async for kept in house.objects.kept()] == []

        misnamed = Bucket(door.settings.model_copy(update={"STORAGE_URL": "s3://nobodys"}))
        for asked in (misnamed.put("ast_1", _one(FONT)), misnamed.delete("ast_1")):
            with pytest.raises(StoreAway):
                await asked
        with pytest.raises(StoreAway):
            await misnamed.open("ast_1", 0, 1)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_without_its_store_an_upload_is_refused_and_what_was_there_stays(sqlite_url: str) -> None:
    away = {"STORAGE_URL": "s3://fonts", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "auto"}
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    async with front_door(sqlite_url, SIGN_UP_GRANT_USD="5", **away, **keys) as door:
        anna = await door.signed_in("anna@example.com")
        refused = await anna.put("/api/assets/a.woff2", content=FONT)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert (await anna.get("/api/assets")).json()["assets"] == []
        found = (await files.check(door.settings))[0]
        assert (found.name, found.state) == ("storage", "wrong")
