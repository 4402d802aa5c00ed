"""Reads usage out of the upstream's answer while the bytes pass by. It never changes, delays or keeps them for long.

Only `message_start`, `message_delta` and `error` events are parsed as they come. What a cut stream must be estimated
from (the text that upstream wrote) is counted when it is asked for: at journal time and at an untimely end.
"""

from relay.metering.learnt import Learnt
from relay.metering.meter import TAIL_MAX_BYTES, Meter, read_plain

__all__ = ["TAIL_MAX_BYTES", "Learnt", "Meter", "read_plain"]
