"""Large requests are read by a process of their own: with the same verdict, while everything else goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.admission import Admission, admit
from relay.admission.apart import SMALL_BYTES, Reading
from relay.errors import BadInput, Unavailable
from tests.fixtures.calling import MODEL


def request(content: bytes, *, model: str = MODEL) -> bytes:
    turn = b'{"role":"user","content":' + content + b"}"
    return b'{"model":"%s","max_tokens":10,"messages":[%s]}' % (model.encode(), turn)


LONG = b"a" * SMALL_BYTES
VERDICTS = {
    "text": request(b'"' + LONG + b'"'),
    "quotes within": request(b'"' + rb"\u0022:" * SMALL_BYTES + b'"'),
    "an image": request(b'[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%s"}}]' % LONG),
    "counted by upstream": request(
        b'[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"%s"}}]' % LONG
    ),
    "unknown model": request(b'"' + LONG + b'"', model="claude-none"),
    "cut short": request(b'"' + LONG),
    "no UTF-8": request(b'"' + LONG + b'\xff"'),
    "a field twice": b'{"max_tokens":1,' + request(b'"' + LONG + b'"')[1:],
    "nested 900 deep": request(b"[" * 900 + b"]" * 900 + b" " * SMALL_BYTES),
    "nested without end": request(b"[" * SMALL_BYTES),
    "nested in objects": request(b'{"a":' * SMALL_BYTES),
    "too many parts": request(b"[" + b"[]," * 400_000 + b"[]]"),
    "too many messages": b'{"model":"x","max_tokens":1,"messages":[' + b"{}," * 100_001 + b"{}]}",
}
HOSTILE = request(b'"' + b":" * (4 << 20) + rb'\u0022"')
"""Takes a few tenths of a second to read."""


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    made = Reading()
    yield made
    await made.aclose()


async def test_the_verdict_is_the_same_as_on_a_small_request(reading: Reading) -> None:
    for name, body in VERDICTS.items():
        assert len(body) > SMALL_BYTES
        assert await verdict(reading, body) == verdict_here(body), name
    admission = await reading.admit("acct", VERDICTS["text"], {})
    assert await reading.count_tokens_body("acct", admission) == admission.count_tokens_body()
    with pytest.raises(BadInput, match="anthropic-beta"):
        await reading.admit("acct", VERDICTS["text"], {"anthropic-beta": "free-lunch"})


async def verdict(reading: Reading, body: bytes) -> Admission | str:
    try:
        return await reading.admit("acct", body, {})
    except BadInput as refused:
        return refused.message


def verdict_here(body: bytes) -> Admission | str:
    try:
        return admit(body, {})
    except BadInput as refused:
        return refused.message


async def test_everything_else_goes_on_while_a_request_is_read(reading: Reading) -> None:
    await reading.admit("acct", VERDICTS["text"], {})
    read = asyncio.create_task(reading.admit("acct", HOSTILE, {}))
    turns = 0
    while not read.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await read).body == HOSTILE
    assert turns > 100


async def test_one_account_does_not_keep_the_others_waiting(reading: Reading) -> None:
    hostile = [asyncio.create_task(reading.admit("acct_hostile", HOSTILE, {})) for _ in range(6)]
    await asyncio.sleep(0)
    await reading.admit("acct_other", VERDICTS["text"], {})
    assert sum(task.done() for task in hostile) <= 2
    await asyncio.gather(*hostile)


async def test_a_reader_that_dies_is_replaced_and_one_that_is_left_ends(reading: Reading) -> None:
    await reading.admit("acct", VERDICTS["text"], {})
    (first,) = readers()
    read = asyncio.create_task(reading.admit("acct", HOSTILE, {}))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await read
    abandoned = asyncio.create_task(reading.admit("acct", HOSTILE, {}))
    await asyncio.sleep(0.1)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    assert await verdict(reading, VERDICTS["text"]) == verdict_here(VERDICTS["text"])
    assert first not in readers()
    await reading.aclose()
    assert readers() == []


def readers() -> list[int]:
    """The processes of this test that read and have not ended."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"relay.admission.reader" in Path(f"/proc/{pid}/cmdline").read_bytes()]
