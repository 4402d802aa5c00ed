"""Makes the checkout ready: environment, packages, panel, front end. A step with unchanged inputs is skipped.

Runs under the system's Python with the standard library alone. `--dev` adds what the tests and checks need.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
PATIENCE = {"PIP_RETRIES": "8", "UV_HTTP_RETRIES": "8", "npm_config_fetch_retries": "5"}
"""One download that breaks off is none that stops a set-up of hundreds; who set something else keeps it."""

GENERATED = {"__pycache__", "node_modules", ".web", "dist", ".setup-npm"}


def main() -> None:
    use_a_new_enough_python()
    dev = "--dev" in sys.argv[1:]
    os.chdir(ROOT)
    with one_at_a_time():
        environment()
        packages("dev" if dev else "runtime")
        project()
        # npm mostly waits for the network, and the front end needs nothing of what the tests use.
        with ThreadPoolExecutor() as aside:
            apart = aside.submit(tools) if dev else None
            panel()
            front_end()
            if apart:
                apart.result()
    if "--quiet" not in sys.argv[1:]:
        say("Ready. Next: make run (the product on http://localhost:3000), or make test.")


def use_a_new_enough_python() -> None:
    """Carries on under a newer Python of this machine when the one that was called is too old."""
    if sys.version_info >= OLDEST:
        return
    for minor in (13, 12, 11, 14):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"Python 3.11 or newer is needed; this is {found}. Then: make PYTHON=/path/to/python3.11")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two `make` at once take turns; the second then finds everything done."""
    with open(ROOT / ".setup-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment() -> None:
    """`.venv`, made anew when the checkout moved or its Python went away: its scripts hold absolute paths."""
    if made_here() and works(PYTHON) and any((BIN / name).exists() for name in ("uv", "pip")):
        return
    step("Making the environment (.venv)")
    shutil.rmtree(VENV, ignore_errors=True)
    if succeeds([sys.executable, "-m", "venv", VENV]):
        return
    # Debian splits ensurepip off its Python; a pip of the system's can then fill an environment without one.
    bare = [sys.executable, "-m", "venv", "--clear", "--without-pip", VENV]
    if works(sys.executable, "pip") and succeeds(bare):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit("This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv")


def made_here() -> bool:
    """Whether `.venv` was made at this very path, by what `venv` itself noted in it."""
    with contextlib.suppress(OSError):
        noted = (VENV / "pyvenv.cfg").read_text().splitlines()
        return any(line.startswith("command = ") and line.endswith(f" {VENV}") for line in noted)
    return False


def packages(lock: str) -> None:
    """Installs `requirements/<lock>.txt`, every file checked by its hash. The dev lock holds the other."""
    runtime = Stamp(VENV / ".setup-runtime", [ROOT / "requirements/runtime.txt"])
    dev = Stamp(VENV / ".setup-dev", [ROOT / "requirements/dev.txt"])
    if dev.is_fresh() or (lock == "runtime" and runtime.is_fresh()):
        return
    path = ROOT / "requirements" / f"{lock}.txt"
    count = len(re.findall(r"^\S+==", path.read_text(), re.MULTILINE))
    step(f"Installing {count} packages ({path.relative_to(ROOT)})")
    if not (install_uv(path) and succeeds([*uv_install(), "--compile-bytecode", "--require-hashes", "-r", path])):
        must([*pip_install(), "--require-hashes", "-r", path], "The packages could not be installed.")
    runtime.set()
    if lock == "dev":
        dev.set()


def install_uv(lock: Path) -> bool:
    """uv installs several times faster than pip; it comes from the lock itself, checked like the rest."""
    if (BIN / "uv").exists():
        return True
    pinned = re.search(r"^uv==.*(?:\n +--hash=\S+(?: \\)?)+", lock.read_text(), re.MULTILINE)
    if not pinned:
        return False
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(pinned.group() + "\n")
        only_uv.flush()
        return succeeds([*pip_install(), "--require-hashes", "--no-deps", "-r", only_uv.name])


def project() -> None:
    """Links the checkout into `.venv`, so that `.venv/bin/account-app` works from anywhere."""
    stamp = Stamp(VENV / ".setup-project", [ROOT / "pyproject.toml", ROOT / "requirements/runtime.in"])
    if stamp.is_fresh() and (BIN / "account-app").exists():
        return
    step("Linking the project")
    editable = ["--no-deps", "--no-build-isolation", "-e", "."]
    if not succeeds([*uv_install(), *editable]):
        must([*pip_install(), *editable], "The project could not be linked into .venv.")
    stamp.set()


def panel() -> None:
    """The assistant panel's packages and its one file below `assets/panel/`."""
    folder = ROOT / "panel"
    if not (folder / "package.json").exists():
        return
    locked = Stamp(folder / "node_modules/.setup-npm", [folder / "package.json", folder / "package-lock.json"])
    if not locked.is_fresh():
        step("Installing the panel's packages (npm ci)")
        must([BIN / "npm", "ci", "--no-audit", "--no-fund"], "npm ci failed in panel/.", folder)
        locked.set()
    built = Stamp(ROOT / "build/.setup-panel", files_below(folder))
    if not built.is_fresh() or not (ROOT / "assets/panel").exists():
        step("Building the panel")
        must([BIN / "npm", "run", "build"], "The panel does not build.", folder)
        built.set()


def front_end() -> None:
    """The pages' static files below `build/`; one build serves every address."""
    sources = [ROOT / name for name in ("account_app", "relay", "panel", "assets", "rxconfig.py")]
    files = [path for source in sources for path in files_below(source)]
    stamp = Stamp(ROOT / "build/.setup-front-end", [*files, ROOT / "requirements/runtime.txt"])
    if stamp.is_fresh() or not (ROOT / "account_app/build.py").exists():
        return
    step("Building the front end (half a minute the first time)")
    must([PYTHON, "-m", "account_app.build"], "The front end does not build.")
    stamp.set()


def tools() -> None:
    """What only the tests use of npm: a Cloudflare Pages on loopback, the linter of workflows, pictures."""
    folder = ROOT / "tests/tools"
    locked = Stamp(folder / "node_modules/.setup-npm", [folder / "package.json", folder / "package-lock.json"])
    if not locked.is_fresh():
        step("Installing the tests' tools (npm ci)")
        must([BIN / "npm", "ci", "--no-audit", "--no-fund"], "npm ci failed in tests/tools/.", folder)
        locked.set()


class Stamp:
    """A file that holds the hash of a step's inputs, taken before the step: equal means nothing to do."""

    def __init__(self, path: Path, inputs: list[Path] | None = None, text: str = "") -> None:
        self.path = path
        self.value = digest(inputs or [], text)

    def is_fresh(self) -> bool:
        return self.path.exists() and self.path.read_text() == self.value

    def set(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.value)


def digest(files: list[Path], text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for path in files:
        if path.is_file():
            sha.update(b"%s\0" % str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return sha.hexdigest()


def files_below(path: Path) -> list[Path]:
    """Every source file, in one order; what builds leave behind is not a source."""
    found = [path] if path.is_file() else []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in GENERATED)
        found += [Path(folder, name) for name in sorted(names) if not name.endswith(".pyc")]
    return found


def uv_install() -> list[str | Path]:
    return [BIN / "uv", "pip", "install", "--quiet", "--python", PYTHON]


def pip_install() -> list[str | Path]:
    own = [PYTHON, "-m", "pip"] if works(PYTHON, "pip") else [sys.executable, "-m", "pip", "--python", PYTHON]
    return [*own, "install", "--quiet", "--disable-pip-version-check"]


def works(python: str | Path, module: str = "sys") -> bool:
    """Whether this interpreter runs and can import `module`."""
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0
    except OSError:
        return False


def succeeds(command: list[str | Path]) -> bool:
    return run(command, ROOT).returncode == 0


def must(command: list[str | Path], otherwise: str, folder: Path = ROOT) -> None:
    """Runs a step that there is no way around; its last lines are shown when it fails."""
    done = run(command, folder)
    if done.returncode:
        sys.stderr.write("\n".join(done.stdout.splitlines()[-40:]) + f"\n\n{otherwise}\n")
        sys.exit(1)


def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=surroundings(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def surroundings() -> dict[str, str]:
    """The environment of every step: our Node first, caches in `.venv` when the home is read-only."""
    env = {**PATIENCE, **os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    if not os.access(Path.home(), os.W_OK):
        cache = str(VENV / ".cache")
        env |= {"HOME": cache, "UV_CACHE_DIR": f"{cache}/uv", "npm_config_cache": f"{cache}/npm"}
        Path(cache).mkdir(parents=True, exist_ok=True)
    return env


def step(text: str) -> None:
    say(f"[{time.monotonic() - STARTED:5.1f} s] {text}")


def say(text: str) -> None:
    print(text, flush=True)


STARTED = time.monotonic()

if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next time goes on from here.")
