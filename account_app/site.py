"""Serves build/site/ from memory: right types, compressed twins, cache rules, and a Content-Security-Policy.

The policy names the inline scripts of the exported pages by their hash, so nothing else that is inline can
run.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from account_app.drawing import Drawing
from account_app.early import Early
from account_app.guard import Receive, Scope, Send
from account_app.places import PLACES
from account_app.placing import Place, placed, policy, security_headers
from relay.accounts import cookies_of, credential_from_headers
from relay.endpoints.answers import problem
from relay.errors import MethodNotAllowed

Headers = list[tuple[bytes, bytes]]

SIGN_IN, LOGIN = "/sign-in", "/login"
"""People type the second; Cloudflare Pages sends them on as well (`_redirects`)."""
PRIVATE_PAGES = frozenset(place.address for place in PLACES)
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
IMMUTABLE = b"public, max-age=31536000, immutable"
REVALIDATED = b"no-cache"
PRIVATE = b"no-store"


@dataclass(frozen=True, slots=True)
class File:
    """One address: its bodies by content-coding, and the headers that go with each."""

    headers: Headers
    bodies: dict[bytes, bytes]
    etag: bytes

    def best(self, accepted: bytes) -> tuple[bytes, bytes]:
        """The smallest body that the browser takes, and its coding (empty for none)."""
        offered = {part.split(b";")[0].strip() for part in accepted.split(b",") if b"q=0" not in part.split(b";")[1:]}
        coding = next((c for c in (b"br", b"gzip") if c in self.bodies and c in offered), b"")
        return coding, self.bodies[coding]


class Site:
    """The exported front end as an ASGI app. `everywhere` are headers for every answer of the process."""

    def __init__(self, directory: Path, panel: Path, place: Place, drawing: Drawing) -> None:
        self.everywhere = [(name.encode(), value.encode()) for name, value in security_headers(place).items()]
        pages = {path: placed(path.read_text(), place) for path in directory.rglob("*.html")}
        rules = policy(pages.values(), place).encode()
        private = {page_address(f"/{path.relative_to(directory).as_posix()}"): page for path, page in pages.items()}
        self._early, self._drawing, self._place = Early(private, drawing), drawing, place
        self._files = dict(_load(directory, pages, rules, self.everywhere))
        self._files |= dict(_load_panel(panel, self.everywhere))
        self._missing = self._files.get("/404") or _plain(b"Not found.", self.everywhere)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/") or "/"
        if path == SIGN_IN:
            self._drawing.begin()
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, [*self.everywhere, *ONLY_READ], bytes(problem(MethodNotAllowed()).body))
        elif path == LOGIN:
            await self._send_elsewhere(send, 302, SIGN_IN.encode())
        elif path in PRIVATE_PAGES and not _has_session(scope):
            await self._send_elsewhere(send, 303, _sign_in_address(scope))
        else:
            file = await self._with_figures(scope, path) or self._files.get(path)
            await _send_file(scope, send, file or self._missing, 200 if file else 404)

    async def _send_elsewhere(self, send: Send, status: int, address: bytes) -> None:
        await _answer(send, status, [*self.everywhere, (b"location", address), NO_STORE], b"")

    async def _with_figures(self, scope: Scope, path: str) -> File | None:
        """A page with somebody's figures: theirs alone, and only now. None for what comes without."""
        if path not in PRIVATE_PAGES or scope["method"] != "GET":
            return None
        drawn = await self._early.page(scope, path)
        return self._private(*drawn) if drawn else None

    def _private(self, page: str, sheet: str) -> File:
        body = page.encode()
        rules = policy((page, f"<style>{sheet}</style>"), self._place).encode()
        kind = (b"content-type", TYPES[".html"].encode())
        headers = [*self.everywhere, NO_STORE, (b"content-security-policy", rules), kind, VARY]
        return File(headers, {b"": body, b"gzip": gzip.compress(body, 6, mtime=0)}, b"")


VARY = (b"vary", b"accept-encoding, cookie")
NO_STORE = (b"cache-control", PRIVATE)
ONLY_READ = (NO_STORE, (b"allow", b"GET, HEAD"), (b"content-type", b"application/problem+json"))


def _load(directory: Path, pages: dict[Path, str], policy: bytes, everywhere: Headers) -> Iterator[tuple[str, File]]:
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.suffix in (".gz", ".br") or "panel" in path.relative_to(directory).parts:
            continue
        address = "/" + path.relative_to(directory).as_posix()
        if path in pages:
            address = page_address(address)
            body = pages[path].encode()
            cache = PRIVATE if address in PRIVATE_PAGES else REVALIDATED
            extra = [(b"cache-control", cache), (b"content-security-policy", policy)]
            yield (
                address,
                _file(path, body, {b"gzip": gzip.compress(body, 9, mtime=0)}, [*everywhere, *extra]),
            )
        else:
            cache = IMMUTABLE if address.startswith("/assets/") else REVALIDATED
            yield (
                address,
                _file(path, path.read_bytes(), _twins(path), [*everywhere, (b"cache-control", cache)]),
            )


def _load_panel(panel: Path, everywhere: Headers) -> Iterator[tuple[str, File]]:
    """The panel's files are for other people's pages: any origin may read them; they hold nothing private.

    Browsers keep them for good; a newer one is asked for with another query: docs/decisions/panel-kept-for-good.md.
    """
    shared = [h for h in everywhere if h[0] != b"cross-origin-resource-policy"]
    shared += [
        (b"access-control-allow-origin", b"*"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"cache-control", IMMUTABLE),
    ]
    for path in sorted(panel.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            address = "/panel/" + path.relative_to(panel).as_posix()
            yield address, _file(path, body, {b"gzip": gzip.compress(body, 9, mtime=0)}, shared)


def page_address(address: str) -> str:
    return address.removesuffix(".html").removesuffix("/index").removesuffix("/") or "/"


def _file(path: Path, body: bytes, twins: dict[bytes, bytes], headers: Headers) -> File:
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    etag = b'"' + hashlib.sha256(body).hexdigest()[:24].encode() + b'"'
    every = [*headers, (b"content-type", kind.encode()), (b"etag", etag), (b"vary", b"accept-encoding")]
    return File(every, {b"": body, **twins}, etag)


def _twins(path: Path) -> dict[bytes, bytes]:
    pairs = ((b"br", path.with_name(path.name + ".br")), (b"gzip", path.with_name(path.name + ".gz")))
    return {coding: twin.read_bytes() for coding, twin in pairs if twin.exists()}


def _plain(text: bytes, everywhere: Headers) -> File:
    return File([*everywhere, (b"content-type", b"text/plain; charset=utf-8"), NO_STORE], {b"": text}, b'""')


def _has_session(scope: Scope) -> bool:
    """Whether a session cookie is there at all. What it is worth is asked at every event; this only saves
    a flash.
    """
    return credential_from_headers(cookies_of(scope["headers"])) is not None


def _sign_in_address(scope: Scope) -> bytes:
    path, query = scope["path"], scope.get("query_string", b"").decode("latin-1")
    wanted = unquote(path) + (f"?{query}" if query else "")
    return (SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}").encode()


async def _send_file(scope: Scope, send: Send, file: File, status: int) -> None:
    headers = dict(scope["headers"])
    if status == 200 and headers.get(b"if-none-match") == file.etag:
        await _answer(send, 304, file.headers, b"", with_length=False)
        return
    coding, body = file.best(headers.get(b"accept-encoding", b""))
    extra = [(b"content-encoding", coding)] if coding else []
    await _answer(send, status, [*file.headers, *extra], body, head=scope["method"] == "HEAD")


async def _answer(
    send: Send, status: int, headers: Headers, body: bytes, *, head: bool = False, with_length: bool = True
) -> None:
    length = [(b"content-length", str(len(body)).encode())] if with_length else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if head else body})
