"""The process that reads large requests: `python -m relay.admission.reader`, which nobody but `apart` starts.

On its input come a verb, a length (8 bytes, big-endian) and a body; on its output a verdict, a length and the answer.
It ends with its input, so it never outlives the process that asks it.
"""

import gc
import os
import signal
import sys
from dataclasses import fields

import orjson

from relay.admission import Admission, admit
from relay.admission.bounds import count_tokens_body
from relay.errors import BadInput

ADMIT, COUNT = b"a", b"c"
DONE, REFUSED = b"+", b"-"
LENGTH_BYTES = 8
NICE = 5
"""Below the server in turn: streams that are open go before a request that begins."""

_TOLD = [field.name for field in fields(Admission) if field.name != "body"]


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICE)
    # JSON has no circles, and looking for them among half a million parts takes longer than reading those.
    gc.disable()
    inbox, outbox = sys.stdin.buffer, sys.stdout.buffer
    while verb := inbox.read(1):
        body = inbox.read(int.from_bytes(inbox.read(LENGTH_BYTES), "big"))
        verdict, answer = _answer(verb, body)
        outbox.write(verdict + len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        outbox.flush()


def _answer(verb: bytes, body: bytes) -> tuple[bytes, bytes]:
    if verb == COUNT:
        return DONE, count_tokens_body(body)
    try:
        admission = admit(body, {})
    except BadInput as error:
        return REFUSED, error.message.encode()
    return DONE, orjson.dumps({name: getattr(admission, name) for name in _TOLD})


if __name__ == "__main__":
    main()
