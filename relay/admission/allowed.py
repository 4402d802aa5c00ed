"""What a request may contain: everything whose price is known. What is not listed here is refused by name.

Read from the anthropic SDK 2.12: `anthropic/types/message_create_params.py` and its beta twin.
"""

COUNTED_FIELDS = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "cache_control", "output_config"}
)
"""What `count_tokens` takes."""

FIELDS = COUNTED_FIELDS | {
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
}

BETAS = frozenset(
    {
        "cache-diagnosis-2026-04-07",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "extended-cache-ttl-2025-04-11",
        "fast-mode-2026-02-01",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "model-context-window-exceeded-2025-08-26",
        "output-128k-2025-02-19",
        "output-300k-2026-03-24",
        "pdfs-2024-09-25",
        "prompt-caching-2024-07-31",
        "structured-outputs-2025-11-13",
        "thinking-display-updates-2026-08-18",
        "thinking-token-count-2026-05-13",
        "token-counting-2024-11-01",
        "token-efficient-tools-2025-02-19",
    }
)
"""Betas under which the usage that we meter is the whole bill. Fields that some of them open stay refused."""

ROLES = frozenset({"user", "assistant", "system"})
SERVICE_TIERS = frozenset({"auto", "standard_only"})
CACHE_FIELDS = frozenset({"type", "ttl"})
MESSAGE_FIELDS = frozenset({"role", "content"})
THINKING_FIELDS = frozenset({"type", "budget_tokens", "display"})
TOOL_CHOICE_FIELDS = frozenset({"type", "name", "disable_parallel_tool_use"})
OUTPUT_FIELDS = frozenset({"effort", "format"})
FORMAT_FIELDS = frozenset({"type", "schema"})

BLOCK_FIELDS = {
    "text": frozenset({"type", "cache_control", "text", "citations"}),
    "image": frozenset({"type", "cache_control", "source", "transformations"}),
    "document": frozenset({"type", "cache_control", "source", "citations", "context", "title"}),
    "search_result": frozenset({"type", "cache_control", "content", "source", "title", "citations"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "tool_use": frozenset({"type", "cache_control", "id", "name", "input", "caller", "toolset_name"}),
    "tool_result": frozenset({"type", "cache_control", "tool_use_id", "content", "is_error", "toolset_name"}),
    "server_tool_use": frozenset({"type", "cache_control", "id", "name", "input", "caller"}),
    "web_search_tool_result": frozenset({"type", "cache_control", "tool_use_id", "content", "caller"}),
}
IN_MESSAGES = frozenset(BLOCK_FIELDS)
IN_SYSTEM = IN_SEARCH_RESULT = frozenset({"text"})
IN_TOOL_RESULT = frozenset({"text", "image", "document", "search_result"})
IN_DOCUMENT = frozenset({"text", "image"})

SOURCE_FIELDS = {
    "base64": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
    "text": frozenset({"type", "media_type", "data"}),
    "content": frozenset({"type", "content"}),
}
IMAGE_SOURCES = frozenset({"base64", "url"})
DOCUMENT_SOURCES = frozenset(SOURCE_FIELDS)

_ANY_TOOL = frozenset({"type", "name", "cache_control", "allowed_callers", "defer_loading", "strict", "input_examples"})
CUSTOM_TOOL_FIELDS = _ANY_TOOL | {"description", "input_schema", "eager_input_streaming"}
CLIENT_TOOL_FIELDS = _ANY_TOOL | {
    "configs",
    "display_height_px",
    "display_number",
    "display_width_px",
    "enable_zoom",
    "max_characters",
}
WEB_SEARCH_FIELDS = _ANY_TOOL | {
    "allowed_domains",
    "blocked_domains",
    "max_uses",
    "response_inclusion",
    "user_location",
}
CLIENT_TOOLS = frozenset(
    {
        "bash_20241022",
        "bash_20250124",
        "computer_20241022",
        "computer_20250124",
        "computer_20251124",
        "computer_toolset_20260801",
        "memory_20250818",
        "text_editor_20241022",
        "text_editor_20250124",
        "text_editor_20250429",
        "text_editor_20250728",
    }
)
"""Tools that run on the caller's side: they cost their tokens and nothing else."""

WEB_SEARCHES = frozenset({"web_search_20250305", "web_search_20260209", "web_search_20260318"})
WEB_SEARCH_CALLED_DIRECTLY = "web_search_20250305"
"""Later versions are called from upstream's code execution unless `allowed_callers` says `direct`."""

MAX_TOKENS_MAX = 1_000_000
MAX_SEARCHES = 20
MAX_MESSAGES = 100_000
MAX_BLOCKS = 100_000
MAX_TOOLS = 1_000
MAX_BETAS = 50
