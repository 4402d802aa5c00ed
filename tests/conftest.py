"""What every test may ask for; the fixtures themselves are in tests/fixtures/, one file an idea."""

pytest_plugins = [
    "tests.fixtures.network",
    "tests.fixtures.databases",
    "tests.fixtures.time",
    "product",
    "endings",
    "browser",
]
