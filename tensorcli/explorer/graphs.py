"""Walks over the graph, without effect and without recursion: which nodes a tensor leads to, and which name
leads to a node.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from tensorcli.explorer.engines import Engine
from tensorcli.explorer.engines.reading import Saved
from tensorcli.explorer.entries import Entry
from tensorcli.explorer.names import Index

MOST = 100_000
"""A walk over the graphs of all names stops after this many nodes."""
FAR = 10_000
"""A walk over one graph stops after this many: what is looked for is near, or not worth the wait."""


def nodes_below(engine: Engine, root: Any, most: int = FAR, seen: set[int] | None = None) -> Iterator[Any]:
    """The nodes that a gradient at `root` would reach, nearest first; those in `seen` and below them are left out."""
    if seen is None:
        seen = set()
    if root is None or id(root) in seen:
        return
    seen.add(id(root))
    level = [root]
    count = 0
    while level:
        following = []
        for node in level:
            yield node
            count += 1
            if count >= most:
                return
            for target in engine.edges(node):
                if target is not None and id(target) not in seen:
                    seen.add(id(target))
                    following.append(target)
        level = following


def roots(engine: Engine, index: Index) -> Iterator[tuple[Entry, Any]]:
    """The named tensors that have a node, results before what they came from: those bound last first."""
    for entry in reversed(list(index.entries.values())):
        value = entry.value
        if value is None or engine.kind(value) != "tensor":
            continue
        node = engine.node(value)
        if node is not None:
            yield entry, node


def stale_below(engine: Engine, root: Any, seen: set[int] | None = None) -> Iterator[Saved]:
    """The saved tensors in a graph whose versions have moved: unpacking them will raise."""
    for node in nodes_below(engine, root, seen=seen):
        if not engine.released(node):
            yield from (saved for saved in engine.saved(node) if saved.now != saved.saved)


def root_of(
    engine: Engine, index: Index, wanted: set[int], named: Collection[Entry] = ()
) -> tuple[str | None, int]:
    """The name whose graph holds most of the wanted nodes, and how many nodes it holds besides leaves'. `named`: the
    tensors that come first where their graphs hold any.
    """
    best: tuple[str | None, int] = (None, 0)
    most = (False, 0)
    left = MOST
    for entry, node in roots(engine, index):
        found = count = 0
        for each in nodes_below(engine, node, left):
            left -= 1
            found += id(each) in wanted
            count += engine.variable(each) is None
        rank = (entry in named, found)
        if found and rank > most:
            most = rank
            best = (next(iter(index.names(entry)), None), count)
        if left <= 0:
            break
    return best
