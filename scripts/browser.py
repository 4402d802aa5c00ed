"""Gives the browser tests a Chromium: there already, else apt's when root, else Playwright's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROOT = Path(__file__).resolve().parent.parent
APT = {"DEBIAN_FRONTEND": "noninteractive"}
APT_GET = ("apt-get", "-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300")
"""A fresh machine may still be busy with updates of its own: their lock is waited for."""


def main() -> None:
    for have in (find, install, download):
        path = have()
        if path:
            return
    sys.exit("The browser tests need Chromium. On Debian or Ubuntu: sudo apt install chromium.")


def find() -> str | None:
    """The path of a Chromium that can be started now."""
    kept = on_path() or kept_by_playwright()
    return kept if kept and Path(kept).exists() else None


def on_path() -> str | None:
    """$CHROMIUM, or the machine's own; None leaves the choice to Playwright."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def kept_by_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install() -> str | None:
    """Debian's package, which brings its libraries along."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing Chromium for the browser tests (apt) …", flush=True)
    succeeds([*APT_GET, "update", "-qq"])
    succeeds([*APT_GET, "install", "-y", "-qq", "--no-install-recommends", "chromium"])
    return find()


def download() -> str | None:
    """Playwright's own build, which needs no rights; its libraries may still be missing, so it is tried."""
    print("Downloading Chromium for the browser tests …", flush=True)
    succeeds([sys.executable, "-m", "playwright", "install", "chromium"])
    path = find()
    return path if path and succeeds([path, "--headless", "--no-sandbox", "--version"]) else None


def succeeds(command: list[str]) -> bool:
    done = subprocess.run(command, env={**os.environ, **APT}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write("\n".join((done.stdout + done.stderr).splitlines()[-5:]) + "\n")
    return done.returncode == 0


if __name__ == "__main__":
    main()
