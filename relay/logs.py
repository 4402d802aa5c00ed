"""Structured logs on standard error: one line an event, the request id in each, and no secret in any."""

import logging
import math
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"
SECRET_KEYS = frozenset(
    {
        "authorization",
        "cookie",
        "key",
        "api_key",
        "x_api_key",
        "password",
        "secret",
        "session",
        "set_cookie",
        "token",
    }
)
PRIVATE_KEYS = frozenset({"body", "content", "messages", "prompt", "text"})
"""What people write is theirs: it is not logged even by mistake."""

TEXT_LENGTH_MAX = 10_000
"""Of one value in a line. A traceback is shorter; what somebody sent us need not be."""
FOREIGN_SECONDS = 1.0

_CODE = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}(?!\d)")
_SECRETS = re.compile(
    r"""(?xi)
    \b(?:(?:ak|at|re|rk|sk|whsec)_|sk-)[a-z0-9_=+/-]{6,}  # ours, Anthropic's, Stripe's, Resend's
    | \bbearer\s+[^\s"',;]+
    | \b(?:pre_)?session=[^\s"',;]+
    | (?<![a-z0-9_-])(?=[a-z_-]*\d)(?=[\d_-]*[a-z])[a-z0-9_-]{40,}   # any long random text, hashes too
    """
)
_AS_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_told_to: TextIO | None = None
_QUIET = ("httpx", "httpcore", "stripe", "anthropic", "asyncio", "alembic")
_OTHERS = {
    "uvicorn": logging.INFO,
    "uvicorn.error": logging.INFO,
    "uvicorn.access": logging.WARNING,
    "engineio.server": logging.ERROR,
    "socketio.server": logging.ERROR,
}


def configure(log_format: str = "json", stream: TextIO | None = None) -> None:
    """Sends structlog's and the standard library's lines through one chain. `log_format`: json or text."""
    out = cast(TextIO, _Unfailing(stream or sys.stderr))
    renderer = _renderer(log_format, out)
    structlog.configure(
        processors=[*_PROCESSORS, redact, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=stream is None,
    )
    global _told_to
    _told_to = out if log_format == "json" else None
    handler = logging.StreamHandler(out)
    handler.addFilter(_is_news)
    handler.addFilter(_Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_PROCESSORS, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_colours,
                _with_exception,
                redact,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    _take_over_others()


def tell(event: str, **figures: str | int | None) -> None:
    """One line of ids, names and figures of our own making, at the level `info`.

    The same line as any other, without the search for secrets: it is for what every request says, and nothing that
    comes from outside may be in it.
    """
    if _told_to is None:
        structlog.get_logger().info(event, **figures)
        return
    line = {**figures, "event": event, "level": "info", "timestamp": datetime.now(UTC)}
    _told_to.write(orjson.dumps(line, option=_AS_LINE).decode())


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn lists each socket among its news, with the address that was asked for: as often as a stranger likes."""
    return not str(record.msg).startswith('%s - "WebSocket ')


class _Seldom(logging.Filter):
    """Others' code complains as often as a stranger makes it: from each of its places once a second, and how often
    it was silent meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        place, now = _place_of(record), time.monotonic()
        told_at, silent = self._places.get(place, (-math.inf, 0))
        if now - told_at < FOREIGN_SECONDS:
            self._places[place] = told_at, silent + 1
            return False
        self._places[place] = now, 0
        if silent:
            record.msg, record.args = f"{record.getMessage()} ({silent} more since the last)", ()
        return True


def _place_of(record: logging.LogRecord) -> tuple[str, int]:
    """The line that raised what is told of, else the line that tells."""
    trace = record.exc_info[2] if isinstance(record.exc_info, tuple) else None
    last = deque(traceback.walk_tb(trace), maxlen=1)
    return (last[0][0].f_code.co_filename, last[0][1]) if last else (record.pathname, record.lineno)


class _Unfailing:
    """Logs often live on the disk that is full: a line that cannot be written must not cost a settlement."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces everything that looks like a secret, at any depth: by its key, or by its form."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    key = name.lower().replace("-", "_")
    if key in SECRET_KEYS or key in PRIVATE_KEYS:
        return REDACTED if value else value
    if key == "code":
        return _CODE.sub(REDACTED, str(value)) if isinstance(value, str | int) else value
    return _clean_value(value)


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRETS.sub(REDACTED, _shortened(value))
    if isinstance(value, bytes):
        return _SECRETS.sub(REDACTED, _shortened(value.decode(errors="replace")))
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return {_clean_value(str(name)): _clean(str(name), inner) for name, inner in items}
    if isinstance(value, Sequence | set | frozenset):
        return [_clean_value(inner) for inner in cast(Sequence[object], value)]
    return value if value is None or isinstance(value, bool | int | float) else _clean_value(str(value))


def _shortened(text: str) -> str:
    if len(text) <= TEXT_LENGTH_MAX:
        return text
    half = TEXT_LENGTH_MAX // 2
    return f"{text[:half]} … {len(text) - 2 * half} letters … {text[-half:]}"


def _without_colours(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """uvicorn says each line twice, the second time for a terminal."""
    event.pop("color_message", None)
    return event


def _with_exception(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return structlog.processors.format_exc_info(logger, name, event)


_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def _renderer(log_format: str, out: TextIO) -> Processor:
    if log_format == "text":
        return structlog.dev.ConsoleRenderer(colors=out.isatty())
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(event: Any, **_: Any) -> str:
    # A number beyond 64 bits, or text with half a surrogate pair, must not cost us the line.
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:
        return orjson.dumps({name: ascii(value) for name, value in event.items()}).decode()


def _take_over_others() -> None:
    """Whoever brings a handler of its own writes beside this chain, as it likes, and all that strangers provoke. The
    sockets' libraries add theirs when a server is made, unless their level is set by then.
    """
    for name, level in _OTHERS.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
