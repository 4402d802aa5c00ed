"""What a test or a person may do to the sandbox itself: move its time, ask for faults, read its books."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.stripe import defaults
from sandbox.stripe.books import books
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.replies import Reply, json_reply
from sandbox.stripe.objects import dispute
from sandbox.stripe.store import Options
from sandbox.wire import Request

if TYPE_CHECKING:
    from sandbox.stripe.service import Stripe

ADVANCE_SECONDS_MAX = 400 * 86_400


async def answer(stripe: Stripe, request: Request) -> Reply:
    """`POST /sandbox/` and `next`, `clock`, `options`, `listen`, `dispute` or `books`."""
    try:
        asked: dict[str, Any] = orjson.loads(request.body or b"{}")
        match request.path:
            case "/sandbox/next" if request.method == "POST":
                return json_reply({"queued": stripe.mischief.queue(asked)})
            case "/sandbox/clock":
                return json_reply(await move(stripe, asked))
            case "/sandbox/options":
                return json_reply(set_options(stripe, asked))
            case "/sandbox/listen":
                return json_reply(listen(stripe, asked))
            case "/sandbox/dispute":
                return json_reply(begin_dispute(stripe, asked))
            case "/sandbox/books":
                return json_reply(books(stripe, asked.get("customer")))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return json_reply({"error": str(error)}, 400)
    except Refused as refused:
        return json_reply(refused.body(""), refused.status)
    return json_reply({"error": "there are /sandbox/next, clock, options, listen, dispute and books"}, 404)


async def move(stripe: Stripe, asked: dict[str, Any]) -> dict[str, float]:
    """The time after `advance_seconds`, or at `to`, with everything done that was due by then. `wait_seconds` are given
    to whoever hears of events, wherever something happened on the way.
    """
    start = stripe.store.exact_now()
    to = max(start, float(asked.get("to", start))) + float(asked.get("advance_seconds", 0))
    if not 0 <= to - start <= ADVANCE_SECONDS_MAX:
        raise ValueError("the time goes forward alone, by 400 days at most")
    happened = await stripe.advance(to, float(asked.get("wait_seconds", 0)))
    return {"now": stripe.store.exact_now(), "happened": happened}


def listen(stripe: Stripe, asked: dict[str, Any]) -> dict[str, Any]:
    """Events (or those that are `thin`) go to this `url` too, signed with the secret of the settings."""
    add = defaults.listen_thin if asked.get("thin") else defaults.listen
    add(stripe.store, str(asked["url"]), stripe.secret)
    return {"secret": stripe.secret}


def begin_dispute(stripe: Stripe, asked: dict[str, Any]) -> dict[str, Any]:
    """The cardholder of a `payment_intent` takes the money back, all of it or an `amount`."""
    intent = stripe.store.get("payment_intent", asked.get("payment_intent", ""), "payment_intent")
    charge = stripe.store.get("charge", intent["latest_charge"] or "", "payment_intent")
    reason = asked.get("reason", "fraudulent")
    return {"id": dispute.begin(stripe.store, charge, reason, asked.get("amount"))["id"]}


def set_options(stripe: Stripe, asked: dict[str, Any]) -> dict[str, Any]:
    """The options after the change; `webhook_waits` are the seconds between attempts."""
    known = {one.name for one in fields(Options)}
    if asked.keys() - known - {"webhook_waits"}:
        raise ValueError(f"options: {', '.join(sorted(known))}, webhook_waits")
    for name, value in asked.items():
        if name == "webhook_waits":
            stripe.deliveries.waits = tuple(value)
        else:
            setattr(stripe.store.options, name, tuple(value) if isinstance(value, list) else value)
    return {**asdict(stripe.store.options), "webhook_waits": stripe.deliveries.waits}
