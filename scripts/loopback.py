"""Ports of this machine: who listens, and whether they answer."""

import contextlib
import socket
import time
import urllib.request
from typing import IO


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there. A machine without IPv6 has nobody on ::1."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno in (98, 48, 13)
        return False


def answers(url: str, after_seconds: float) -> bool:
    time.sleep(after_seconds)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError):
        answer: IO[bytes] = opener.open(url, timeout=5)
        with answer:
            return True
    return False
