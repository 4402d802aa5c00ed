"""The panel's own unit tests, which Vitest runs in Node."""

import os
import subprocess
import sys
from pathlib import Path

from relay.settings import ROOT

PANEL = ROOT / "panel"


def test_the_panels_unit_tests_pass() -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["node", "node_modules/vitest/vitest.mjs", "run", "--no-color"]
    done = subprocess.run(command, cwd=PANEL, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
