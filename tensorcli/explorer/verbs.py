"""The verbs of the command form: which word stands for which method, attribute, function or command.

Looked up in the interface's order: commands of the explorer first, then tensor methods and attributes, torch
functions, np and copy functions, builtins. A verb is made when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorcli.explorer.commands import COMMANDS
from tensorcli.explorer.engines import Engine
from tensorcli.explorer.reach import Modules
from tensorcli.language.syntax import Verb
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

_COPY = {
    "deepcopy": Verb("function", "copy.deepcopy", minimum=1),
    "copy": Verb("function", "copy.copy", minimum=1),
}


class Verbs(Mapping[str, Verb]):
    """All verbs of a session."""

    def __init__(self, engine: Engine, modules: Modules) -> None:
        self.engine = engine
        self.modules = modules
        self.made: dict[str, Verb | None] = {}

    def __getitem__(self, name: str) -> Verb:
        try:
            found = self.made[name]
        except KeyError:
            found = self.made[name] = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def _find(self, name: str) -> Verb | None:
        command = COMMANDS.get(name)
        if command is not None:
            return command.verb._replace(otherwise=self._pytorchs(name))
        if name.startswith("_") or name in _MODULES:
            return None
        found = self.engine.verb(name)
        if found is not None:
            return found
        torch = self.modules["torch"].members
        if name in torch:
            value = torch[name]
            return Verb("function", f"torch.{name}", minimum=_minimum(value)) if callable(value) else None
        from tensorcli.language.numpy_names import TOP

        if name in TOP:
            value = self.modules["numpy"].members.get(name)
            return Verb("function", f"np.{name}", minimum=1) if callable(value) else None
        if name in _COPY:
            return _COPY[name]
        return Verb("builtin", minimum=0 if name in _BARE else 1) if name in BUILTIN_FUNCTIONS else None

    def _pytorchs(self, name: str) -> str:
        """How what PyTorch has under a name is typed, where a command hides it; empty where there is nothing."""
        verb = self.engine.verb(name)
        if verb is not None and verb.kind == "attribute":
            return f"x.{name}"
        torch = callable(self.modules["torch"].members.get(name))
        return f"torch.{name}(…)" if torch else f"x.{name}(…)" if verb is not None else ""

    def __iter__(self) -> Iterator[str]:
        from tensorcli.language.numpy_names import TOP

        torch = self.modules["torch"].members
        found = dict.fromkeys(
            (*COMMANDS, *self.engine.method_names(), *torch, *TOP, *_COPY, *BUILTIN_FUNCTIONS)
        )
        return (name for name in found if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_BARE = frozenset("print list tuple dict set int float complex bool str".split())
_MODULES = frozenset({"torch", "np", "math"})


def _minimum(value: Any) -> int:
    """How many arguments a function needs; 1 where it does not say."""
    import inspect

    if isinstance(value, type):
        return 0
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return 1
    named = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if any(each.kind == each.VAR_POSITIONAL for each in parameters):
        return 1
    return sum(each.default is each.empty for each in named)
