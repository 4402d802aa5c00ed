"""The doctor tells what is wrong, what was expected and the fix; it exits by it, and tells no secret."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import GENEROUS, Product, running_product

from relay.settings import ROOT
from sandbox.serve import Running


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
    code, found, said = examine(place)
    wrong = {name for name, one in found.items() if one["state"] == "wrong"}
    # The sandbox has no prices until somebody sets Stripe up, and the tests' PostgreSQL is quick instead of durable.
    expected = {"stripe: meter", "stripe: STRIPE_PRICE_PLAN", "stripe: STRIPE_PRICE_OVERAGE"}
    assert wrong <= expected | {"durability: fsync", "durability: full_page_writes", "durability: synchronous_commit"}
    assert code == bool(wrong)
    for name in ("database revision", "ticking", "prices", "prices: genai-prices", "claude", "mail", "stripe"):
        assert found[name]["state"] in ("ok", "warning"), found[name]
    assert set(GENEROUS) <= set(found)
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
    )
    assert code == 1
    wrong = {name for name, one in found.items() if one["state"] == "wrong"}
    assert {"claude", "stripe", "mail", "redis", "COOKIE_DOMAIN", "prices", "RATE_CONCURRENT", "SECRET_KEY"} <= wrong
    assert all(one["fix"] and one["expected"] for one in found.values() if one["state"] != "ok")
    assert "hidden-password" not in said
    assert "openssl rand" in found["SECRET_KEY"]["fix"]


def test_without_a_database_it_says_so_and_goes_on(tmp_path: Path, world: Running) -> None:
    environment = world.settings | {"PATH": "", "DATABASE_URL": f"sqlite:///{tmp_path / 'none' / 'account.db'}"}
    _, found, _ = examine(Product(world, environment, 0, tmp_path / "log"))
    assert {found[name]["state"] for name in ("database", "prices")} == {"wrong"}
    assert found["claude"]["state"] == "ok"
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
    assert "alembic" not in done.stderr.lower()
