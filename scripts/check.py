"""`make check`: what is true or false without running the product. All of it runs, whatever fails."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "types": [PYTHON, "-m", "basedpyright", "--level", "error"],
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations make the tables": [PYTHON, "-m", "relay.cli", "migrate", "--check"],
    ".env.example": [PYTHON, "-m", "relay.cli", "env-example", "--check"],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # No setting of this machine may decide what is true of the code.
        env = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/check.db"}
        # Types take longest, on one core: the others are done meanwhile.
        with ThreadPoolExecutor(max_workers=2) as two:
            verdicts = list(two.map(lambda check: passes(check[0], check[1], env), CHECKS.items()))
    failed = [name for name, passed in zip(CHECKS, verdicts, strict=True) if not passed]
    print(f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks pass.")
    sys.exit(1 if failed else 0)


def passes(name: str, command: list[str], env: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    verdict = "FAILED" if done.returncode else "ok"
    told = f"{verdict:<6} {name} ({time.monotonic() - started:.1f} s)"
    print(f"{told}\n{done.stdout}" if done.returncode else told, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
