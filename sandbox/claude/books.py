"""Claude's own books: every token that it billed, request by request, to compare the product's against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(slots=True)
class Entry:
    """One request to `/v1/messages`. `usage` holds token counts; `ended` is one of
    `open`, `complete`, `client_gone`, `cut`, `error`, `refused`."""

    request_id: str
    model: str = ""
    stream: bool = False
    status: int = 200
    ended: str = "open"
    behaviour: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    started: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def billed(self) -> bool:
        """A refusal is free, and so is an answer that failed before its first token."""
        return self.started and (self.ended != "error" or self.output_tokens > 0)

    def row(self) -> dict[str, object]:
        """The entry as JSON. What is not billed counts zero tokens."""
        paid = 1 if self.billed else 0
        return {
            "request_id": self.request_id,
            "at": self.at.isoformat(),
            "model": self.model,
            "stream": self.stream,
            "status": self.status,
            "ended": self.ended,
            "finished": self.ended == "complete",
            "billed": self.billed,
            "behaviour": self.behaviour,
            "usage": {
                "input_tokens": self.input_tokens * paid,
                "output_tokens": self.output_tokens * paid,
                "cache_read_input_tokens": self.cache_read_input_tokens * paid,
                "cache_creation_input_tokens": (self.cache_write_5m_tokens + self.cache_write_1h_tokens) * paid,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": self.cache_write_5m_tokens * paid,
                    "ephemeral_1h_input_tokens": self.cache_write_1h_tokens * paid,
                },
            },
            "headers": self.headers,
        }


class Books:
    """All entries, oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def open(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

    def rows(self) -> list[dict[str, object]]:
        return [entry.row() for entry in self.entries]

    def clear(self) -> None:
        self.entries.clear()
