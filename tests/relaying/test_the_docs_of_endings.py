"""The table of endings in the docs says what the tests of the endings prove."""

from tests.relaying.endings_table import DOCUMENT, written


def test_the_table_of_endings_is_what_the_tests_prove() -> None:
    assert DOCUMENT.read_text() == written(), "write it anew: .venv/bin/python -m tests.relaying.endings_table"
