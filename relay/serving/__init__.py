"""Serving: uvicorn with connections that bound what a stranger may make them wait for, in one worker or in several."""

from relay.serving.server import serve

__all__ = ["serve"]
