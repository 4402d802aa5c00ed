"""What every test may ask for. The fixtures live in `servers` (databases, Redis) and `product` (the real thing)."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from relay import clock

pytest_plugins = ["servers", "product"]
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True, scope="session")
def network_is_loopback_only() -> Iterator[None]:
    """A test that reaches for the outside world fails at once, and says where it wanted to go."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"the tests may not connect to {address[0]}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    """No test leaves the clock moved."""
    yield
    clock.set_back_to_real_time()
