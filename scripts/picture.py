"""Takes docs/dashboard.png: the real dashboard over a month of use that the real ledger booked."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from relay import accounts, clock, ledger, pricing
from relay.accounts.sessions import open_session
from relay.database import Database, migrations
from relay.ids import new_id
from relay.ledger import Hold, Settle
from relay.ledger.granting import Kind
from relay.money import PICO_PER_USD
from relay.pricing import PriceTable, Tokens
from relay.settings import ROOT, read_settings
from sandbox.serve import in_thread

PORT = 4190
DAYS = 30
GIVEN: dict[Kind, int] = {"topup": 20, "promo": 5}
SHOTS: tuple[tuple[str, Literal["light", "dark"], int], ...] = (
    ("dashboard", "light", 1200),
    ("dark", "dark", 1200),
    ("phone", "light", 390),
)
MODELS = ("claude-sonnet-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, in_thread() as world:
        url = f"sqlite:///{Path(folder) / 'account.db'}"
        token = a_month_of_use(url)
        env = {**os.environ, **world.settings, "DATABASE_URL": url, "SECRET_KEY": "p" * 40}
        env["ACCOUNT_ORIGIN"] = f"http://localhost:{PORT}"
        command = [str(Path(sys.executable).parent / "account-app"), "serve", "--port", str(PORT)]
        server = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        try:
            wait_for_server()
            take(token)
        finally:
            server.terminate()
            server.wait()


def a_month_of_use(url: str) -> str:
    """Books it through the ledger, on a clock that is moved; a session token of whoever used it."""
    settings = read_settings(DATABASE_URL=url, SIGN_UP_GRANT_USD="0")
    migrations.upgrade(settings)
    database = Database(settings.database_url)
    clock.move(-timedelta(days=DAYS))
    database.write_now(lambda c: pricing.publish(c, settings.MARKUP_PERCENT, clock.now()))
    prices = database.read_now(pricing.current)
    person = database.write_now(lambda c: accounts.account_for(c, settings, "ada@example.com"))
    give(database, person.account_id)
    chance = random.Random(7)
    for day in range(DAYS):
        for _ in range(chance.randrange(2, 9) if day % 7 < 5 else chance.randrange(0, 3)):
            book(database, person.account_id, prices, chance)
        clock.move(timedelta(days=1))
    clock.set_back_to_real_time()
    book(database, person.account_id, prices, chance)
    _, token = database.write_now(lambda c: open_session(c, person.account_id, "Chrome on macOS", ""))
    database.close()
    return token


def give(database: Database, account_id: str) -> None:
    for kind, usd in GIVEN.items():
        database.write_now(
            lambda c, kind=kind, usd=usd: ledger.grant(
                c, account_id, kind=kind, amount_pico=usd * PICO_PER_USD, key=new_id("g"), reason="Picture"
            )
        )


def book(database: Database, account_id: str, prices: PriceTable, chance: random.Random) -> None:
    model, now, request_id = chance.choice(MODELS), clock.now(), new_id("req")
    tokens = Tokens(chance.randrange(400, 9_000), chance.randrange(300, 6_000), cache_read=chance.randrange(0, 40_000))
    charge = prices.charge(model, "base", tokens)
    hold = Hold(request_id, account_id, 2 * charge.price_pico, model, prices.version, 9_000, now, now)
    done = Settle(request_id, account_id, now, "complete", charge.cost_pico, charge.price_pico, tokens)
    for command in (hold, done):
        database.write_now(lambda c, command=command: ledger.post(c, [command]))


def wait_for_server() -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://localhost:{PORT}/readyz").close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not start.")


def take(token: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, scheme, width in SHOTS:
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 820}, timezone_id="Europe/Berlin"
            )
            origin = f"http://localhost:{PORT}"
            context.add_cookies([{"name": "session", "value": token, "url": origin, "httpOnly": True}])
            page = context.new_page()
            page.goto(origin)
            page.get_by_role("heading", name="Latest requests").wait_for()
            page.wait_for_timeout(500)
            folder = ROOT / "docs" if name == "dashboard" else ROOT / "test-results"
            folder.mkdir(exist_ok=True)
            page.screenshot(path=folder / f"{name}.png")
            if name != "dashboard":
                page.goto(origin + "/usage")
                page.wait_for_timeout(1500)
                page.screenshot(path=folder / f"usage-{name}.png")


if __name__ == "__main__":
    main()
