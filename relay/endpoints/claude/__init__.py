"""Claude's own API, metered. Plain ASGI callables: the hot path has no framework between the sockets."""

from relay.endpoints.claude.door import PREFIX, ClaudeDoor

__all__ = ["PREFIX", "ClaudeDoor"]
