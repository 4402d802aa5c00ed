"""Pages of objects: Stripe's lists with their cursors, and its search language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.stripe.door.errors import Refused, missing
from sandbox.stripe.store import Json

CLAUSE = re.compile(r"""\s*(-?)(\w+)(?:\[["'](\w+)["']\])?\s*([:~])\s*["']((?:[^"'\\]|\\.)*)["']\s*""")
JOINT = re.compile(r"(AND|OR)\b", re.IGNORECASE)


def listed(found: Sequence[Json], params: dict[str, Any], url: str, kind: str) -> Json:
    """A `list` object: newest first, cut by `limit`, `starting_after` and `ending_before`."""
    newest = list(reversed(found))
    limit = _limit(params)
    if "starting_after" in params:
        page = newest[_place(newest, params["starting_after"], "starting_after", kind) + 1 :]
        return _list(page[:limit], url, more=len(page) > limit)
    if "ending_before" in params:
        page = newest[: _place(newest, params["ending_before"], "ending_before", kind)]
        return _list(page[-limit:], url, more=len(page) > limit)
    return _list(newest[:limit], url, more=len(newest) > limit)


def _limit(params: dict[str, Any]) -> int:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refused(400, "Limit must be between 1 and 100", code="parameter_invalid_integer", param="limit")
    return limit


def _place(found: Sequence[Json], object_id: str, param: str, kind: str) -> int:
    for number, one in enumerate(found):
        if one["id"] == object_id:
            return number
    raise missing(kind, object_id, param)


def _list(data: Sequence[Json], url: str, *, more: bool) -> Json:
    return {"object": "list", "data": list(data), "has_more": more, "url": url}


def fits(one: Json, params: dict[str, Any], *names: str, at: str = "created") -> bool:
    """Whether an object has those values of `names` that a list is asked for, and its time lies `within` `created`."""
    return all(params.get(name) in (None, one[name]) for name in names) and within(one[at], params.get("created"))


def within(created: int, wanted: object) -> bool:
    """Whether a time is the one wanted, or in the range `{gt, gte, lt, lte}`; None wants all."""
    if wanted is None or isinstance(wanted, int):
        return wanted in (None, created)
    assert isinstance(wanted, dict)
    tests = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(tests[name](value) for name, value in wanted.items())


def searched(found: Sequence[Json], params: dict[str, Any], url: str, fields: frozenset[str]) -> Json:
    """A `search_result` object for Stripe's query language: `field:"exact"`, `field~"part"`, AND or OR."""
    matching = [one for one in reversed(found) if _matches(one, params["query"], fields)]
    limit, start = _limit(params), int(params.get("page", "0"))
    page, rest = matching[start : start + limit], matching[start + limit :]
    following = str(start + limit) if rest else None
    return {
        "object": "search_result",
        "data": page,
        "has_more": bool(rest),
        "next_page": following,
        "url": url,
    }


def _matches(one: Json, query: str, fields: frozenset[str]) -> bool:
    at, joints, verdicts = 0, set[str](), list[bool]()
    while at < len(query):
        clause = CLAUSE.match(query, at)
        if clause is None or clause.group(2) not in fields:
            raise Refused(400, "We were unable to parse your search query.", param="query")
        verdicts.append(_holds(one, clause))
        at = clause.end()
        if joint := JOINT.match(query, at):
            joints.add(joint.group(1).upper())
            at = joint.end()
    if not verdicts or len(joints) > 1:
        raise Refused(400, "We were unable to parse your search query.", param="query")
    return any(verdicts) if joints == {"OR"} else all(verdicts)


def _holds(one: Json, clause: re.Match[str]) -> bool:
    negated, name, key, sign, wanted = clause.groups()
    value = (one.get(name) or {}).get(key) if key else one.get(name)
    told, asked = str(value or "").lower(), wanted.lower()
    return (told == asked if sign == ":" else asked in told) != bool(negated)
