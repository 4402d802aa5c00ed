"""The bytes of the exchange: what the load asks, and what the upstream answers."""

import json
from dataclasses import dataclass

MODEL = "claude-haiku-4-5"
PATH = "/v1/messages"
DIRECT = PATH
RELAYED = "/api/claude" + PATH
CHUNKS = 64
"""Events of one stream: a start, a block's start, texts, and three that end it."""
FRAME_EVENTS = 5
"""Those that are not texts."""
EVENTS_A_WRITE = 8
"""A quick stream leaves upstream in eight writes: models flush several tokens at once, and one write a token would
measure the stub."""
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Question:
    """What to ask. `every_ms` paces a stream; 0 is as fast as it goes."""

    chunks: int = CHUNKS
    every_ms: int = 0
    plain: bool = False

    def request(self, path: str, key: str) -> bytes:
        """A whole HTTP request. The prompt carries what the stub shall do, as a relay may rewrite all else."""
        prompt = f"answer with pace={self.chunks}x{self.every_ms}ms; " + "Why is kerning hard? " * 20
        asked: dict[str, object] = {"model": MODEL, "max_tokens": 256, "stream": not self.plain}
        asked["messages"] = [{"role": "user", "content": "plainly " + prompt if self.plain else prompt}]
        body = json.dumps(asked).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def chunk(name: str, **fields: object) -> bytes:
    """One server-sent event as one HTTP chunk."""
    data = json.dumps({"type": name, **fields})
    event = f"event: {name}\ndata: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


def text_chunk(text: str) -> bytes:
    return chunk("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"request-id: req_of_the_stub\r\ntransfer-encoding: chunked\r\n\r\n"
)
_USAGE = {"input_tokens": 120, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
_MESSAGE = {"id": "msg_of_the_stub", "type": "message", "role": "assistant", "model": MODEL}
START = chunk("message_start", message={**_MESSAGE, "content": [], "stop_reason": None, "usage": _USAGE}) + chunk(
    "content_block_start", index=0, content_block={"type": "text", "text": ""}
)
END = (
    chunk("content_block_stop", index=0)
    + chunk("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": CHUNKS - FRAME_EVENTS})
    + chunk("message_stop")
    + LAST_CHUNK
)
QUICK_TEXT = text_chunk(" letters that")


def quick_stream(chunks: int) -> list[bytes]:
    """The writes of a stream that is not paced."""
    texts = [QUICK_TEXT] * (chunks - FRAME_EVENTS)
    writes = [b"".join(texts[at : at + EVENTS_A_WRITE]) for at in range(0, len(texts), EVENTS_A_WRITE)]
    writes[0] = STREAM_HEAD + START + writes[0]
    writes[-1] += END
    return writes


def plain_answer() -> bytes:
    content = [{"type": "text", "text": "Because every pair of letters is a picture of its own."}]
    whole = {**_MESSAGE, "content": content, "stop_reason": "end_turn", "usage": {**_USAGE, "output_tokens": 14}}
    body = json.dumps(whole).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_of_the_stub\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(body) + body
