"""What is known of a call's bill, and how it is estimated when upstream's last word never came."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson

from relay.metering.events import JsonObject, a_count, a_mapping, a_word, an_object
from relay.pricing import Tokens

CONTEXT_TOKENS_MAX = 1_000_000
BYTES_PER_TOKEN = 4
"""The estimate's rule: prose averages four bytes a token, and every delta is at least one token."""
_PIECE = re.compile(rb"[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d]{1,3}")
"""Dense text (JSON, figures) has more tokens than that: one at least for each word, figure and run of signs."""


@dataclass(slots=True)
class Learnt:
    """What is known of a call's bill so far; as JSON it is the journal."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    web_searches: int = 0
    started: bool = False
    told: bool = False
    final: bool = False
    stopped: bool = False
    unsplit: bool = False
    geo: str = ""
    speed: str = ""
    service_tier: str = ""
    stop_reason: str = ""
    error: str = ""
    unsure: bool = False
    """Something was billed that upstream did not tell: a part of this is our own count."""
    searches_seen: int = 0
    """Results of web searches that passed by: they are billed, though upstream tells how many only at the end."""
    passes: int = 0
    """How often the model went on after results of a search: it read its prompt again each time, with all results."""
    found_tokens: int = 0
    """Of all results that passed by, by their size."""
    found_read_tokens: int = 0
    """The same as often as the model has read them, over all passes."""
    deltas: int = 0
    pieces: int = 0
    text_bytes: int = 0
    hidden_bytes: int = 0
    """Of thinking that upstream shows shortened or not at all, and bills in full: its signature seals all of it."""
    answered_by: str = ""
    """The model, in upstream's words."""
    first_token_ms: int | None = None
    upstream_request_id: str = ""
    journals: int = 0
    """How often this was journalled: of two journals of a call, the one that says more is the newer."""

    def tokens(self, max_tokens: int, context_tokens: int = CONTEXT_TOKENS_MAX) -> Tokens:
        """Upstream's last word where it came, else the estimate.

        That is never above `max_tokens` of output, unless upstream said so, nor above one more context of input for
        each search: so never above the hold.
        """
        if self.final:
            counts = (self.input, self.output, self.cache_read)
            return Tokens(*counts, self.cache_write_5m, self.cache_write_1h, self.web_searches)
        output = max(self.output, self.estimated_output(max_tokens))
        searches = max(self.web_searches, self.searches_seen)
        # Upstream has told of the first pass alone. What was cached then was read from the cache from there on.
        cached = self.cache_read + self.cache_write_5m + self.cache_write_1h
        found = min(self.found_read_tokens, self.passes * max(0, context_tokens - self.input - cached))
        given = self.input * (1 + self.passes) + found
        read = self.cache_read + cached * self.passes
        return Tokens(given, output, read, self.cache_write_5m, self.cache_write_1h, searches)

    @property
    def estimated(self) -> bool:
        """True when the last word never came although the answer had begun."""
        return self.unsure or (self.started and not self.final)

    @property
    def lacks_input(self) -> bool:
        """True when upstream has not said how long the prompt was: none has no tokens at all."""
        return self.started and not (self.input or self.cache_read or self.cache_write_5m or self.cache_write_1h)

    @property
    def failed_free(self) -> bool:
        """True for an `error` event before the first token: upstream bills nothing of it."""
        return bool(self.error) and not self.deltas and not self.told

    def estimated_output(self, max_tokens: int) -> int:
        by_size = -(-self.text_bytes // BYTES_PER_TOKEN)
        seen = max(self.deltas, self.pieces, by_size)
        return min(max_tokens, seen + self.hidden_bytes // BYTES_PER_TOKEN)

    def take_text(self, text: bytes) -> None:
        """Text of one delta that upstream wrote."""
        if text:
            self.deltas += 1
            self.text_bytes += len(text)
            self.pieces += len(_PIECE.findall(text))

    def take_sealed(self, seal: str, shown_bytes: int = 0) -> None:
        """Thinking that nobody but upstream can read, in base64, of which so much was shown."""
        if (hidden := sealed_bytes(seal) - shown_bytes) > 0:
            self.deltas += 1
            self.hidden_bytes += hidden

    def take_results(self, content: Sequence[object]) -> None:
        """Results of one search: titles and addresses, and page texts that are sealed, so a third longer in base64."""
        self.searches_seen += 1
        for result in content:
            if words := an_object(result):
                shown = sum(len(a_word(words, name, "")) for name in ("title", "url"))
                sealed = sealed_bytes(a_word(words, "encrypted_content", ""))
                self.found_tokens += (shown + sealed) // BYTES_PER_TOKEN

    def go_on_after_results(self) -> None:
        """The model has begun another pass over all that it was given and has found."""
        self.passes += 1
        self.found_read_tokens += self.found_tokens

    def journal(self) -> str:
        self.journals += 1
        return orjson.dumps(self).decode()

    @classmethod
    def from_journal(cls, journal: str | None) -> "Learnt":
        """What a newer version has noted beside it is left out: two versions run together for a while."""
        noted: dict[str, Any] = orjson.loads(journal) if journal else {}
        return cls(**{name: noted[name] for name in noted if name in _NAMES})

    def take_usage(self, usage: JsonObject) -> bool:
        """Cumulative totals replace what was known; absent or impossible ones leave it. True if output was told."""
        prompt = (self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)
        self.input = a_count(usage, "input_tokens", self.input)
        self.cache_read = a_count(usage, "cache_read_input_tokens", self.cache_read)
        self._take_cache_writes(usage)
        if self.lacks_input:
            # Some fill a prompt's place with zeros at the end; what was told at the beginning stands.
            self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h = prompt
        self._take_searches(usage)
        self.geo = a_word(usage, "inference_geo", self.geo)
        self.speed = a_word(usage, "speed", self.speed)
        self.service_tier = a_word(usage, "service_tier", self.service_tier)
        told = a_count(usage, "output_tokens", -1)
        self.output = self.output if told < 0 else told
        return told >= 0

    def _take_cache_writes(self, usage: JsonObject) -> None:
        if (split := an_object(usage.get("cache_creation"))) is not None:
            self.cache_write_5m = a_count(split, "ephemeral_5m_input_tokens", 0)
            self.cache_write_1h = a_count(split, "ephemeral_1h_input_tokens", 0)
        total = a_count(usage, "cache_creation_input_tokens", self.cache_write_5m + self.cache_write_1h)
        unexplained = total - self.cache_write_5m - self.cache_write_1h
        if unexplained:
            # Told without a split, or one that does not add up: the rest counts as 5-minute writes.
            self.unsplit = True
            self.cache_write_1h = min(self.cache_write_1h, total)
            self.cache_write_5m = total - self.cache_write_1h

    def _take_searches(self, usage: JsonObject) -> None:
        tools = a_mapping(usage, "server_tool_use")
        self.web_searches = a_count(tools, "web_search_requests", self.web_searches)


def sealed_bytes(seal: str) -> int:
    """How long what upstream has sealed is; base64 writes three bytes as four."""
    return len(seal) * 3 // 4


_NAMES = frozenset(field.name for field in fields(Learnt))
