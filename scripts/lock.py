"""Writes the hash locks from the names in `requirements/*.in`; `make lock UPGRADE=1` takes newer versions."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    # pip, which stands in for uv where that fails, takes a name with extras for one that is not pinned.
    "--no-strip-extras",
    "--no-emit-index-url",
    "--no-header",
    "-q",
]


def main() -> None:
    lock("runtime", "requirements/runtime.in", "requirements/build.in")
    lock("dev", "requirements/dev.in", "requirements/build.in", "--constraint", "requirements/runtime.txt")


def lock(name: str, *sources: str) -> None:
    """Writes one lock. Paths are relative, so that its comments name no directory of this machine."""
    output = f"requirements/{name}.txt"
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
    command = [UV, "pip", "compile", *OPTIONS, *upgrade, *sources, "--output-file", output]
    subprocess.run(command, cwd=ROOT, check=True)
    print(f"{output} is written.")


if __name__ == "__main__":
    main()
