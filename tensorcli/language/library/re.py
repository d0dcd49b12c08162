"""The module `re` for scripts: patterns and matches as Python has them. What a substitution makes is measured while it grows,
and the functions that it calls are called as from a script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import Builtin
from tensorcli.language.functions import LazyIterator
from tensorcli.language.namespaces import words

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

FLAGS = words("A ASCII I IGNORECASE M MULTILINE S DOTALL U UNICODE X VERBOSE")
METHODS = words("findall finditer fullmatch match search split sub subn")
MEMBERS = FLAGS | METHODS | words("Match Pattern compile error escape purge")


class Pattern:
    """A compiled pattern."""

    __slots__ = ("__weakref__", "compiled", "evaluator")

    def __init__(self, compiled: re.Pattern[str], evaluator: Evaluator) -> None:
        self.compiled = compiled
        self.evaluator = evaluator

    @property
    def pattern(self) -> str:
        """The text that it was made of."""
        return self.compiled.pattern

    @property
    def flags(self) -> int:
        """Its flags, as a number."""
        return self.compiled.flags

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return self.compiled.groups

    def match(self, *args: Any, **kwargs: Any) -> re.Match[str] | None:
        """What it matches at the beginning."""
        return self.compiled.match(*args, **kwargs)

    def search(self, *args: Any, **kwargs: Any) -> re.Match[str] | None:
        """What it matches first."""
        return self.compiled.search(*args, **kwargs)

    def fullmatch(self, *args: Any, **kwargs: Any) -> re.Match[str] | None:
        """The match of a whole text."""
        return self.compiled.fullmatch(*args, **kwargs)

    def findall(self, *args: Any, **kwargs: Any) -> list[Any]:
        """All that it matches, as texts, or as tuples of its groups."""
        return self.compiled.findall(*args, **kwargs)

    def finditer(self, *args: Any, **kwargs: Any) -> LazyIterator:
        """All its matches."""
        return LazyIterator(self.compiled.finditer(*args, **kwargs))

    def split(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The parts of a text between its matches."""
        return self.compiled.split(*args, **kwargs)

    def sub(self, repl: Any, string: Any, count: int = 0) -> str:
        """A text with its matches replaced."""
        return self.subn(repl, string, count)[0]

    def subn(self, repl: Any, string: Any, count: int = 0) -> tuple[str, int]:
        """A text with its matches replaced, and how many there were."""
        guards, size = self.evaluator.guards, 0
        called = self.evaluator.builtins.callback(repl) if callable(repl) else self._made_of(repl)

        def one(match: re.Match[str]) -> str:
            nonlocal size
            text: str = called(match)
            size += len(text)
            guards.text(size, "the text")
            return text

        return self.compiled.subn(one, string, count)

    def _made_of(self, template: str) -> Callable[[re.Match[str]], str]:
        """What makes of a match what stands in its place: Python reads a template anew for each match."""
        references = template.count("\\") if isinstance(template, str) else 0
        if isinstance(template, str) and not references:
            return lambda match: template

        def expand(match: re.Match[str]) -> str:
            longest = max(len(group or "") for group in (match.group(), *match.groups()))
            self.evaluator.guards.text(references * longest, "the text")
            return match.expand(template)

        return expand

    def __repr__(self) -> str:
        return repr(self.compiled)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.compiled == other.compiled

    def __hash__(self) -> int:
        return hash(self.compiled)

    def __copy__(self) -> Pattern:
        return self

    def __deepcopy__(self, memo: object) -> Pattern:
        return self


Pattern.__module__ = "re"


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    if name in FLAGS or name in ("Match", "error"):
        return getattr(re, name)
    if name == "Pattern":
        return Pattern
    if name in ("escape", "purge"):
        return Builtin(name, getattr(re, name))

    def compile_(pattern: Any, flags: Any = 0) -> Pattern:
        if not isinstance(pattern, Pattern):
            return Pattern(re.compile(pattern, flags), evaluator)
        if flags:
            raise ValueError("cannot process flags argument with a compiled pattern")
        return pattern

    def run(pattern: Any, *args: Any, flags: Any = 0, **kwargs: Any) -> Any:
        # The last of the arguments by place are the flags, after the texts, and the count where there is one.
        most = {"sub": 3, "subn": 3, "split": 2}.get(name, 1)
        if len(args) > most:
            *args, flags = args  # type: ignore[assignment]
        return getattr(compile_(pattern, flags), name)(*args, **kwargs)

    return Builtin(name, compile_ if name == "compile" else run)


ATTRIBUTES = {
    Pattern: METHODS | words("flags groups pattern"),
    re.Match: words("end endpos expand group groupdict groups lastgroup lastindex pos span start string"),
    re.RegexFlag: words("name value"),
}
"""What a script may read on them."""
