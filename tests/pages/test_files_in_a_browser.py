"""The storage page in a real Chromium: files go straight to the API, and come back the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from sandbox.serve import Running, in_thread
from tests.fixtures.dashboard import Dashboard, built_site, running
from tests.pages.people_house import House, opened, panel, serious, told, unreached, wide

pytestmark = pytest.mark.browser
FONT = b"wOF2" + bytes(range(256)) * 40


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Dashboard]]:
    built_site()
    folder = tmp_path_factory.mktemp("files")
    with in_thread() as world, running(folder, ASSET_MB_MAX="1", **world.settings) as product:
        yield world, product


def file(name: str, content: bytes = FONT) -> Any:
    return {"name": name, "mimeType": "font/woff2", "buffer": content}


def test_files_are_sent_replaced_fetched_deleted_and_put_back(house: House, tmp_path: Path) -> None:
    page = house.visit("files@example.com", "/storage")
    expect(page.get_by_text("No files yet")).to_be_visible()
    chooser = page.locator("input[type=file]")
    chooser.set_input_files([file("Ink Trap.woff2"), file("Ünïcode.woff2"), file("large.otf", b"x" * 1_100_000)])
    sent = page.get_by_role("list", name="Uploads")
    expect(sent.get_by_role("alert")).to_have_text("A file has at most 1 MB.")
    files = page.get_by_role("table", name="Files", exact=True)
    expect(files.get_by_role("row")).to_have_count(3)
    expect(panel(page, "Space")).to_contain_text("in 2 files")
    with page.expect_download() as fetched:
        files.get_by_role("link", name="Ink Trap.woff2").click()
    fetched.value.save_as(tmp_path / "font")
    assert (tmp_path / "font").read_bytes() == FONT
    chooser.set_input_files([file("Ink Trap.woff2", FONT * 2)])
    sent.get_by_role("button", name="Replace Ink Trap.woff2").click()
    expect(files.get_by_role("row").filter(has_text="Ink Trap")).to_contain_text("20.5 kB")
    files.get_by_role("button", name="Delete Ink Trap.woff2").press("Enter")
    expect(files.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("table", name="Deleted files")).to_contain_text("Ink Trap.woff2")
    page.get_by_role("button", name="Undo").press("Enter")
    told(page, "It is back.")
    expect(files.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("table", name="Deleted files")).to_have_count(0)


def test_an_upload_that_is_refused_says_why_and_can_be_tried_again(house: House) -> None:
    page = house.visit("refused@example.com", "/storage")
    page.route("**/api/assets/*", lambda route: route.abort(), times=1)
    page.locator("input[type=file]").set_input_files([file("a.woff2"), file("con.ttf")])
    sent = page.get_by_role("list", name="Uploads")
    expect(sent).to_contain_text("The connection was lost. Nothing was kept; try again.")
    expect(sent).to_contain_text("This name is reserved on some systems; choose another.")
    sent.get_by_role("button", name="Try again a.woff2").click()
    files = page.get_by_role("table", name="Files", exact=True)
    expect(files.get_by_role("link", name="a.woff2")).to_be_visible()


def test_what_came_meanwhile_is_asked_about_and_what_is_somebody_elses_is_left_alone(house: House) -> None:
    page = house.visit("meanwhile@example.com", "/storage")
    files, sent = page.get_by_role("table", name="Files", exact=True), page.get_by_role("list", name="Uploads")
    chooser = page.locator("input[type=file]")

    def keeps_another(route: Route) -> None:
        page.context.request.put(route.request.url, data=b"of another device")
        route.continue_()

    page.route("**/api/assets/a.woff2", keeps_another, times=1)
    chooser.set_input_files([file("a.woff2")])
    sent.get_by_role("button", name="Replace a.woff2").click()
    expect(files.get_by_role("row").filter(has_text="a.woff2")).to_contain_text("10.2 kB")

    def is_somebody_elses(route: Route) -> None:
        assert route.request.headers["x-account"].startswith("acct_")
        route.continue_(headers={**route.request.headers, "x-account": "acct_of_somebody_else"})

    page.route("**/api/assets/b.woff2", is_somebody_elses, times=1)
    chooser.set_input_files([file("b.woff2")])
    expect(sent).to_contain_text("Somebody else is signed in now")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_reach_it(house: House, scheme: Any) -> None:
    page = house.visit(f"{scheme}@example.com", "/storage", color_scheme=scheme, reduced_motion="reduce")
    page.locator("input[type=file]").set_input_files([file("a.woff2"), file("large.otf", b"x" * 1_100_000)])
    expect(page.get_by_role("link", name="a.woff2")).to_be_visible()
    assert serious(page) == []
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert wide(page) == []
    opened(page, "/storage")
    assert unreached(page) == []
