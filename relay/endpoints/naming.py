"""The `request-id` of answers that no route gives: preflights, pages, files, and what a socket is told."""

from starlette.types import Message, Send

from relay.ids import new_id

BEGINNINGS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


def named(send: Send) -> Send:
    """Sends the same, with an id of ours in the head unless there is one already."""

    async def send_named(message: Message) -> None:
        if message["type"] in BEGINNINGS:
            head = list(message.get("headers", ()))
            if not any(name.lower() == b"request-id" for name, _ in head):
                head.append((b"request-id", new_id("req").encode()))
            message = {**message, "headers": head}
        await send(message)

    return send_named
