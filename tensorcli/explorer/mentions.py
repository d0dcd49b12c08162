"""What a statement names: which names it reads and binds, and which attributes it touches.

Only what is named is looked at when a statement ends; where a script's function is named, the names in its body count too.
Too many names do no harm, so that for most statements the words of the text are enough, and their trees are not walked.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorcli.language.syntax import CommandCall, inner_fields, trees_of

REORDERING = frozenset("insert pop sort reverse clear remove update setdefault popitem extend".split())
"""Methods that change a container other than at its end."""
EXPORTING = frozenset(
    "numpy array asarray untyped_storage storage from_dlpack __array__ data_ptr map_".split()
)
"""Attributes through which a tensor's bytes may be written without an event."""
GRADIENTS = frozenset("grad zero_grad set_to_none".split())
MOVING = frozenset("data set_ resize_ resize_as_ swap_ untyped_storage grad zero_grad step".split())
"""Attributes through which a tensor may come to lie in other memory, or a gradient to be another tensor."""
TELLING = EXPORTING | GRADIENTS | MOVING
"""Attributes after which more is to be looked at than what the names stand for."""
DEFINING = frozenset(("def", "lambda"))
_APART = bytes(each if chr(each).isalnum() or chr(each) == "_" else ord(" ") for each in range(128)).ljust(
    256
)
"""Translates ASCII so that only words are left: to split it takes half as long as a regular expression."""


@dataclass(slots=True)
class Mentions:
    """The names of a statement, in the order of the text."""

    loaded: dict[str, None] = field(default_factory=dict)
    stored: dict[str, None] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    writes_items: bool = False
    defines: bool = False
    """Whether it defines functions, whose bodies are worth a look."""
    unread: ast.AST | None = None
    """The tree, where only the words of the text were read."""

    @property
    def reorders(self) -> bool:
        """Whether a container may have changed other than at its end."""
        if self.unread is not None:
            read, self.unread = mentions(self.unread, {}), None
            self.attributes |= read.attributes
            self.writes_items = self.writes_items or read.writes_items
        return self.writes_items or not REORDERING.isdisjoint(self.attributes)

    @property
    def exports(self) -> bool:
        """Whether bytes may be written behind the engine's back."""
        return not EXPORTING.isdisjoint(self.attributes)

    @property
    def touches_grad(self) -> bool:
        """Whether a gradient may be bound or dropped without an event."""
        return not GRADIENTS.isdisjoint(self.attributes)

    @property
    def moves(self) -> bool:
        """Whether a tensor may lie in other memory than before, or have another gradient."""
        return not MOVING.isdisjoint(self.attributes)

    def include(self, other: Mentions) -> None:
        """What a function's body names counts as named here."""
        self.loaded.update(other.loaded)
        self.attributes |= other.attributes
        self.writes_items = self.writes_items or other.writes_items

    def follow(self, functions: Mapping[str, Mentions]) -> None:
        """Include the bodies of the functions that are named, and of those that these name."""
        pending = [name for name in self.loaded if name in functions] if functions else []
        seen: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                self.include(functions[name])
                pending.extend(each for each in functions[name].loaded if each in functions)


def mentions(tree: ast.AST, functions: Mapping[str, Mentions]) -> Mentions:
    """What a tree names. `functions` are the bodies of the script's functions by name."""
    found = Mentions()
    loaded, stored, attributes = found.loaded, found.stored, found.attributes
    nodes: list[Any] = [tree]
    while nodes:  # `walk`, in place
        node = nodes.pop()
        kind = type(node)  # decides: the most frequent first
        if kind is ast.Name:
            (loaded if type(node.ctx) is ast.Load else stored)[node.id] = None
            continue
        if kind is ast.Constant:
            continue
        if kind is ast.Attribute:
            attributes.add(node.attr)
        elif kind is ast.Subscript:
            if type(node.ctx) is not ast.Load:
                found.writes_items = True
        elif kind is ast.AugAssign:
            if type(node.target) is ast.Name:
                loaded[node.target.id] = None
        elif kind is ast.FunctionDef:
            stored[node.name] = None
            found.defines = True
        elif kind is ast.Lambda:
            found.defines = True
        elif kind is CommandCall:
            nodes.extend(trees_of(node.invocation))
        for name in inner_fields(kind):
            value = getattr(node, name, None)
            if type(value) is list:
                nodes.extend([each for each in value if isinstance(each, ast.AST)])
            elif isinstance(value, ast.AST):
                nodes.append(value)
    found.follow(functions)
    return found


def glance(text: str, tree: ast.AST, functions: Mapping[str, Mentions]) -> Mentions | None:
    """What a statement of Python may name: each word of its text counts as a name that it reads, and as an attribute where it
    is one that tells of more. None where the statement may define functions: then the tree has to be read.
    """
    if not text.isascii():
        return None  # a name may be written in several ways
    words = dict.fromkeys(text.encode("ascii").translate(_APART).decode("ascii").split())
    if not DEFINING.isdisjoint(words):
        return None
    found = Mentions(words, unread=tree)
    if not TELLING.isdisjoint(words):
        found.attributes.update(TELLING.intersection(words))
    if functions:
        found.follow(functions)
    return found


def bodies(tree: ast.stmt) -> dict[str, Mentions]:
    """The functions that a statement defines, by name, with what their bodies name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = mentions(node, {})
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = mentions(node.value, {})
    return found
