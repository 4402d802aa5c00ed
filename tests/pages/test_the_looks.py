"""The design tokens keep their promises: readable in light and dark, and nothing on a page looks otherwise."""

import re
from pathlib import Path

import pytest

from account_app.theme import COLORS
from relay.settings import ROOT

CSS = (ROOT / "assets" / "theme.css").read_text()
GROUNDS = ("page", "surface", "sunken")
TEXT = ("ink", "muted", "accent", "good", "bad", "warn")
PAIRS = [
    *((text, ground) for text in TEXT for ground in GROUNDS[:2]),
    *(("ink", "sunken"), ("muted", "sunken"), ("faint", "surface"), ("page", "ink")),
    *(("accent-ink", "accent"), ("accent-ink", "accent-strong"), ("bad-ink", "bad-strong")),
    *(("good", "good-soft"), ("bad", "bad-soft"), ("warn", "warn-soft")),
]
DRAWN = [(f"series-{n}", "surface") for n in range(1, 7)] + [("accent", "page"), ("faint", "surface")]


def tokens(scheme: str) -> dict[str, str]:
    light, dark = CSS.split("@media (prefers-color-scheme: dark)", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found if scheme == "light" else found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_what_is_drawn_stand_out_from_their_ground(scheme: str) -> None:
    found = tokens(scheme)
    assert set(COLORS) <= set(found)
    faint = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 4.5} == {}
    pale = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in DRAWN}
    assert {pair: ratio for pair, ratio in pale.items() if ratio < 3} == {}


def test_pages_have_no_colours_of_their_own() -> None:
    own = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:bg|text|border|fill|stroke)-(?:\w+-\d{2,3}|\[#)|rgb\(|hsl\(")
    files = [*Path(ROOT, "account_app", "pages").glob("*.py"), *Path(ROOT, "account_app", "components").glob("*.py")]
    found = {path.name: own.findall(path.read_text()) for path in [*files, ROOT / "account_app" / "layout.py"]}
    assert {name: colours for name, colours in found.items() if colours} == {}
