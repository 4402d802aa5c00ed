"""What stands before the event socket. Reflex trusts the token and the headers that a browser sends; the
guard does not.

A socket opens only from one of our own origins. Reflex never sees the session cookie: it sees a handle,
which stands for the session's hash for as long as this socket is open. The client token is mixed with the
session, so a token that was stolen opens nothing. Sockets of sessions that have ended are closed at the
next tick.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from relay.accounts import Whereabouts, cookies_of, credential_from_headers
from relay.endpoints.safety import SAFETY

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

AreAlive = Callable[[Sequence[str]], Awaitable[Sequence[bool]]]
"""Tells of each session hash whether its session is still open."""
Where = Callable[[Scope], Whereabouts]
"""Tells of a handshake what it came from."""

TICK_SECONDS = 1.0
TOKEN_LENGTH_MAX = 100
SOCKETS_PER_SESSION_MAX = 50
NOBODYS_SOCKETS_MAX = 1000
"""Of people who are not signed in, in a process: 160 MB or so. Signing in is a form, and needs none of them."""
POLICY_VIOLATION = 1008


@dataclass(slots=True, eq=False)
class Socket:
    """One open connection. `session_hash` is empty for somebody who is not signed in."""

    session_hash: str
    whereabouts: Whereabouts
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    visit: asyncio.Event = field(default_factory=asyncio.Event)


class Sockets:
    """The open sockets of this process, by the handle that Reflex knows them by."""

    def __init__(self) -> None:
        self._open: dict[str, Socket] = {}

    def session_hash(self, handle: str) -> str:
        """The session hash behind a handle; empty when the socket is gone, or nobody is signed in on it."""
        socket = self._open.get(handle)
        return socket.session_hash if socket else ""

    def whereabouts(self, handle: str) -> Whereabouts:
        """What the browser behind a handle is, and where it was when it connected."""
        socket = self._open.get(handle)
        return socket.whereabouts if socket else Whereabouts("", "")

    def enter(self, handle: str) -> asyncio.Event | None:
        """Begins a visit to a page, which ends the one before. The event is set when the page or the
        socket is left.
        """
        socket = self._open.get(handle)
        if socket is None:
            return None
        socket.visit.set()
        socket.visit = asyncio.Event()
        return socket.visit

    def has_room_for(self, session_hash: str) -> bool:
        if not session_hash:
            return True
        return sum(s.session_hash == session_hash for s in self._open.values()) < SOCKETS_PER_SESSION_MAX

    @contextlib.contextmanager
    def opened(self, session_hash: str, whereabouts: Whereabouts) -> Iterator[tuple[str, Socket]]:
        if not session_hash:
            self._make_room()
        handle, socket = secrets.token_urlsafe(18), Socket(session_hash, whereabouts)
        self._open[handle] = socket
        try:
            yield handle, socket
        finally:
            socket.ended.set()
            socket.visit.set()
            del self._open[handle]

    def _make_room(self) -> None:
        """The oldest socket of nobody's ends when there are too many."""
        nobodys = [s for s in self._open.values() if not s.session_hash and not s.ended.is_set()]
        if len(nobodys) >= NOBODYS_SOCKETS_MAX:
            nobodys[0].ended.set()

    async def close_ended(self, are_alive: AreAlive) -> None:
        """One question for all sockets: those whose session has ended are closed."""
        hashes = sorted({s.session_hash for s in self._open.values() if s.session_hash})
        if not hashes:
            return
        answers = await are_alive(hashes)
        dead = {h for h, alive in zip(hashes, answers, strict=True) if not alive}
        for socket in list(self._open.values()):
            if socket.session_hash in dead:
                socket.ended.set()


sockets = Sockets()


class Guard:
    """Wraps Reflex's ASGI app: lets a WebSocket to the event endpoint through, cleaned, and nothing else."""

    def __init__(
        self, app: ASGIApp, origins: Iterable[str], are_alive: AreAlive, where: Where, registry: Sockets = sockets
    ) -> None:
        self._app = app
        self._origins = frozenset(o.encode() for o in origins)
        self._are_alive = are_alive
        self._where = where
        self._sockets = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await _refuse_http(send)
            return
        token = _client_token(scope)
        if not self._comes_from_us(scope) or not token:
            await _refuse_socket(scope, receive, send)
            return
        session_hash = await self._living(scope)
        if not self._sockets.has_room_for(session_hash):
            await _refuse_socket(scope, receive, send)
            return
        with self._sockets.opened(session_hash, self._where(scope)) as (handle, socket):
            cleaned = _cleaned(scope, handle, _bound(token, session_hash))
            await self._app(cleaned, _until_ended(socket, receive, send), _quiet_once_ended(socket, send))

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Closes sockets of ended sessions for as long as the server runs."""
        task = asyncio.create_task(self._tick(), name="sockets of ended sessions")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            # A database that is away for a moment must not end the watch; every event asks it again anyway.
            with contextlib.suppress(Exception):
                await self._sockets.close_ended(self._are_alive)

    async def _living(self, scope: Scope) -> str:
        """The hash of the session that this browser shows; empty when it has ended, or there is none."""
        shown = credential_from_headers(cookies_of(scope["headers"]))
        if shown is None:
            return ""
        (alive,) = await self._are_alive([shown.hash])
        return shown.hash if alive else ""

    def _comes_from_us(self, scope: Scope) -> bool:
        origins = _values(scope, b"origin")
        return len(origins) == 1 and origins[0] in self._origins


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _client_token(scope: Scope) -> str:
    """The tab's token; empty when there is not exactly one of sensible length."""
    tokens = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
    return tokens[0] if len(tokens) == 1 and len(tokens[0]) <= TOKEN_LENGTH_MAX else ""


def _bound(token: str, session_hash: str) -> str:
    return hashlib.sha256(f"{token}\0{session_hash}".encode()).hexdigest()


def _cleaned(scope: Scope, handle: str, token: str) -> Scope:
    """A scope built from nothing. Reflex shows all headers to the page, so it gets only those that it
    needs.
    """
    headers = [(b"origin", _values(scope, b"origin")[0]), (b"cookie", f"session={handle}".encode())]
    headers += [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    headers += [(b"sec-websocket-protocol", p.encode()) for p in scope.get("subprotocols", [])[:1]]
    query = urlencode({"EIO": "4", "transport": "websocket", "token": token}).encode()
    return {
        **scope,
        "headers": headers,
        "query_string": query,
        "client": ("", 0),
        "path": "/_event/",
        "raw_path": b"/_event/",
    }


def _until_ended(socket: Socket, receive: Receive, send: Send) -> Receive:
    """Hands on what the browser sends, until the session ends; then both sides are told that it is over."""

    async def guarded() -> Message:
        if not socket.ended.is_set():
            message, over = asyncio.ensure_future(receive()), asyncio.ensure_future(socket.ended.wait())
            try:
                await asyncio.wait({message, over}, return_when=asyncio.FIRST_COMPLETED)
                if not socket.ended.is_set():
                    return message.result()
            finally:
                message.cancel()
                over.cancel()
        with contextlib.suppress(Exception):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    return guarded


def _quiet_once_ended(socket: Socket, send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if not socket.ended.is_set():
            await send(message)

    return guarded


async def _refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """403 before the handshake. A bare close would be answered by the server, without the headers of ours."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    head = [*SAFETY, (b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": head})
    await send({"type": "websocket.http.response.body", "body": b""})


async def _refuse_http(send: Send) -> None:
    body = b'{"type":"about:blank","title":"Only sockets open here.","status":404,"code":"not_found"}'
    kind = (b"content-type", b"application/problem+json")
    head = [*SAFETY, (b"cache-control", b"no-store"), kind, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 404, "headers": head})
    await send({"type": "http.response.body", "body": body})
