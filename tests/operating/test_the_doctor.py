"""The doctor tells what is wrong, what was expected and the fix; it exits by it, and tells no secret."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.doctor import Finding, clocks, services
from relay.settings import ROOT, Settings
from sandbox.serve import Running
from tests.fixtures.product import GENEROUS, Product, running_product


@pytest.fixture
def place(tmp_path: Path, database_url: str, world: Running) -> Iterator[Product]:
    with running_product(tmp_path, database_url, world) as found:
        yield found


def examine(product: Product, **changes: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, findings by name, and all that was said."""
    product.environment = product.environment | changes
    done = product.run("doctor", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode == 0) is told["ok"]
    return done.returncode, {one["name"]: one for one in told["findings"]}, done.stdout + done.stderr


def test_a_good_place_is_fine_and_a_bad_one_is_told_everything_at_once(place: Product) -> None:
    set_up_stripe(place)
    code, found, said = examine(place)
    # The tests' PostgreSQL is quick instead of durable; every other thing is as it must be.
    wrong = {name for name, one in found.items() if one["state"] != "ok"}
    assert wrong == {name for name in found if name.startswith("durability: ") and found[name]["found"] == "off"}
    assert code == bool(wrong)
    expected = {"mail: domain", "clock: claude", "clock: stripe", "stripe: meter", "stripe: webhook", "ticking"}
    assert expected | {"database revision", "prices", "prices: genai-prices", *GENEROUS} <= set(found)
    secrets = [value for name, value in place.environment.items() if name.endswith(("_KEY", "_SECRET"))]
    assert not [secret for secret in secrets if secret in said]

    place.kill()
    code, found, said = examine(
        place,
        ANTHROPIC_API_KEY="not-a-key",
        STRIPE_API_BASE="http://127.0.0.1:9",
        RESEND_API_URL="http://127.0.0.1:9",
        REDIS_URL="redis://:hidden-password@127.0.0.1:9/0",
        COOKIE_DOMAIN="elsewhere.dev",
        MARKUP_PERCENT="35",
        RATE_CONCURRENT="0",
        SECRET_KEY="short",
        OPERATOR_EMAILS="nobody@fonts.dev",
    )
    assert code == 1
    wrong = {name for name, one in found.items() if one["state"] == "wrong"}
    assert {"claude", "stripe", "mail", "redis", "COOKIE_DOMAIN", "prices", "RATE_CONCURRENT", "SECRET_KEY"} <= wrong
    assert all(one["fix"] and one["expected"] for one in found.values() if one["state"] != "ok")
    assert found["OPERATOR_EMAILS"]["state"] == "warning"
    assert found["OPERATOR_EMAILS"]["found"] == "no account with nobody@fonts.dev"
    assert "hidden-password" not in said
    assert "openssl rand" in found["SECRET_KEY"]["fix"]


def set_up_stripe(product: Product) -> None:
    """As an operator does: once, and what it prints becomes settings."""
    done = product.run("stripe", "setup", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    product.environment |= json.loads(done.stdout)["settings"]


@contextmanager
def a_claude_of(moment: datetime) -> Iterator[str]:
    """Its address; at its clock it is `moment`, whenever it is asked."""

    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(moment, usegmt=True)

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Late)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_clock_that_is_off_is_told_with_how_far_off_it_is(world: Running) -> None:
    with a_claude_of(datetime.now(UTC) - timedelta(hours=1)) as address:
        settings = Settings(**world.settings | {"ANTHROPIC_BASE_URL": address})
        claude, stripe = await clocks.check(settings)
    assert (claude.state, stripe.state) == ("wrong", "ok")
    assert "s ahead, give or take" in claude.found
    assert 3590 < float(claude.found.partition(" ")[0]) < 3720
    assert "NTP" in claude.fix


@pytest.mark.parametrize(
    ("behind", "took", "expected"),
    [(0.0, 0.2, (0.0, 0.6)), (-3.0, 0.0, (-3.0, 0.5)), (7.0, 4.0, (7.0, 2.5))],
)
def test_two_clocks_are_compared_at_the_middle_of_the_question(
    behind: float, took: float, expected: tuple[float, float]
) -> None:
    asked = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
    told = asked + timedelta(seconds=took / 2 - 0.5 - behind)
    assert clocks.apart(told, asked, took) == pytest.approx(expected)


async def test_the_domain_that_mail_comes_from_must_be_verified(world: Running) -> None:
    async def found(**changes: str) -> dict[str, Finding]:
        return {one.name: one for one in await services.check_mail(Settings(**world.settings | changes))}

    assert (await found())["mail: domain"].state == "ok"
    other = (await found(MAIL_FROM="Fonts <codes@mail.fonts.dev>"))["mail: domain"]
    assert (other.state, other.found) == ("wrong", "mail.fonts.dev is not known to Resend")
    async with httpx.AsyncClient(base_url=world.urls["mail"]) as sandbox:
        pending = {"name": "fonts.dev", "DKIM": "failed"}
        (await sandbox.post("/sandbox/domain", json=pending)).raise_for_status()
    half = (await found(MAIL_FROM="Fonts <codes@fonts.dev>"))["mail: domain"]
    assert (half.state, half.found) == ("wrong", "fonts.dev pending, DKIM failed")
    refused = await found(RESEND_API_KEY="not a key")
    assert (set(refused), refused["mail"].state) == ({"mail"}, "wrong")


def test_without_a_database_it_says_so_and_goes_on(tmp_path: Path, world: Running) -> None:
    environment = world.settings | {"PATH": "", "DATABASE_URL": "postgresql://127.0.0.1:9/none"}
    prices = dict.fromkeys(("STRIPE_PRICE_PLAN", "STRIPE_PRICE_OVERAGE"), world.settings["STRIPE_PRICE_OVERAGE"])
    at_fault = Product(world, environment | prices, 0, tmp_path / "log")
    _, found, said = examine(at_fault, STORAGE_URL="file:///proc/no/folder")
    assert {found[name]["state"] for name in ("database", "prices", "storage", "stripe: STRIPE_PRICE_PLAN")} == {
        "wrong"
    }
    assert found["claude"]["state"] == found["stripe: STRIPE_PRICE_OVERAGE"]["state"] == "ok"
    assert "a defect" not in said
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path / 'none' / 'account.db'}"
    told = Product(world, environment, 0, tmp_path / "log").run("doctor")
    assert told.returncode == 1
    assert "wrong." in told.stdout


def test_beside_a_make_run_it_examines_what_that_one_runs_with(tmp_path: Path, world: Running) -> None:
    for room in ("relay", "alembic"):
        shutil.copytree(ROOT / room, tmp_path / room)
    (tmp_path / "data").mkdir()
    noted = {"pid": os.getpid(), "settings": world.settings}
    (tmp_path / "data" / "running.json").write_text(json.dumps(noted))
    doctor = [sys.executable, "-m", "relay.cli", "doctor", "--json"]
    done = subprocess.run(doctor, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, timeout=60)
    found = {one["name"]: one["state"] for one in json.loads(done.stdout)["findings"]}
    assert [found[name] for name in ("ANTHROPIC_API_KEY", "STRIPE_API_KEY", "claude", "stripe")] == ["ok"] * 4
    elsewhere = {"PATH": "", "DATABASE_URL": f"sqlite:///{tmp_path / 'another.db'}"}
    other = subprocess.run(doctor, cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=60)
    named = {one["name"]: one["state"] for one in json.loads(other.stdout)["findings"]}
    assert named["ANTHROPIC_API_KEY"] == "wrong"
    assert "alembic" not in done.stderr.lower()
