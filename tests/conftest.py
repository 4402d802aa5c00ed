"""What every test may ask for; the fixtures themselves are in tests/fixtures/, one file an idea."""

import pytest

pytest_plugins = [
    "tests.fixtures.network",
    "tests.fixtures.databases",
    "tests.fixtures.time",
    "product",
    "endings",
    "browser",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-looks", action="store_true", help="take the reference pictures of the components anew")
