"""Which operation answers which request: the list of rooms behind the door."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.objects import (
    checkout_session,
    customer,
    dispute,
    event,
    invoice,
    invoice_item,
    meter,
    meter_event,
    meter_summary,
    payment,
    portal,
    price,
    product,
    refund,
    subscription,
    thin_event,
    webhook_endpoint,
)

# A room is added here: each file under objects/ brings its own operations.
ROOMS = (
    *(checkout_session, customer, dispute, event, invoice, invoice_item, meter, meter_event, meter_summary, payment),
    *(portal, price, product, refund, subscription, thin_event, webhook_endpoint),
)
OPERATIONS: tuple[Operation, ...] = tuple(
    replace(one, gives=one.gives or room.KIND) for room in ROOMS for one in room.OPERATIONS
)


def find(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation for a path, and the parts of the path that it names; a 404 for what is not there."""
    for operation, pattern in _patterns(method, path.count("/")):
        if found := pattern.fullmatch(path):
            return operation, {name: unquote(value) for name, value in found.groupdict().items()}
    raise Refused(404, f"Unrecognized request URL ({method}: {path}). The sandbox does not have this yet.")


@lru_cache(maxsize=256)
def _patterns(method: str, parts: int) -> list[tuple[Operation, re.Pattern[str]]]:
    # Names come before places: `/v1/customers/search` is nobody's id.
    fitting = [one for one in OPERATIONS if one.method == method and one.path.count("/") == parts]
    fitting.sort(key=lambda one: one.path.count("{"))
    return [(one, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", one.path))) for one in fitting]
