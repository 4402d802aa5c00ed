"""Claude, over HTTP/1.1: the one upstream. A fixed address, kept-alive connections, bytes as they come.

`Claude.send` gives an `Answer`: its head, then `read()` until `b""`. What goes wrong is UpstreamFailed, or
UpstreamTimedOut, and is never retried here: upstream may have billed what it did not get to say.
"""

from relay.gateways.claude.client import VERSION, Claude
from relay.gateways.claude.connection import Answer

__all__ = ["VERSION", "Answer", "Claude"]
