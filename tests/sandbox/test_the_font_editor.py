"""The demo editor that newcomers see: whatever font they open, its kerning is shown, and no work of theirs is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.serve import in_thread
from tests.fixtures.browser import violations
from tests.sandbox import small_fonts
from tests.sandbox.small_fonts import Tables

pytestmark = pytest.mark.browser

LETTERS = "AVTo"
KERNED = small_fonts.kern_by_glyph(LETTERS, {"AV": -80, "To": -120})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with in_thread(["editor"]) as world:
        yield world.urls["editor"]


@pytest.fixture
def editor(browser: Browser, address: str) -> Iterator[Page]:
    """The page with its own font, Vollkorn, and no faults in its scripts when the test is over."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-GB")
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    expect(page.get_by_label("Value")).to_have_value("-150")
    yield page
    context.close()
    assert faults == []


def choose(page: Page, font: bytes, name: str = "small.ttf") -> None:
    page.get_by_label("Open a font").set_input_files({"name": name, "mimeType": "font/ttf", "buffer": font})


def pairs(page: Page) -> dict[str, str]:
    cells = page.locator("#pairs tr").evaluate_all("rows => rows.map(row => [...row.cells].map(one => one.innerText))")
    return {pair: before for pair, before, _ in cells}


def test_kerning_is_read_wherever_a_font_keeps_it(editor: Page) -> None:
    older = small_fonts.kern_in_the_older_table(LETTERS, {"AV": -80, "To": -120})
    classes = small_fonts.kern_by_class(LETTERS, "AT", "Vo", -60)
    extension = small_fonts.kern_by_class(LETTERS, "AT", "Vo", -60, extension=True)
    each, in_classes = {"To": "-120", "AV": "-80"}, {"AV": "-60", "Ao": "-60", "TV": "-60", "To": "-60"}
    for name, more, kerned in [
        ("By glyph", {"GPOS": KERNED}, each),
        ("Older", {"kern": older}, each),
        ("By class", {"GPOS": classes}, in_classes),
        ("Extension", {"GPOS": extension}, in_classes),
        ("Both", {"GPOS": classes, "kern": older}, in_classes),
        ("None", {}, {}),
    ]:
        choose(editor, small_fonts.bare(small_fonts.tables(LETTERS, name, **more)))
        expect(editor.get_by_text(f"{name} Regular")).to_be_visible()
        assert pairs(editor) == kerned, name
    expect(editor.get_by_text("This font has no kerning yet.")).to_be_visible()


@pytest.mark.parametrize("wrap", [small_fonts.packed, small_fonts.collection])
def test_a_font_may_come_in_another_container(editor: Page, wrap: Callable[[Tables], bytes]) -> None:
    choose(editor, wrap(small_fonts.tables(LETTERS, "Wrapped", GPOS=KERNED)))
    expect(editor.get_by_text("Wrapped Regular")).to_be_visible()
    assert pairs(editor) == {"To": "-120", "AV": "-80"}


def test_a_file_that_cannot_be_opened_is_refused_in_words_and_nothing_is_lost(editor: Page) -> None:
    editor.get_by_label("Value").fill("-90")
    editor.get_by_label("Value").press("Enter")
    whole = small_fonts.bare(small_fonts.tables(LETTERS, GPOS=KERNED))
    for file, words in [
        (b"", "This file is no font."),
        (b"Dear sir or madam, this is a letter.", "This file is no font."),
        (b"wOF2" + bytes(60), "WOFF2"),
        (whole[: len(whole) // 2], "This font is damaged"),
        (small_fonts.bare(small_fonts.tables(LETTERS, GPOS=KERNED[:-8])), "This font is damaged"),
        (small_fonts.bare(small_fonts.tables("אבג")), "no letters that this editor can set"),
    ]:
        choose(editor, file)
        expect(editor.get_by_role("alert")).to_contain_text(words)
        expect(editor.get_by_text("Vollkorn Regular")).to_be_visible()
        expect(editor.get_by_label("Value")).to_have_value("-90")
    choose(editor, whole)
    expect(editor.get_by_role("alert")).to_have_count(0)


def test_what_is_unusual_in_a_font_is_shown_for_what_it_is(editor: Page) -> None:
    choose(editor, small_fonts.bare(small_fonts.tables("AB", "خط", blank="B", fvar=b"")))
    expect(editor.locator("#font-name")).to_have_text("خط Regular")
    expect(editor.get_by_text("variable, as its default")).to_be_visible()
    editor.get_by_role("button", name="Glyph B").click()
    expect(editor.locator("dt:text-is('Contours') + dd")).to_have_text("0")
    expect(editor.locator("#glyphs .blank")).to_have_count(1)
    choose(editor, small_fonts.bare(small_fonts.tables("ЖУА", "Cyrillic only")))
    expect(editor.get_by_role("button", name="Pair ЖУ, 0")).to_be_visible()


def test_a_font_is_opened_by_dropping_it(editor: Page) -> None:
    font = list(small_fonts.bare(small_fonts.tables(LETTERS, "Dropped", GPOS=KERNED)))
    editor.evaluate(
        """bytes => {
          const carried = new DataTransfer()
          carried.items.add(new File([new Uint8Array(bytes)], 'dropped.ttf'))
          for (const kind of ['dragover', 'drop'])
            document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }))
        }""",
        font,
    )
    expect(editor.get_by_text("Dropped Regular")).to_be_visible()


def test_all_of_it_works_by_the_keyboard_alone(editor: Page) -> None:
    keys = editor.keyboard
    editor.get_by_role("button", name="Pair AV, -150").focus()
    keys.press("ArrowRight")
    keys.press("Enter")
    expect(editor.get_by_label("Pair", exact=True)).to_have_value("VA")
    expect(editor.get_by_role("button", name="Pair VA, -135")).to_be_focused()
    keys.press("Tab")
    expect(editor.get_by_role("textbox", name="Text")).to_be_focused()
    editor.get_by_label("Value").focus()
    keys.press("ArrowUp")
    expect(editor.get_by_text("VA was -135")).to_be_visible()
    keys.press("Tab")
    expect(editor.get_by_role("button", name="VA", exact=True)).to_be_focused()
    keys.press("Control+z")
    expect(editor.get_by_label("Value")).to_have_value("-135")
    keys.press("Tab")
    keys.press("ArrowDown")
    keys.press("Enter")
    chosen = editor.locator("#glyphs [aria-pressed=true]")
    expect(chosen).to_be_focused()
    assert chosen.get_attribute("value") not in ("A", "B")


def test_what_cannot_be_set_is_said_and_changes_nothing(editor: Page) -> None:
    for label, wrong, words, kept in [
        ("Pair", "Aж", "The font has no pair Aж.", "AV"),
        ("Value", "1.5", "A kerning value is a whole number", "-150"),
        ("Value", "", "A kerning value is a whole number", "-150"),
    ]:
        field = editor.get_by_label(label, exact=True)
        field.fill(wrong)
        field.press("Tab")
        expect(editor.get_by_role("alert")).to_contain_text(words)
        expect(field).to_have_value(kept)
    editor.get_by_role("textbox", name="Text").fill("Ажур AV")
    expect(editor.get_by_text("Not shown: А ж у р")).to_be_visible()
    expect(editor.get_by_role("button", name="Undo")).to_be_disabled()


def test_changes_are_saved_as_a_feature_file(editor: Page, tmp_path: Path) -> None:
    choose(editor, small_fonts.bare(small_fonts.tables(LETTERS, GPOS=KERNED)))
    expect(editor.get_by_label("Value")).to_have_value("-80")
    editor.get_by_label("Value").fill("-95")
    editor.get_by_label("Value").press("Enter")
    with editor.expect_download() as saved:
        editor.get_by_role("button", name="Save kerning").click()
    assert saved.value.suggested_filename == "kerning.fea"
    assert "feature kern {\n  pos A V -95;\n} kern;" in Path(saved.value.path()).read_text()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (320, "dark")])
def test_axe_finds_nothing_and_nothing_is_cut_off(editor: Page, width: int, scheme: str) -> None:
    editor.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    editor.set_viewport_size({"width": width, "height": 800})
    assert violations(editor) == []
    assert editor.evaluate("document.documentElement.scrollWidth") == width
