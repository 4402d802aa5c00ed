"""Walks what upstream bills for: messages, system, tools. Refuses, and measures on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import orjson

from relay.admission import allowed
from relay.admission.reading import Object, a_count, a_list, a_string, an_object, one_of, only, shown, wrong

CACHE_KINDS = ("input", "cache_write_5m", "cache_write_1h")
"""From the cheapest to the dearest kind that a prompt token can be billed as."""


@dataclass(slots=True)
class Measure:
    """What was found that moves the bound of the prompt's tokens."""

    images: int = 0
    payload_bytes: int = 0
    """What is no text of the prompt, above all base64 of images: its bytes say nothing about tokens."""
    rendered_bytes: int = 0
    """JSON that upstream writes anew for the model, and sealed texts: counted once more."""
    blocks: int = 0
    has_tools: bool = False
    provided_tools: int = 0
    """Tools that upstream describes to the model in its own words."""
    has_format: bool = False
    must_be_counted: bool = False
    cache: int = 0
    searches: int = 0


def read_cache_control(value: object, path: str, measure: Measure) -> None:
    """Notes the dearest cache write that the request asks for."""
    if value is None:
        return
    fields = an_object(value, path)
    only(fields, allowed.CACHE_FIELDS, path)
    one_of(fields.get("type"), frozenset({"ephemeral"}), f"{path}.type")
    ttl = one_of(fields.get("ttl", "5m"), frozenset({"5m", "1h"}), f"{path}.ttl")
    measure.cache = max(measure.cache, 2 if ttl == "1h" else 1)


def read_messages(value: object, measure: Measure) -> None:
    messages = a_list(value, "messages", allowed.MAX_MESSAGES)
    if not messages:
        raise wrong("messages", "must have at least one message.")
    for index, item in enumerate(messages):
        path = f"messages.{index}"
        message = an_object(item, path)
        only(message, allowed.MESSAGE_FIELDS, path)
        role = one_of(message.get("role"), allowed.ROLES, f"{path}.role")
        kinds = allowed.IN_SYSTEM if role == "system" else allowed.IN_MESSAGES
        read_content(message.get("content"), f"{path}.content", kinds, measure)


def read_content(value: object, path: str, kinds: frozenset[str], measure: Measure) -> None:
    """A string, or a list of blocks of the given types."""
    if type(value) is str:
        return
    if not isinstance(value, list):
        raise wrong(path, f"must be a string or a list of blocks, not {shown(value)}.")
    for index, item in enumerate(a_list(cast(object, value), path, allowed.MAX_BLOCKS)):
        _read_block(item, f"{path}.{index}", kinds, measure)


def _read_block(value: object, path: str, kinds: frozenset[str], measure: Measure) -> None:
    block = an_object(value, path)
    kind = one_of(block.get("type"), kinds, f"{path}.type")
    only(block, allowed.BLOCK_FIELDS[kind], path)
    measure.blocks += 1
    if measure.blocks > allowed.MAX_BLOCKS:
        raise wrong(path, f"the request has more than {allowed.MAX_BLOCKS:,} blocks.")
    if "cache_control" in block:
        read_cache_control(block["cache_control"], f"{path}.cache_control", measure)
    READERS[kind](block, path, measure)


def _read_text(block: Object, path: str, measure: Measure) -> None:
    a_string(block.get("text"), f"{path}.text")


def _read_image(block: Object, path: str, measure: Measure) -> None:
    source = an_object(block.get("source"), f"{path}.source")
    kind = one_of(source.get("type"), allowed.IMAGE_SOURCES, f"{path}.source.type")
    only(source, allowed.SOURCE_FIELDS[kind], f"{path}.source")
    measure.images += 1
    if kind == "base64":
        measure.payload_bytes += len(a_string(source.get("data"), f"{path}.source.data"))


def _read_document(block: Object, path: str, measure: Measure) -> None:
    source = an_object(block.get("source"), f"{path}.source")
    kind = one_of(source.get("type"), allowed.DOCUMENT_SOURCES, f"{path}.source.type")
    only(source, allowed.SOURCE_FIELDS[kind], f"{path}.source")
    if kind == "content":
        read_content(source.get("content"), f"{path}.source.content", allowed.IN_DOCUMENT, measure)
    elif kind == "base64":
        measure.payload_bytes += len(a_string(source.get("data"), f"{path}.source.data"))
    # A PDF's pages are compressed, and each is read as text and as a picture: its bytes bound nothing.
    measure.must_be_counted |= kind in {"base64", "url"}
    _read_citations(block, path, measure)


def _read_search_result(block: Object, path: str, measure: Measure) -> None:
    read_content(block.get("content"), f"{path}.content", allowed.IN_SEARCH_RESULT, measure)
    _read_citations(block, path, measure)


def _read_citations(block: Object, path: str, measure: Measure) -> None:
    citations = block.get("citations")
    if citations is None:
        return
    fields = an_object(citations, f"{path}.citations")
    only(fields, frozenset({"enabled"}), f"{path}.citations")
    # Upstream then numbers every sentence, which a text of very short ones does not bound.
    measure.must_be_counted |= fields.get("enabled") is not False


def _read_sealed(block: Object, path: str, measure: Measure) -> None:
    """Blocks that carry a text of upstream's, encrypted: the length of what is inside is not ours to see."""
    measure.rendered_bytes += len(orjson.dumps(block))


def _read_tool_use(block: Object, path: str, measure: Measure) -> None:
    _read_caller(block, path)
    measure.rendered_bytes += len(orjson.dumps(block.get("input")))


def _read_server_tool_use(block: Object, path: str, measure: Measure) -> None:
    one_of(block.get("name"), frozenset({"web_search"}), f"{path}.name")
    _read_tool_use(block, path, measure)


def _read_search_answer(block: Object, path: str, measure: Measure) -> None:
    _read_caller(block, path)
    _read_sealed(block, path, measure)


def _read_tool_result(block: Object, path: str, measure: Measure) -> None:
    if block.get("content") is not None:
        read_content(block["content"], f"{path}.content", allowed.IN_TOOL_RESULT, measure)


def _read_caller(block: Object, path: str) -> None:
    if block.get("caller") is not None:
        caller = an_object(block["caller"], f"{path}.caller")
        one_of(caller.get("type"), frozenset({"direct"}), f"{path}.caller.type")


READERS: dict[str, Callable[[Object, str, Measure], None]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
    "search_result": _read_search_result,
    "thinking": _read_sealed,
    "redacted_thinking": _read_sealed,
    "tool_use": _read_tool_use,
    "tool_result": _read_tool_result,
    "server_tool_use": _read_server_tool_use,
    "web_search_tool_result": _read_search_answer,
}


def read_tools(value: object, measure: Measure) -> None:
    tools = a_list(value, "tools", allowed.MAX_TOOLS)
    for index, item in enumerate(tools):
        path = f"tools.{index}"
        tool = an_object(item, path)
        kind = a_string(tool.get("type") or "custom", f"{path}.type")
        only(tool, _fields_of_tool(kind, path), path)
        _read_tool(tool, kind, path, measure)
    measure.has_tools = bool(tools)
    measure.rendered_bytes += len(orjson.dumps(tools))


def _fields_of_tool(kind: str, path: str) -> frozenset[str]:
    if kind == "custom":
        return allowed.CUSTOM_TOOL_FIELDS
    if kind in allowed.CLIENT_TOOLS:
        return allowed.CLIENT_TOOL_FIELDS
    if kind in allowed.WEB_SEARCHES:
        return allowed.WEB_SEARCH_FIELDS
    raise wrong(
        f"{path}.type",
        f"the tool {kind[:60]!r} is not offered here, because what it costs is not known. "
        "Use your own tools, or web_search with max_uses.",
    )


def _read_tool(tool: Object, kind: str, path: str, measure: Measure) -> None:
    if tool.get("defer_loading"):
        raise wrong(f"{path}.defer_loading", "tool search is not offered here. Leave it out, or send false.")
    direct = tool.get("allowed_callers", ["direct"]) == ["direct"]
    is_search = kind in allowed.WEB_SEARCHES
    if is_search and kind != allowed.WEB_SEARCH_CALLED_DIRECTLY and "allowed_callers" not in tool:
        direct = False
    if not direct:
        raise wrong(f"{path}.allowed_callers", 'code execution is not offered here. Send ["direct"].')
    read_cache_control(tool.get("cache_control"), f"{path}.cache_control", measure)
    measure.provided_tools += kind != "custom"
    if is_search:
        measure.searches += a_count(tool.get("max_uses"), f"{path}.max_uses", 1, allowed.MAX_SEARCHES)
