"""The graph as a tree in the terminal: names, statements, saved versions and stale marks.

A node that several others lead to is drawn once, and pointed at by its id afterwards. A long chain is folded:
its ends are shown, the rest is counted by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tensorcli.explorer.results import Graph, GraphNode, GraphSave, Hooks, Witnesses, plural, size_text, some
from tensorcli.render.layout import Column, Grid, Line, Piece, cells, line, padded, paragraph, shorten

ROWS = 60
"""Rows of one tree; the rest is counted."""
LONG = 9
"""A chain of more nodes than this is folded."""
WIDE = 120
"""Cells: how wide a tree is thought to be where the width is free; its stems take half of that."""
ENDS = 3
"""Nodes of a folded chain that are shown at each end."""
CODE = 16
"""Cells: a statement that has fewer beside its node stands below it."""
STALE = "✗"
NOTHING_SAVED = "saves no tensor"
FORK, LAST, THROUGH, NOTHING = "├─ ", "└─ ", "│  ", "   "
"""Stems: to a branch, to the last one, and beside what stands below them."""


class Row(NamedTuple):
    """A row of the tree: its stem and name, then what made it, what it saves, its line."""

    tree: str
    code: str
    saves: str
    line: str
    stale: bool = False


def tree_page(found: Graph, width: int | None) -> Iterator[Line]:
    """The tree under its title, with what is left out and what is stale."""
    yield from paragraph(head(found), width, "title", " ", " ")
    rows = list(tree(found, (width or WIDE) // 2 // len(LAST)))
    yield from table(rows[:ROWS], width)
    if len(rows) > ROWS:
        text = f"… and {plural(len(rows) - ROWS, 'more row')}: --depth N and --focus NAME cut"
        yield from paragraph(text, width, "muted", " ", "   ")
    if found.more:
        yield line(" ", (f"{plural(found.more, 'more node')} left out", "muted"))
    for note in found.notes:
        yield from paragraph(f"{STALE} {note}", width, "alarm", " ", "   ")
    if found.remark:
        yield from paragraph(f"· {found.remark}", width, "hint", " ", "   ")
    if found.path:
        yield line(" ", (f"written to {found.path}", "good"))
    elif found.nodes:
        text = f"export: graph {found.of} -o g.svg | g.html | g.dot | g.mmd | g.json"
        yield from paragraph(text, width, "hint", " ", " ")


def head(found: Graph) -> str:
    """`loss ()  ·  3 ops, 1 leaf, 3 saves of 2 tensors (24 B)`."""
    title = f"{found.of} {found.shape}"
    if not found.nodes:
        return f"{title}  ·  no graph: it is a leaf, or was made without one"
    leaves = sum(node.leaf for node in found.nodes)
    saves = [each for node in found.nodes for each in node.saves]
    counts = [plural(len(found.nodes) - leaves, "op"), f"{leaves} {'leaf' if leaves == 1 else 'leaves'}"]
    different = {(each.storage, each.tensor, each.shape): each.nbytes for each in saves}
    if saves:
        counts.append(
            f"{plural(len(saves), 'save')} of {plural(len(different), 'tensor')} ({size_text(sum(different.values()))})"
        )
    elif any(node.freed for node in found.nodes):
        counts.append("what it had saved is freed")
    return f"{title}  ·  {', '.join(counts)}"


def save_text(save: GraphSave) -> str:
    """`self=y@v0`, marked where it is stale."""
    name = save.tensor or f"a temporary {save.shape}"
    return f"{save.slot}={name}@v{save.saved}" + (f" {STALE}" if save.stale else "")


def saves_text(node: GraphNode) -> str:
    """What a node keeps, or that it keeps nothing any more."""
    if node.leaf:
        return ""
    if node.freed:
        return "freed"
    if not (node.saves or node.numbers):
        return NOTHING_SAVED
    return "saves " + "  ".join([*(save_text(each) for each in node.saves), *node.numbers])


def leaf_text(node: GraphNode) -> str:
    """What an accumulator leads to: its names, shape and gradient."""
    name = " ".join(node.tensors) or "a leaf without a name"
    return f"{name} {node.shape} leaf, grad {node.grad}"


def tree(found: Graph, deepest: int) -> Iterator[Row]:
    """The rows, from the root downwards, without recursion; what is deeper than that is counted."""
    return _Tree(found, deepest).rows() if found.nodes else iter(())


class _Tree:
    """The rows of a graph: what was shown or folded is not shown again, what is too deep is counted once."""

    def __init__(self, found: Graph, deepest: int) -> None:
        self._root = found.nodes[0].id
        self._told = found.told
        self._deepest = deepest * len(LAST)
        self._nodes = {node.id: node for node in found.nodes}
        self._parents = Counter(each for node in found.nodes for each in set(node.next) if each is not None)
        self._shown: set[str] = set()
        self._counted: set[str] = set()

    def rows(self) -> Iterator[Row]:
        # What is still to come: a node, the stem before its name, and that before what stands below it.
        pending = [(self._root, "", "")]
        while pending:
            name, stem, lead = pending.pop()
            node = self._nodes[name]
            if name in self._shown:
                names = " ".join(node.tensors)
                yield Row(f"{stem}[{name}] {node.name}", f"{names}  (shown above)".strip(), "", "")
                continue
            self._shown.add(name)
            yield self._row(node, stem)
            chain = folded(node, self._nodes, self._parents, self._shown)
            if chain:
                self._shown.update(chain)
                yield self._fold(node, chain, lead)
            elif node.cut:
                yield Row(f"{lead}… {plural(node.cut, 'edge')} left out", "", "", "")
            following = _next(self._nodes[chain[-1]] if chain else node)
            if len(lead) >= self._deepest:
                yield from self._count(following, lead)
                continue
            below = [(each, lead + FORK, lead + THROUGH) for each in following[:-1]]
            below += [(each, lead + LAST, lead + NOTHING) for each in following[-1:]]
            pending.extend(reversed(below))

    def _row(self, node: GraphNode, stem: str) -> Row:
        label = f"{node.name} [{node.id}]" if self._parents[node.id] > 1 else node.name
        hooked = f" ({plural(node.hooks, 'hook')})" if node.hooks else ""
        at = f"line {node.line}" if node.line is not None else ""
        if node.leaf:
            return Row(f"{stem}{label}{hooked}", leaf_text(node), "", at)
        saves = saves_text(node) if self._told else ""
        return Row(f"{stem}{label}{hooked}", node.code, saves, at, any(each.stale for each in node.saves))

    def _fold(self, node: GraphNode, chain: list[str], lead: str) -> Row:
        """The row for a chain below a node that is left out."""
        inner = [self._nodes[each] for each in chain]
        beside = [self._nodes[below] for above in (node, *inner[:-1]) for below in _next(above)]
        said, stale = kinds_text(inner, [each for each in beside if each.leaf])
        return Row(f"{lead}⋮ {plural(len(chain), 'node')} folded", "", said, "", stale)

    def _count(self, following: list[str], lead: str) -> Iterator[Row]:
        """The row for what is too deep, where something is."""
        deeper = below_all(following, self._nodes, self._shown | self._counted)
        self._counted.update(deeper)
        nodes = [self._nodes[each] for each in deeper]
        said, stale = kinds_text(
            [each for each in nodes if not each.leaf], [each for each in nodes if each.leaf]
        )
        if deeper:
            yield Row(f"{lead}⋮ {plural(len(deeper), 'node')} below", "", said, "", stale)


def _next(node: GraphNode) -> list[str]:
    """The nodes that a node leads to; edges that lead nowhere are none."""
    return [each for each in node.next if each is not None]


def kinds_text(inner: list[GraphNode], leaves: list[GraphNode]) -> tuple[str, bool]:
    """What nodes that have no row of their own are, and whether some of what they saved is stale."""
    kinds = Counter(each.name for each in inner)
    said = ", ".join(f"{kind} ×{count}" for kind, count in kinds.most_common(4)) + (
        ", …" if len(kinds) > 4 else ""
    )
    names = dict.fromkeys(name for each in leaves for name in each.tensors or ("a leaf without a name",))
    stale = any(save.stale for each in inner for save in each.saves)
    parts = (
        said,
        f"on the way: {some([*names], joint=' ')}" if names else "",
        f"some are stale {STALE}" if stale else "",
    )
    return "; ".join(part for part in parts if part), stale


def below_all(roots: list[str], nodes: dict[str, GraphNode], known: set[str]) -> list[str]:
    """These nodes and all below them, but for what is known and what only that leads to."""
    found: dict[str, None] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in known and name not in found:
            found[name] = None
            pending.extend(_next(nodes[name]))
    return list(found)


def folded(node: GraphNode, nodes: dict[str, GraphNode], parents: Counter[str], shown: set[str]) -> list[str]:
    """The nodes below this one that are left out: the middle of a long chain, in which each leads to one node and
    perhaps to leaves.
    """
    chain: list[str] = []
    current = node
    while True:
        following = [each for each in current.next if each is not None and not nodes[each].leaf]
        if len(following) != 1 or parents[following[0]] > 1 or following[0] in shown or current.cut:
            break
        current = nodes[following[0]]
        chain.append(current.id)
    return chain[:-ENDS] if len(chain) > LONG else []


def table(rows: list[Row], width: int | None) -> Iterator[Line]:
    """The rows in columns; where it is narrow, what a node saves stands below it."""
    tree_width = max([cells(row.tree) for row in rows], default=0)
    code_width = max([cells(row.code) for row in rows], default=0)
    saves_width = max([cells(row.saves) for row in rows], default=0)
    line_width = max([cells(row.line) for row in rows], default=0)
    room = 0
    if width is not None:
        room = width - 1 - tree_width - 2 - line_width - 2
        if code_width + 2 + saves_width > room:
            code_width = min(code_width, max(room - saves_width - 2, 24))
        beside = code_width + 2 + saves_width <= room
    else:
        beside = True
    for row in rows:
        style = "alarm" if row.stale else "muted"
        tree_piece = Piece(padded(row.tree, tree_width), "name")
        if beside:
            yield line(
                " ",
                tree_piece,
                "  ",
                pad(shorten(row.code, code_width), code_width),
                "  ",
                (pad(row.saves, saves_width), style),
                "  ",
                (row.line, "muted"),
            )
            continue
        assert width is not None
        if room < CODE:
            yield line(" ", (row.tree, "name"), "  ", (row.line, "muted"))
            indent = " " * min(8, width // 4)
            for text, kind in ((row.code, ""), (row.saves, style)):
                if text and text != NOTHING_SAVED:
                    yield from paragraph(text, width, kind, indent, indent)
            continue
        yield line(" ", tree_piece, "  ", pad(shorten(row.code, room), room), "  ", (row.line, "muted"))
        if row.saves and row.saves != NOTHING_SAVED:
            stem = " " * (tree_width + 3)
            yield from paragraph(row.saves, width, style, stem, stem)


def pad(text: str, width: int) -> str:
    """A text with spaces behind it, to a width in cells."""
    return text + " " * max(width - cells(text), 0)


# ---- hooks, and who sees a write


def hooks(found: Hooks, width: int | None) -> Iterator[Line]:
    of = f" in the graph of {found.of}" if found.of else ""
    if not found.rows:
        yield from paragraph(f"there are no hooks{of}", width, "", " ", "   ")
        return
    columns = [
        Column(),
        Column("on"),
        Column("function"),
        Column("registered by"),
        Column("node"),
        Column("sees"),
    ]
    rows = [
        [
            Piece(f"#{number}", "muted"),
            Piece(row.tensor, "name"),
            Piece(row.function),
            Piece(row.kind),
            Piece(row.node),
            Piece(row.sees),
        ]
        for number, row in enumerate(found.rows, 1)
    ]
    yield from Grid(columns, rows).lines(width)
    said = f"{plural(len(found.rows), 'hook')}{of}, in the order in which a backward pass calls them"
    yield from paragraph(said, width, "title", " ", "   ")


def witnesses(found: Witnesses, width: int | None) -> Iterator[Line]:
    where = f" ({found.storage})" if found.storage else ""
    yield from paragraph(f"a write into all of {found.of}{where} shows in", width, "title", " ", "   ")
    columns = [Column("name"), Column("elements", align="right"), Column("version counter"), Column("how")]
    rows = [
        [
            Piece(row.name, "name"),
            Piece(f"{row.elements} of {row.of}"),
            Piece(row.counter, "changed" if row.counter != "moves" else ""),
            Piece(row.how),
        ]
        for row in found.rows
    ]
    if rows:
        yield from Grid(columns, rows).lines(width)
    else:
        yield line("   ", "nobody else")
    for each in found.saves:
        yield from paragraph(f"! {each}", width, "alarm", " ", "   ")
    if found.refused:
        yield from paragraph(f"· {found.refused}", width, "hint", " ", "   ")
