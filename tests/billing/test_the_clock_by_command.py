"""`account-app sync --until`: a clock that is moved by hand ends nobody's credit where it is real."""

import sys

import pytest

from relay.cli import main
from relay.settings import settings


def test_live_books_are_not_taken_into_the_future(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_of_the_tests")
    monkeypatch.setattr(sys, "argv", ["account-app", "sync", "--until", "2199-01-01"])
    settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main()
    settings.cache_clear()
    assert (ended.value.code, "credit would end before its time" in capsys.readouterr().err) == (2, True)
