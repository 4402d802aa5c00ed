"""The main components look as their reference pictures in tests/looks/ do, in light and dark, wide and on a phone.

`make looks` takes the references anew; look at them before they are committed. A failure leaves what was seen, what was
expected and where they differ in test-results/looks/.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from relay.settings import ROOT
from scripts.browser import on_path
from tests.fixtures.browser import ARGUMENTS
from tests.fixtures.dashboard import built_site
from tests.pages.components import STEADY, WIDTHS, Pictures, a_day_in_november

pytestmark = pytest.mark.browser

EXPECTED = ROOT / "tests" / "looks"
RESULTS = ROOT / "test-results" / "looks"
TOOLS = ROOT / "tests" / "tools"
DIFFERENT_MAX = 0.01
"""Share of a picture's pixels. Another build of Chromium smooths edges otherwise; a part that moved is more."""


@pytest.fixture
def taken(playwright: Playwright, tmp_path: Path) -> list[str]:
    built_site()
    actual = RESULTS / "actual"
    shutil.rmtree(RESULTS, ignore_errors=True)
    actual.mkdir(parents=True)
    browser = playwright.chromium.launch(executable_path=on_path(), args=[*ARGUMENTS, *STEADY])
    names: list[str] = []
    with a_day_in_november(tmp_path) as product:
        for width in WIDTHS:
            pictures = Pictures(product, browser, width, actual)
            pictures.take()
            names += pictures.taken
    browser.close()
    return names


def test_the_main_components_look_as_they_did(taken: list[str], request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--renew-looks"):
        run("keep.mjs", RESULTS / "actual", EXPECTED)
    assert {path.stem for path in EXPECTED.glob("*.png")} == set(taken)
    shares = compared(EXPECTED, RESULTS / "actual", taken)
    different = {name: round(share, 4) for name, share in shares.items() if share > DIFFERENT_MAX}
    for name in different:
        shutil.copy(EXPECTED / f"{name}.png", RESULTS / f"{name}-expected.png")
    assert different == {}, f"Look at {RESULTS.relative_to(ROOT)}; `make looks` takes these as right."


def compared(expected: Path, actual: Path, names: list[str]) -> dict[str, float]:
    """The share of different pixels of each picture, 0 to 1."""
    return json.loads(run("compare.mjs", expected, actual, RESULTS / "differences", *names))


def run(tool: str, *words: Path | str) -> str:
    """What a script of tests/tools/ prints. `make` has our Node on the PATH; pytest alone may not."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "node"
    command = [node, str(TOOLS / tool), *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
