"""Failures asked for in advance: `POST /sandbox/next {"status": 500, "times": 1}`."""

from __future__ import annotations

from collections import deque

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Failures:
    """The HTTP statuses that the next requests are to be answered with."""

    def __init__(self) -> None:
        self.waiting: deque[int] = deque()

    async def queue(self, request: Request) -> Response:
        """The endpoint that takes the wish."""
        wish = await request.json()
        status, times = wish.get("status"), wish.get("times", 1)
        if not isinstance(status, int) or not 400 <= status <= 599 or not isinstance(times, int):
            return JSONResponse({"error": 'post {"status": 500}, 400 to 599'}, status_code=400)
        self.waiting.extend([status] * times)
        return JSONResponse({"queued": len(self.waiting)})

    def take(self) -> int | None:
        """The status that the request at hand must fail with, if any."""
        return self.waiting.popleft() if self.waiting else None
