"""Writes the front end as a folder for Cloudflare Pages: pages in their place, `_headers`, `_redirects`.

A preview also gets a password (a Pages Function) and is kept out of search engines.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from account_app.placing import Place, place_of, placed, policy, security_headers
from account_app.site import IMMUTABLE, PRIVATE, PRIVATE_PAGES, REVALIDATED, page_address
from relay.errors import Misconfigured
from relay.settings import ROOT, Settings

SITE = ROOT / "build" / "site"
PANEL = ROOT / "assets" / "panel"
PREVIEW = Path(__file__).resolve().parent / "preview"
LINE_LENGTH_MAX = 2000
RULES_MAX = 100
"""What Pages takes of `_headers`; it passes over the rest in silence (docs: Headers, Attach a header)."""

NOINDEX = {"x-robots-tag": "noindex, nofollow"}
ROBOTS_OUT = "# A preview is for those who were given its address.\nUser-agent: *\nDisallow: /\n"


def write(directory: Path, settings: Settings, *, preview: bool = False) -> None:
    """Fills `directory`, which is new, empty, or what an earlier call wrote. Misconfigured when it is another's."""
    if not (SITE / "index.html").exists() or not PANEL.exists():
        raise Misconfigured("The front end is not built. Run `make setup` first.")
    _refuse_to_overwrite(directory)
    shutil.rmtree(directory, ignore_errors=True)
    place = place_of(settings, preview=preview)
    pages = {path: placed((SITE / path).read_text(), place) for path in _pages()}
    for path in _files():
        _copy(SITE / path, directory / path, pages.get(path))
    shutil.copytree(PANEL, directory / "panel", dirs_exist_ok=True)
    (directory / "_headers").write_text(headers_file(pages, place, preview=preview))
    (directory / "_redirects").write_text(redirects_file(place))
    if preview:
        (directory / "functions").mkdir()
        shutil.copyfile(PREVIEW / "_middleware.js", directory / "functions" / "_middleware.js")
        (directory / "robots.txt").write_text(ROBOTS_OUT)


def headers_file(pages: dict[Path, str], place: Place, *, preview: bool) -> str:
    """`_headers`. Rules that match together join their values with a comma, so each takes back what it replaces."""
    everywhere = security_headers(place) | (NOINDEX if preview else {})
    missing = policy([pages[Path("404.html")]], place)
    blocks = [
        _block("/*", {**everywhere, "content-security-policy": missing}),
        _block("/assets/*", {"cache-control": IMMUTABLE.decode()}, "content-security-policy"),
        _block("/panel/*", _shared(), "content-security-policy", "cross-origin-resource-policy"),
    ]
    for path, page in sorted(pages.items()):
        address = page_address("/" + path.as_posix())
        if path.name in ("404.html", "__spa-fallback.html"):
            continue
        cache = PRIVATE if address in PRIVATE_PAGES else REVALIDATED
        rules = {"content-security-policy": policy([page], place), "cache-control": cache.decode()}
        blocks.append(_block(address, rules, "content-security-policy"))
    text = "\n".join(blocks)
    if len(blocks) > RULES_MAX or any(len(line) > LINE_LENGTH_MAX for line in text.splitlines()):
        raise Misconfigured("The pages need more headers than Cloudflare Pages takes: see account_app/static_site.py.")
    return text


def redirects_file(place: Place) -> str:
    """`_redirects`. A link to the API that went to the pages' origin is sent on; what is posted there is refused."""
    lines = ["/login /sign-in 302"]
    if place.account_origin != place.api_origin:
        lines.append(f"/api/* {place.api_origin}/api/:splat 307")
    return "\n".join(lines) + "\n"


def _refuse_to_overwrite(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or (any(directory.iterdir()) and not _is_ours(directory))):
        raise Misconfigured(f"{directory} holds something else. Name a new folder, or an earlier site's.")


def _is_ours(directory: Path) -> bool:
    return (directory / "_headers").exists() and (directory / "index.html").exists()


def _pages() -> Iterator[Path]:
    """Each page once: the export has `usage.html` and `usage/index.html`, which is the same."""
    for path in _files():
        if path.suffix == ".html":
            yield path


def _files() -> Iterator[Path]:
    """What goes up. Pages compresses by itself, so the twins stay; the panel comes from where it was built."""
    for path in sorted(SITE.rglob("*")):
        relative = path.relative_to(SITE)
        doubled = relative.name == "index.html" and relative.parent != Path()
        if path.is_file() and path.suffix not in (".gz", ".br") and relative.parts[0] != "panel" and not doubled:
            yield relative


def _copy(source: Path, target: Path, page: str | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if page is None:
        shutil.copyfile(source, target)
    else:
        target.write_text(page)


def _shared() -> dict[str, str]:
    """The panel is for other people's pages."""
    return {
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": IMMUTABLE.decode(),
    }


def _block(address: str, headers: dict[str, str], *without: str) -> str:
    lines = [f"  ! {name}" for name in without] + [f"  {name}: {value}" for name, value in headers.items()]
    return "\n".join([address, *lines]) + "\n"
