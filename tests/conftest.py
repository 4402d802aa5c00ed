"""What every test may ask for; the fixtures themselves are in tests/fixtures/, one file an idea."""

import gc

import pytest

# Nothing that imports make is garbage, and they make too much to walk over again and again.
gc.disable()

pytest_plugins = [
    "tests.fixtures.network",
    "tests.fixtures.databases",
    "tests.fixtures.time",
    "tests.fixtures.product",
    "tests.fixtures.browser",
    "tests.fixtures.endings",
    "tests.fixtures.bookkeeping",
    "tests.fixtures.billing_desk",
    "tests.fixtures.front_door",
]

LONGEST = (
    "chaos",
    "survives_crashes",
    "backups",
    "billing_in_a_browser",
    "the_socket",
    "signals",
    "the_way_to_stripe",
    "the_ledger_against_a_model",
    "pages_in_a_browser",
    "pages_with_a_history",
    "people_in_a_browser",
    "the_doctor",
    "the_main_components",
)
"""Files that take half a minute or more. They begin first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-looks", action="store_true", help="take the reference pictures of the components anew")
