"""The most that an admitted request can cost, and the longest answer that an amount of credit can pay for."""

from dataclasses import dataclass, field

import orjson

from relay.admission import allowed
from relay.admission.contents import CACHE_KINDS, Measure
from relay.admission.reading import Body
from relay.errors import BadInput
from relay.pricing import LONG_PROMPT_TOKENS, PriceTable, context_tokens, image_tokens_max, tier_name

FIXED_TOKENS = 256
"""What upstream frames a prompt with. A message's own JSON is longer than the tokens that frame it."""
TOOLS_TOKENS = 1_000
"""The system prompt that comes with tools: 804 tokens at most (docs: Tool use, Opus 4.7 with `any`)."""
PROVIDED_TOOL_TOKENS = 3_000
"""A tool that upstream describes itself: 245 to 735 tokens (docs: Bash, Text editor, Computer use)."""
FORMAT_TOKENS = 1_000
"""The system prompt that comes with a structured output format (docs: Structured outputs give no figure)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may be sent, once its worst case is held.

    `input_bound_tokens` is the most tokens its prompt can have, or None when only upstream can count them (a
    PDF, a document by URL, citations). Each of `max_searches` web searches may fill the context once more.
    """

    model: str
    stream: bool
    max_tokens: int
    input_bound_tokens: int | None
    input_kind: str
    max_searches: int
    geo: str
    speed: str
    body: Body = field(repr=False)

    def worst_case_pico(self, table: PriceTable, input_tokens: int | None = None) -> int:
        """The most that this request can be sold for, in pico-dollars.

        `input_tokens` is upstream's count, when it was asked. Without a bound and a count, the prompt is
        taken to fill the context. BadInput when the table does not price this model in this way.
        """
        fixed_pico, output_pico = self._parts(table, input_tokens)
        return fixed_pico + output_pico * self.max_tokens

    def affordable_max_tokens(self, table: PriceTable, available_pico: int, input_tokens: int | None = None) -> int:
        """The largest `max_tokens` whose worst case fits `available_pico`; 0 if the prompt alone does not."""
        fixed_pico, output_pico = self._parts(table, input_tokens)
        return min(max(0, available_pico - fixed_pico) // output_pico, allowed.MAX_TOKENS_MAX)

    def count_tokens_body(self) -> bytes:
        """The body for upstream's `count_tokens`: this request without the fields that it does not take."""
        return count_tokens_body(self.body)

    def _parts(self, table: PriceTable, input_tokens: int | None) -> tuple[int, int]:
        """Pico-dollars of everything but the answer, and of one token of the answer."""
        prompt = self._prompt_tokens(input_tokens) + self.max_searches * context_tokens(self.model)
        tier = self._dearest_tier(table, prompt)
        input_pico = table.unit(self.model, self.input_kind, tier).price_pico
        search_pico = table.unit(self.model, "web_search", tier).price_pico
        fixed_pico = prompt * input_pico + self.max_searches * search_pico
        return fixed_pico, table.unit(self.model, "output", tier).price_pico

    def _prompt_tokens(self, counted: int | None) -> int:
        bounds = [context_tokens(self.model)]
        if self.input_bound_tokens is not None:
            bounds.append(self.input_bound_tokens)
        if counted is not None:
            # The count is an estimate that can differ "by a small amount" (docs: Token counting).
            bounds.append(counted + counted // 50 + 64)
        return min(bounds)

    def _dearest_tier(self, table: PriceTable, prompt: int) -> str:
        long = prompt > LONG_PROMPT_TOKENS and table.has_tier(self.model, "long")
        tier = tier_name(long=long, fast=self.speed == "fast", us=self.geo == "us")
        if not table.has_tier(self.model, tier):
            raise BadInput(f"model: {self.model} has no published price for the tier {tier!r}. Use another model.")
        return tier


def count_tokens_body(body: Body) -> bytes:
    """The same of a request that was admitted."""
    fields = orjson.loads(body)
    return orjson.dumps({name: fields[name] for name in fields if name in allowed.COUNTED_FIELDS})


def input_bound(measure: Measure, compact: bytes, model: str) -> int | None:
    """The most tokens of the prompt: no text has more tokens than UTF-8 bytes. None: it must be counted."""
    if measure.must_be_counted:
        return None
    text_bytes = len(compact) - measure.payload_bytes + measure.rendered_bytes
    tokens = FIXED_TOKENS + text_bytes + measure.images * image_tokens_max(model)
    tokens += measure.provided_tools * PROVIDED_TOOL_TOKENS
    tokens += TOOLS_TOKENS if measure.has_tools else 0
    tokens += FORMAT_TOKENS if measure.has_format else 0
    return min(tokens, context_tokens(model))


def input_kind(measure: Measure) -> str:
    """The dearest kind that the prompt's tokens can be billed as."""
    return CACHE_KINDS[measure.cache]
