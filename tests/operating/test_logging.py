"""Log lines are JSON, carry the request's id, and tell no secret whatever they are given."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import socketio
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from account_app.faults import remember_browser_fault
from relay import logs
from relay.accounts.secrets import hash_of
from relay.endpoints.answers import WithRequestId

SESSION = "3n0ZtYc2Qm8bVx-Lp7sRf1aHk9_WdUeGj4oTqIyMhNc"
SECRETS = [
    "ak_3n0ZtYc2Qm8bVxLp7sRf1aHk9WdUeGj4",
    "at_3n0ZtYc2Qm8bVxLp7sRf1aHk9WdUeGj4",
    "sk-ant-api03-abcdefghijklmnop",
    "sk_test_51HabcdefGHIJ",
    "rk_live_51HabcdefGHIJ",
    "whsec_bXlzZWNyZXQ+/=",
    "re_8a7sd6f5_KJHGkjhg",
    "Bearer abc.def",
    f"session={SESSION}",
    SESSION,
    hash_of(SESSION),
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("json", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_redacted_wherever_it_stands(written: io.StringIO, secret: str) -> None:
    log = structlog.get_logger()
    log.info(f"saw {secret} here", error=f"header was '{secret}'", deep={"list": [{"of": (secret,)}]})
    log.info("as_a_name", **{"mapping": {secret: 1}, "raw": secret.encode(), "thing": ValueError(secret)})
    logging.getLogger("some.library").warning("library said %s", secret)
    bare = secret.removeprefix("session=").removeprefix("Bearer ")
    assert bare not in written.getvalue()
    assert written.getvalue().count(logs.REDACTED) >= 7


@pytest.mark.parametrize("code", ["004213", "123 456", "123-456", 123456])
def test_a_sign_in_code_is_redacted(written: io.StringIO, code: object) -> None:
    structlog.get_logger().info("asked", code=code, inner={"code": code})
    assert str(code) not in written.getvalue()
    assert lines(written)[0]["code"] == logs.REDACTED


@pytest.mark.parametrize("key", ["prompt", "messages", "content", "body", "Authorization", "set-cookie", "x-api-key"])
def test_what_people_write_and_what_opens_doors_is_never_logged(written: io.StringIO, key: str) -> None:
    structlog.get_logger().info("asked", **{key: ["draw me a serif"]}, nested={key: "draw me a serif"})
    assert "serif" not in written.getvalue()


def test_what_is_no_secret_stays(written: io.StringIO) -> None:
    told = {
        "code": "insufficient_credit",
        "request_id": "req_019a5f3c2b1d0123456789abcdef",
        "account_id": "acct_01a20b41184607f4203d86035e32",
        "status": 402,
        "amount_pico": 1_234_567_890_123,
        "path": "/api/requests/req_019a5f3c2b1d0123456789abcdef",
        "at": "2026-11-24T10:00:00.000Z",
        "note": "re-authenticate, and look at_once",
        "rows": [1, None, 2.5, True],
    }
    structlog.get_logger().warning("refused", **told)
    (line,) = lines(written)
    assert {name: line[name] for name in told} == told
    assert (line["event"], line["level"]) == ("refused", "warning")
    assert line["timestamp"].endswith("Z")


def test_what_every_call_says_is_told_as_any_other_line(written: io.StringIO) -> None:
    figures = {"request_id": "req_1", "ended": "complete", "price_pico": 2**60, "first_token_ms": None}
    logs.tell("relayed", **figures)
    structlog.get_logger().info("relayed", **figures)
    quick, careful = lines(written)
    assert quick.pop("timestamp")[:16] == careful.pop("timestamp")[:16]
    assert quick == careful


def test_an_exception_is_told_in_one_line_without_its_secrets(written: io.StringIO) -> None:
    try:
        raise ValueError(f"bad token {SECRETS[0]}")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    first, second = lines(written)
    for line in (first, second):
        assert "ValueError: bad token" in line["exception"]
        assert SECRETS[0] not in line["exception"]


def test_a_line_that_json_cannot_hold_is_written_all_the_same(written: io.StringIO) -> None:
    structlog.get_logger().info("odd", big=2**70, half="\ud800", thing=object(), numbers={1: 2})
    assert lines(written)[0]["event"].strip("'") == "odd"


async def test_every_line_carries_the_id_of_its_request(written: io.StringIO) -> None:
    async def answer(request: Request) -> Response:
        structlog.get_logger().info("before", path=request.url.path)
        await asyncio.sleep(0.01)
        logging.getLogger("library").warning("after")
        return PlainTextResponse("ok")

    app = WithRequestId(Starlette(routes=[Route("/{name}", answer)]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(5)))
    ids = {answer.headers["request-id"] for answer in answers}
    told = [line["request_id"] for line in lines(written) if line["event"] in ("before", "after")]
    assert len(ids) == 5
    assert sorted(told) == sorted([*ids, *ids])


def test_uvicorn_speaks_through_the_same_chain_and_access_lines_are_left_out(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("started with %s", SECRETS[0], extra={"color_message": "a colour"})
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "127.0.0.1:9", "/_event/?token=1")
    (line,) = lines(written)
    assert line["event"] == f"started with {logs.REDACTED}"
    assert "color_message" not in line
    assert line["level"] == "info"


@pytest.mark.parametrize("name", ["engineio.server", "socketio.server"])
def test_the_sockets_libraries_write_nothing_beside_the_chain(written: io.StringIO, name: str) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(logging.NOTSET)
    socketio.AsyncServer(async_mode="asgi")
    logs.configure("json", written)
    socketio.AsyncServer(async_mode="asgi")
    assert logger.handlers == []
    logger.error("an unknown packet")
    assert lines(written)[-1]["event"] == "an unknown packet"


def fail_at_will(words: str) -> None:
    try:
        raise KeyError(words)
    except KeyError:
        logging.getLogger("reflex_base.event").exception("no handler %s", words)


def test_what_strangers_make_others_code_complain_of_is_told_seldom_and_briefly(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FOREIGN_SECONDS", 3600)
    for number in range(50):
        fail_at_will(f"{number} " + "x" * 1_000_000)
    logging.getLogger("socketio.server").error("another place")
    first, other = lines(written)
    assert (first["event"][:14], other["event"]) == ("no handler 0 x", "another place")
    assert len(json.dumps(first)) < 4 * logs.TEXT_LENGTH_MAX
    monkeypatch.setattr(logs, "FOREIGN_SECONDS", 0)
    fail_at_will("again")
    assert lines(written)[-1]["event"] == "no handler again (49 more since the last)"


def test_faults_that_browsers_tell_of_are_told_seldom_and_briefly(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FOREIGN_SECONDS", 3600)
    for _ in range(50):
        remember_browser_fault(Exception("x" * 10_000))
    (told,) = lines(written)
    assert (told["event"], told["report"]) == ("browser_fault", "x" * 300)


def test_text_is_for_eyes_and_hides_the_same() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("text", stream)
        structlog.get_logger().info("started", key=SECRETS[0], port=3000)
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "started" in stream.getvalue()
    assert "3000" in stream.getvalue()
    assert SECRETS[0] not in stream.getvalue()
