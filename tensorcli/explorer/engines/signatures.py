"""What functions take: the parameters of a function of Python's, or those of an operator in each of its signatures.

An operator of PyTorch's own tells nothing of its parameters; the table tells them by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from tensorcli.engine import binding
from tensorcli.engine.binding.trial import read
from tensorcli.engine.construct import NOTATION
from tensorcli.engine.schema import Schema
from tensorcli.engine.table import PACKETS
from tensorcli.explorer.engines import Taken
from tensorcli.explorer.engines.members import is_module


def takes(function: Any, is_tensor: Callable[[Any], bool]) -> Sequence[Sequence[Taken]]:
    """The parameters of each signature; none where they are not known. Of a module, those of its `forward`."""
    if is_module(function):
        function = function.forward
    found = _of_python(function)
    if found is not None:
        return [found]
    name = getattr(function, "__name__", "")
    method = is_tensor(getattr(function, "__self__", None))
    ordered: Sequence[str | Schema]
    if name in NOTATION:
        ordered = [NOTATION[name]]
    else:
        overloads = PACKETS.get(name, [])
        lines = [each.notation or each.schema for each in overloads if method or not each.notation]
        if not lines:
            return []
        noted = method and overloads[0].notation
        ordered = lines if noted else binding.order([each.schema for each in overloads])
    return [
        [
            Taken(p.name, p.default_text, not p.optional, p.keyword_only, each.packs_integers and place == 0)
            for place, p in enumerate(each.parameters)
        ]
        for each in read(ordered, method=method)
        if not each.hidden and not each.deprecated
    ]


def _of_python(function: Any) -> list[Taken] | None:
    """The parameters of a function that names them; None for one that takes anything, or does not say."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if not found and not callable(function):
        return None
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in found):
        return None
    return [
        Taken(
            each.name,
            "" if each.default is each.empty else repr(each.default),
            each.default is each.empty,
            each.kind == each.KEYWORD_ONLY,
        )
        for each in found
    ]
