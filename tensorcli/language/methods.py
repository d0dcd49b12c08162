"""The methods of text, lists and integers that may make far more than they are given, or that call back.

Each stand-in gets the method as it is and the value that it was read off, and gives what is called in its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

Method = Callable[..., Any]
StandIn = Callable[["Evaluator", Method, Any], Method]


# ---- of text


def _format(evaluator: Evaluator, method: Method, value: str) -> Method:
    return lambda *args, **kwargs: evaluator.formatter.format(value, args, kwargs)


def _format_map(evaluator: Evaluator, method: Method, value: str) -> Method:
    return lambda mapping: evaluator.formatter.format(value, (), mapping)


def _padded(evaluator: Evaluator, method: Method, value: str) -> Method:
    def padded(*args: Any) -> Any:
        if args and isinstance(args[0], int):
            evaluator.guards.text(args[0], "the padded text")
        return method(*args)

    return padded


def _expanded(evaluator: Evaluator, method: Method, value: str) -> Method:
    def expanded(*args: Any, **kwargs: Any) -> Any:
        size = kwargs.get("tabsize", args[0] if args else 8)
        length = len(value) + value.count("\t") * size if isinstance(size, int) else 0
        evaluator.guards.text(length, "the text")
        return method(*args, **kwargs)

    return expanded


def _replaced(evaluator: Evaluator, method: Method, value: str) -> Method:
    def replaced(*args: Any) -> Any:
        if len(args) > 1 and isinstance(args[0], str) and isinstance(args[1], str):
            evaluator.guards.text(len(value) + value.count(args[0]) * len(args[1]), "the text")
        return method(*args)

    return replaced


def _translated(evaluator: Evaluator, method: Method, value: str) -> Method:
    def translated(table: Any) -> Any:
        longest = 1
        if isinstance(table, dict):
            longest = max((len(each) for each in table.values() if isinstance(each, str)), default=1)
        evaluator.guards.text(len(value) * longest, "the text")
        return method(table)

    return translated


def _joined(evaluator: Evaluator, method: Method, value: str) -> Method:
    guards = evaluator.guards

    def joined(*args: Any) -> Any:
        if len(args) == 1:
            parts = list(guards.bounded(args[0], "the joined values"))
            size = sum(len(each) for each in parts if isinstance(each, str)) + len(value) * len(parts)
            guards.text(size, "the joined text")
            return method(parts)
        return method(*args)

    return joined


# ---- of lists, deques and integers


def _extended(evaluator: Evaluator, method: Method, value: list[Any]) -> Method:
    guards = evaluator.guards

    def extend(*args: Any) -> None:
        if len(args) != 1:
            method(*args)
            return
        (more,) = args
        if hasattr(more, "__len__") and not isinstance(more, range):
            guards.items(len(value) + len(more), "the list")
            method(more)
            return
        if type(more) is range:
            guards.range(more, "the list")
        method(guards.bounded(more, "the list"))

    return extend


def _sorted(evaluator: Evaluator, method: Method, value: list[Any]) -> Method:
    def sort(*args: Any, **kwargs: Any) -> None:
        if kwargs.get("key") is not None:
            kwargs["key"] = evaluator.builtins.callback(kwargs["key"])
        method(*args, **kwargs)

    return sort


def _bounded(evaluator: Evaluator, method: Method, value: Any) -> Method:
    def extend(*args: Any) -> None:
        method(*(evaluator.guards.bounded(each, "the deque") for each in args))

    return extend


def _as_bytes(evaluator: Evaluator, method: Method, value: int) -> Method:
    """int.to_bytes, whose length is given freely."""

    def to_bytes(*args: Any, **kwargs: Any) -> Any:
        length = kwargs.get("length", args[0] if args else 1)
        if isinstance(length, int):
            evaluator.guards.text(length, "the bytes")
        return method(*args, **kwargs)

    return to_bytes


CHECKED_METHODS: Final[dict[type, dict[str, StandIn]]] = {
    str: {
        "format": _format,
        "format_map": _format_map,
        **dict.fromkeys(("center", "ljust", "rjust", "zfill"), _padded),
        "expandtabs": _expanded,
        "replace": _replaced,
        "translate": _translated,
        "join": _joined,
    },
    list: {"extend": _extended, "sort": _sorted},
    deque: {"extend": _bounded, "extendleft": _bounded},
    int: {"to_bytes": _as_bytes},
}
"""The stand-ins by type, which classes derived from it inherit, and by name."""
