"""A stand-in for Anthropic's API, exact in its wire format and able to fail in every way that a real one
does.
"""

from sandbox.claude.server import Claude

__all__ = ["Claude"]
