"""Public ids: a prefix that says what it is, a time that sorts, and randomness that cannot be guessed."""

import os
import time


def new_id(prefix: str) -> str:
    """`req_019a5f…`: 12 hex digits of milliseconds, then 64 random bits."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"
