"""`make check`: what is true or false without running the product. All of it runs, whatever fails."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "types": [PYTHON, "-m", "basedpyright", "--level", "error"],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations make the tables": [PYTHON, "-m", "relay.cli", "migrate", "--check"],
    ".env.example": [PYTHON, "-m", "relay.cli", "env-example", "--check"],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # No setting of this machine may decide what is true of the code.
        env = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/check.db"}
        failed = [name for name, command in CHECKS.items() if not passes(name, command, env)]
    print(f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks pass.")
    sys.exit(1 if failed else 0)


def passes(name: str, command: list[str], env: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    verdict = "FAILED" if done.returncode else "ok"
    print(f"{verdict:<6} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
