"""The table of rules, and how a function becomes one."""

from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine.batch.values import batches_of

ELEMENTWISE: Final = frozenset("clone _to_copy zeros_like ones_like full_like empty_like".split())
"""Operators that are no element-wise ones by their declaration, and yet do to each element the same."""

Rule = Callable[..., Any]

RULES: dict[str, Rule] = {}


def rule(names: str) -> Callable[[Rule], Rule]:
    """Make a function the rule of operators, by full names, or by base names for all overloads."""

    def declare(found: Rule) -> Rule:
        RULES.update(dict.fromkeys(names.split(), found))
        return found

    return declare


def alone(args: tuple[Any, ...]) -> bool:
    """Whether the first argument is the only one that is mapped."""
    return args[0].dim is not None and all(one.dim is None for one in batches_of(args[1:]))
