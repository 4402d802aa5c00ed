"""What leaves the sandbox: an object without its private fields, with what was asked to be expanded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe._object_classes import OBJECT_CLASSES, get_object_class

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.store import Json, Store

DEPTH_MAX = 4
Included = Callable[[Store, Json], Any]
# (object, field) that Stripe leaves out of an answer until it is named in `expand`.
INCLUDED: dict[tuple[str, str], Included] = {}


def included(kind: str, name: str) -> Callable[[Included], Included]:
    """Gives the function that works such a field out."""

    def named(function: Included) -> Included:
        INCLUDED[kind, name] = function
        return function

    return named


def shown(value: Any) -> Any:
    """A copy without the sandbox's own fields, whose names begin with an underscore."""
    if isinstance(value, dict):
        return {name: shown(inner) for name, inner in value.items() if not name.startswith("_")}
    return [shown(inner) for inner in value] if isinstance(value, list) else value


def answer(store: Store, made: Json, paths: list[str]) -> Json:
    """The object as it is sent, each of `paths` expanded; a 400 names a path that cannot be."""
    copied = shown(made)
    for path in paths:
        _open(store, copied, path.split("."), path)
    return copied


def check_paths(kind: str, paths: list[str]) -> None:
    """Refuses, before anything is done, a path that no object of this kind has."""
    for path in paths:
        # `data` counts as a level too, as in Stripe's complaint about `data.items.data.price.product`.
        if path.count(".") >= DEPTH_MAX:
            raise Refused(400, f"You cannot expand more than 4 levels of a property ({path[:100]}).", param="expand")
        if not _is_known(kind, path.removeprefix("data.").split(".")[0]):
            raise _cannot(path)


def _open(store: Store, node: Json, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if node.get("object") in ("list", "search_result") and name == "data":
        for one in node["data"]:
            if rest:
                _open(store, one, rest, path)
        return
    value = _expanded(store, node, name, path, last=not rest)
    if rest and isinstance(value, dict):
        _open(store, value, rest, path)
    elif rest and value is not None:
        raise _cannot(path)


def _expanded(store: Store, node: Json, name: str, path: str, *, last: bool) -> Any:
    value, kind = node.get(name), node.get("object")
    if isinstance(kind, str) and (kind, name) in INCLUDED and not isinstance(value, dict):
        node[name] = shown(INCLUDED[kind, name](store, store.find(node["id"]) or node))
        return node[name]
    if isinstance(value, str) and (found := store.find(value)) is not None:
        node[name] = shown(found)
        return node[name]
    if isinstance(value, dict) and (not last or "object" in value):
        return value
    if value is not None or not _is_known(kind, name):
        raise _cannot(path)
    return None


def _is_known(kind: object, name: str) -> bool:
    """Whether an object of this kind has such a field at all. A plain part of an object is not asked."""
    if not isinstance(kind, str) or kind not in OBJECT_CLASSES:
        return True
    return name in get_object_class("V1", kind).__annotations__


def _cannot(path: str) -> Refused:
    return Refused(400, f"This property cannot be expanded ({path[:100]}).", param="expand")
