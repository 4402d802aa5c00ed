"""`account-app grant`: once for a key, never for another gift, and never without a reason."""

import sys
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from relay.cli import main
from relay.database import Database
from relay.money import PICO_PER_USD
from relay.settings import settings
from relay.tables import Account, Grant, table

grants, people = table(Grant), table(Account)
Give = Callable[..., tuple[int, str, str]]


@pytest.fixture
def give(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Give]:
    """The command in this process: its exit code, what it says, and what it says of its refusal."""
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    settings.cache_clear()

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["account-app", "grant", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    yield run
    settings.cache_clear()


def given(sqlite_url: str) -> list[tuple[str, int]]:
    database = Database(sqlite_url)
    asked = select(people.c.email, grants.c.granted_pico).join_from(people, grants, isouter=True)
    rows = database.read_now(lambda c: c.execute(asked).all())
    database.close()
    return [(row[0], row[1]) for row in rows]


def test_a_key_gives_once_and_says_so_when_it_meant_something_else(give: Give, sqlite_url: str) -> None:
    asked = ("ada@example.com", "1", "--reason", "A lost day", "--key", "ticket-7")
    assert [give(*asked)[0], give(*asked)[0]] == [0, 0]
    code, _, told = give("ada@example.com", "2", *asked[2:])
    assert (code, "$1 (promo) to this account" in told) == (2, True)
    code, _, told = give("bert@example.com", *asked[1:])
    assert (code, "to another account" in told) == (2, True)
    assert given(sqlite_url) == [("ada@example.com", PICO_PER_USD)]


def test_a_blank_reason_gives_nothing(give: Give, sqlite_url: str) -> None:
    code, _, told = give("ada@example.com", "1", "--reason", " ")
    assert (code, "--reason says why" in told) == (2, True)
    assert given(sqlite_url) == []


def test_what_it_says_is_one_line_as_it_is(give: Give) -> None:
    email = f"{'ada' * 20}@{'long-' * 10}name.example"
    assert give(email, "1", "--reason", "A lost day") == (0, f"Gave $1 to {email}.\n", "")
