"""What every test may ask for; the fixtures themselves are in tests/fixtures/, one file an idea."""

import pytest

pytest_plugins = [
    "tests.fixtures.network",
    "tests.fixtures.databases",
    "tests.fixtures.time",
    "product",
    "endings",
    "browser",
    "front_door",
]

LONGEST = (
    "chaos",
    "survives_crashes",
    "backups",
    "billing_in_a_browser",
    "the_socket",
    "signals",
)
"""Files that take a minute or so. They begin first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONGEST)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-looks", action="store_true", help="take the reference pictures of the components anew")
