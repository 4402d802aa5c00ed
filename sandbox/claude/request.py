"""The body of a request as Anthropic takes it: nothing missing, nothing more, nothing of another type."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    ValidationError,
)

from sandbox.claude.errors import Refusal

TTL = Literal["5m", "1h"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class CacheControl(Strict):
    type: Literal["ephemeral"]
    ttl: TTL = "5m"


class Cacheable(Strict):
    cache_control: CacheControl | None = None


class Text(Cacheable):
    type: Literal["text"]
    text: str
    citations: list[dict[str, object]] | None = None


def _as_blocks(content: object) -> object:
    # A string is shorthand for one text block, so that everything after this sees blocks only.
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class Base64Image(Strict):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class Url(Strict):
    type: Literal["url"]
    url: str


class Transformations(Strict):
    oversized_image: Literal["downsize", "error"] = "downsize"


class Image(Cacheable):
    type: Literal["image"]
    source: Annotated[Base64Image | Url, Discriminator("type")]
    transformations: Transformations | None = None


class Base64Pdf(Strict):
    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: str


class PlainText(Strict):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class Citations(Strict):
    enabled: bool = False


class Document(Cacheable):
    type: Literal["document"]
    source: Annotated[Base64Pdf | PlainText | Url, Discriminator("type")]
    citations: Citations | None = None
    context: str | None = None
    title: str | None = None


class SearchResult(Cacheable):
    type: Literal["search_result"]
    source: str
    title: str
    content: list[Text]
    citations: Citations | None = None


class Thinking(Strict):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinking(Strict):
    type: Literal["redacted_thinking"]
    data: str


class Caller(Strict):
    type: Literal["direct"]


class ToolUse(Cacheable):
    type: Literal["tool_use"]
    id: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$")]
    name: str
    input: dict[str, object]
    caller: Caller | None = None
    toolset_name: str | None = None


ResultContent = Annotated[
    list[Annotated[Text | Image | Document | SearchResult, Discriminator("type")]],
    BeforeValidator(_as_blocks),
]


class ToolResult(Cacheable):
    type: Literal["tool_result"]
    tool_use_id: str
    content: ResultContent = []
    is_error: bool = False
    toolset_name: str | None = None


Block = Text | Image | Document | SearchResult | Thinking | RedactedThinking | ToolUse | ToolResult
Content = Annotated[list[Annotated[Block, Discriminator("type")]], BeforeValidator(_as_blocks)]


class Turn(Strict):
    role: Literal["user", "assistant", "system"]
    content: Content


class Tool(Cacheable):
    type: Literal["custom"] | None = None
    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    description: str = ""
    input_schema: dict[str, object]
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: bool = False
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, object]] | None = None
    strict: bool = False


class AutoChoice(Strict):
    type: Literal["auto", "any"]
    disable_parallel_tool_use: bool = False


class ToolChoice(Strict):
    type: Literal["tool"]
    name: str
    disable_parallel_tool_use: bool = False


class NoneChoice(Strict):
    type: Literal["none"]


class ThinkingOn(Strict):
    type: Literal["enabled"]
    budget_tokens: Annotated[int, Field(ge=1024)]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingAdaptive(Strict):
    type: Literal["adaptive"]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingOff(Strict):
    type: Literal["disabled"]


class JsonFormat(Strict):
    type: Literal["json_schema"]
    schema_: Annotated[dict[str, object], Field(alias="schema")]


class OutputConfig(Strict):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Metadata(Strict):
    user_id: Annotated[str, StringConstraints(max_length=256)] | None = None


class Prompt(Strict):
    """What both `messages` and `count_tokens` take."""

    model: str
    messages: Annotated[list[Turn], Field(max_length=100_000)]
    system: Annotated[list[Text], BeforeValidator(_as_blocks)] = []
    tools: list[Tool] = []
    tool_choice: Annotated[AutoChoice | ToolChoice | NoneChoice, Discriminator("type")] | None = None
    thinking: Annotated[ThinkingOn | ThinkingAdaptive | ThinkingOff, Discriminator("type")] | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None
    speed: Literal["standard", "fast"] | None = None


class MessageRequest(Prompt):
    """The body of `POST /v1/messages`."""

    max_tokens: Annotated[int, Field(ge=1)]
    stream: bool = False
    stop_sequences: list[str] = []
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] = "auto"
    inference_geo: Literal["us", "global"] | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None


P = TypeVar("P", bound=Prompt)


def parse(kind: type[P], body: bytes) -> P:
    """The body as `kind`, or a 400 that names the first thing wrong with it, as upstream would."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as found:
        first = found.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"] if first["type"] != "missing" else "Field required"
        raise Refusal(
            400, f"{where}: {message}" if where else f"The request body is not valid JSON: {message}"
        ) from None
