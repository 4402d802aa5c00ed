"""Fixtures of the ledger's tests: a desk, and the audit's word after each test that asks for it."""

from collections.abc import Iterator

import pytest

from relay.audit import recompute
from relay.database import Database
from tests.fixtures.ledger_desk import Desk, open_desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.fixture
def nothing_differs_afterwards(database: Database) -> Iterator[None]:
    """Whatever a test has done, the audit finds nothing."""
    yield
    assert database.read_now(recompute) == []
