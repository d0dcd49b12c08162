"""The methods of text, lists and integers that may make far more than they are given, or that call back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


def text_method(evaluator: Evaluator, name: str, value: str) -> Callable[..., Any] | None:
    """The methods of text and lists whose result may be far larger than what they are given;

    None for all others.
    """
    guards = evaluator.guards
    if name == "format":
        return lambda *args, **kwargs: evaluator.formatter.format(value, args, kwargs)
    if name == "format_map":
        return lambda mapping: evaluator.formatter.format(value, (), mapping)
    method = getattr(value, name)
    if name in ("center", "ljust", "rjust", "zfill"):

        def padded(*args: Any) -> Any:
            if args and isinstance(args[0], int):
                guards.text(args[0], "the padded text")
            return method(*args)

        return padded
    if name == "expandtabs":

        def expanded(*args: Any, **kwargs: Any) -> Any:
            size = kwargs.get("tabsize", args[0] if args else 8)
            guards.text(len(value) + value.count("\t") * size if isinstance(size, int) else 0, "the text")
            return method(*args, **kwargs)

        return expanded
    if name == "replace":

        def replaced(*args: Any) -> Any:
            if len(args) > 1 and isinstance(args[0], str) and isinstance(args[1], str):
                guards.text(len(value) + value.count(args[0]) * len(args[1]), "the text")
            return method(*args)

        return replaced
    if name == "translate":

        def translated(table: Any) -> Any:
            longest = 1
            if isinstance(table, dict):
                longest = max((len(each) for each in table.values() if isinstance(each, str)), default=1)
            guards.text(len(value) * longest, "the text")
            return method(table)

        return translated
    if name == "join":

        def joined(*args: Any) -> Any:
            if len(args) == 1:
                parts = list(guards.bounded(args[0], "the joined values"))
                size = sum(len(each) for each in parts if isinstance(each, str)) + len(value) * len(parts)
                guards.text(size, "the joined text")
                return value.join(parts)
            return method(*args)

        return joined
    return None


def list_method(evaluator: Evaluator, name: str, value: list[Any]) -> Callable[..., Any] | None:
    """The methods of a list that grow it or call back; None for all others."""
    if name == "extend":

        def extend(*args: Any) -> None:
            if len(args) == 1 and hasattr(args[0], "__len__") and not isinstance(args[0], range):
                evaluator.guards.items(len(value) + len(args[0]), "the list")
            elif len(args) == 1:
                _extend(evaluator, value, args[0])
                return
            value.extend(*args)

        return extend
    if name == "sort":

        def sort(*args: Any, **kwargs: Any) -> None:
            if kwargs.get("key") is not None:
                kwargs["key"] = evaluator.builtins.callback(kwargs["key"])
            value.sort(*args, **kwargs)

        return sort
    return None


def deque_method(evaluator: Evaluator, name: str, value: Any) -> Callable[..., Any] | None:
    """The methods of a deque that take as much as they are given."""
    method = getattr(value, name)

    def extend(*args: Any) -> None:
        method(*(evaluator.guards.bounded(each, "the deque") for each in args))

    return extend


def _extend(evaluator: Evaluator, value: list[Any], more: Iterable[Any]) -> None:
    if type(more) is range:
        evaluator.guards.range(more, "the list")
    value.extend(evaluator.guards.bounded(more, "the list"))


def int_method(evaluator: Evaluator, name: str, value: int) -> Callable[..., Any] | None:
    """int.to_bytes, whose length is given freely; None for all others."""
    if name != "to_bytes":
        return None

    def to_bytes(*args: Any, **kwargs: Any) -> bytes:
        length = kwargs.get("length", args[0] if args else 1)
        if isinstance(length, int):
            evaluator.guards.text(length, "the bytes")
        return value.to_bytes(*args, **kwargs)

    return to_bytes


CHECKED_METHODS: dict[type, tuple[frozenset[str], Callable[[Any, str, Any], Callable[..., Any] | None]]] = {
    str: (
        frozenset(
            {
                "format",
                "format_map",
                "center",
                "ljust",
                "rjust",
                "zfill",
                "expandtabs",
                "replace",
                "translate",
                "join",
            }
        ),
        text_method,
    ),
    list: (frozenset({"extend", "sort"}), list_method),
    deque: (frozenset({"extend", "extendleft"}), deque_method),
    int: (frozenset({"to_bytes"}), int_method),
    bool: (frozenset({"to_bytes"}), int_method),
}
