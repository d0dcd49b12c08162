"""The module `json` for scripts. A text is measured while it grows: parts that are shared are written again and again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import Builtin
from tensorcli.language.limits import MAX_NESTING
from tensorcli.language.policy import Names

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

MEMBERS = frozenset({"JSONDecodeError", "dumps", "loads"})
ATTRIBUTES: dict[type, Names] = {}


def _dumps(evaluator: Evaluator, value: Any, options: dict[str, Any]) -> str:
    guards = evaluator.guards
    guards.measure(value)
    indent = options.get("indent")
    if isinstance(indent, int | str):
        guards.text((indent if isinstance(indent, int) else len(indent)) * MAX_NESTING, "the indent")
    text = io.StringIO()
    for part in json.JSONEncoder(**options).iterencode(value):
        text.write(part)
        guards.text(text.tell(), "the text")
    return text.getvalue()


_FUNCTIONS: dict[str, Callable[[Evaluator, Any, dict[str, Any]], Any]] = {
    "dumps": _dumps,
    "loads": lambda evaluator, text, options: json.loads(text, **options),
}


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    if name == "JSONDecodeError":
        return json.JSONDecodeError

    def run(value: Any, **options: Any) -> Any:
        if "cls" in options:
            raise TypeError(f"{name}() got an unexpected keyword argument 'cls'")
        callback = evaluator.builtins.callback
        called = {key: callback(each) if callable(each) else each for key, each in options.items()}
        return _FUNCTIONS[name](evaluator, value, called)

    return Builtin(name, run)
