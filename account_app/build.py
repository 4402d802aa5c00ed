"""Exports the front end into build/site/: pre-rendered pages, hashed scripts, and their compressed twins.

Run as `python -m account_app.build`. Needs Node (from the virtual environment) and, the first time, the npm
registry; needs no secret, knows no address, and writes nothing outside build/. `--update-lock` renews the
npm lock.
"""

import gzip
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from account_app.drawing import SCRIPT, Drawing
from account_app.places import PLACES, route_of
from relay.settings import ROOT

BUILD = ROOT / "build"
WEB = BUILD / "web"
SITE = BUILD / "site"
PLATFORM = ROOT / "account_app" / "front" / "platform.js"
LOCK = ROOT / "account_app" / "packages"
WORKING_LOCK = "build/packages"
LOCK_FILES = ("package.json", "package-lock.json")

TEXT = {".html", ".js", ".mjs", ".css", ".svg", ".json", ".txt", ".webmanifest", ".xml", ".ts"}
WORTH_COMPRESSING_BYTES = 512
DRAWING_SECONDS_MAX = 60
"""Nobody waits for a page here, and the machine may be busy with something else."""

BAKED = "`ws://api-origin.invalid/_event`"
ADDRESS = (
    "((globalThis.document?.querySelector('meta[name=api-origin]')?.content||globalThis.location?.origin"
    "||'http://localhost').replace(/^http/,'ws')+'/_event')"
)
"""Reflex bakes one address into its scripts. Ours ask the page, so one build serves every origin and port."""

BROTLI = """
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync, constants } = require("node:zlib");
for (const name of readFileSync(0, "utf8").split("\\n").filter(Boolean))
  writeFileSync(name + ".br", brotliCompressSync(readFileSync(name),
    { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
"""


def main() -> int:
    prepare_environment()
    export()
    if "--update-lock" in sys.argv:
        copy_lock(ROOT / WORKING_LOCK, LOCK)
    publish(WEB / "build" / "client", SITE)
    make_drawing()
    return 0


def prepare_environment() -> None:
    """Points Reflex at build/ and at the virtual environment's own Node."""
    os.chdir(ROOT)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ.update(
        REFLEX_USE_NPM="1",
        REFLEX_CHECK_LATEST_VERSION="false",
        REFLEX_WEB_WORKDIR=str(WEB),
        REFLEX_DIR=str(BUILD / "reflex"),
        REFLEX_ENV_MODE="prod",
        NPM_CONFIG_FUND="false",
        NPM_CONFIG_AUDIT="false",
        NPM_CONFIG_UPDATE_NOTIFIER="false",
    )


def export() -> None:
    """Compiles the pages and lets Vite bundle and pre-render them into build/web/build/client."""
    from reflex.utils import prerequisites
    from reflex.utils.export import export as reflex_export
    from reflex.utils.frontend_skeleton import initialize_web_directory
    from reflex_base import constants

    # Reflex rewrites the lock that it installs from. Ours is tracked, so Reflex gets a copy of it.
    setattr(constants.Bun, "ROOT_LOCKFILE_DIR", WORKING_LOCK)  # noqa: B010 (its type is the one word)
    copy_lock(LOCK, ROOT / WORKING_LOCK)
    prerequisites.initialize_reflex_user_directory()
    prerequisites.initialize_frontend_dependencies()
    if prerequisites.needs_reinit():
        initialize_web_directory()
    reflex_export(zipping=False, backend=False, prerender_routes=True)


def copy_lock(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in LOCK_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def publish(exported: Path, site: Path) -> None:
    """Puts the finished export in place of the last one, in one step: a running server never sees half of
    it.
    """
    fresh = site.with_name("site.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(exported, fresh)
    free_from_address(fresh)
    compress(fresh)
    shutil.rmtree(site, ignore_errors=True)
    fresh.rename(site)


def free_from_address(site: Path) -> None:
    """Replaces the baked address of the event socket. SystemExit when Reflex has changed how it bakes it."""
    scripts = [p for p in site.rglob("*.js") if BAKED in p.read_text()]
    if not scripts:
        raise SystemExit(
            "The event socket's address is not in the exported scripts: see BAKED in account_app/build.py."
        )
    for script in scripts:
        script.write_text(script.read_text().replace(BAKED, ADDRESS))


def make_drawing() -> None:
    """What draws pages on the server: the same components in one script, at the first try as React Router drew them."""
    node = shutil.which("node") or "node"
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    subprocess.run([node, vite, "build", "-c", "draw.config.js"], cwd=WEB, check=True)  # noqa: S603
    made = (WEB / "build" / "drawing" / "draw.js").read_text()
    SCRIPT.write_text(f"(() => {{{PLATFORM.read_text()}{made}}})()")
    with closing(Drawing(SCRIPT)) as drawing:
        for place in PLACES:
            check_drawing(drawing, place.address)


def check_drawing(drawing: Drawing, address: str) -> None:
    """SystemExit unless a page without figures is byte for byte what was exported."""
    page = (SITE / f"{address.removeprefix('/') or 'index'}.html").read_text()
    drawn = drawing.draw_now(route_of(address), f"{address.rstrip('/')}/", "{}", DRAWING_SECONDS_MAX)
    if not page.partition("<body>")[2].startswith(drawn + "<script"):
        raise SystemExit(f"{address} is drawn otherwise than it was exported: see account_app/front/draw.jsx.")


def compress(site: Path) -> None:
    files = [p for p in sorted(site.rglob("*")) if p.suffix in TEXT and p.stat().st_size >= WORTH_COMPRESSING_BYTES]
    for file in files:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
    names = "\n".join(map(str, files))
    node = shutil.which("node") or "node"
    subprocess.run([node, "-e", BROTLI], input=names, text=True, check=True)  # noqa: S603 (our own words)


if __name__ == "__main__":
    raise SystemExit(main())
