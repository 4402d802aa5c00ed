"""Public ids: a prefix that says what it is, a time that sorts, and randomness that cannot be guessed."""

import os
import time

_AT_ONCE = 128
_waiting: list[str] = []


def new_id(prefix: str) -> str:
    """`req_019a5f…`: 12 hex digits of milliseconds, then 64 random bits."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{_unguessable()}"


def _unguessable() -> str:
    """64 bits as hex. The kernel is asked for many at once: asking costs more than all else that an id does."""
    try:
        return _waiting.pop()
    except IndexError:
        fresh = os.urandom(8 * _AT_ONCE).hex()
        _waiting.extend(fresh[at : at + 16] for at in range(16, len(fresh), 16))
        return fresh[:16]


# A process that is forked would give the same ids as its parent.
os.register_at_fork(after_in_child=_waiting.clear)
