"""The graph as text for other programs: DOT, Mermaid, JSON.

Arrows point the way the values went, from the leaves to the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tensorcli.explorer.results import Graph, GraphNode
from tensorcli.render.graph import save_text
from tensorcli.render.json import SCHEMA, data, snake_case


def text_of(found: Graph, form: str) -> str:
    """The graph in one of the forms `dot`, `mermaid`, `json`."""
    return {"dot": dot, "mermaid": mermaid, "json": json_text}[form](found)


def labels(node: GraphNode) -> list[str]:
    """The lines in a node's box: its name, what it made, what it saves."""
    found = [node.name]
    if node.leaf:
        found.append(f"{' '.join(node.tensors) or 'a leaf without a name'} {node.shape}")
        found.append("grad None" if node.grad == "None" else "has a grad")
    else:
        if node.tensors:
            found.append(" ".join(node.tensors) + (f" {node.shape}" if node.shape is not None else ""))
        if node.freed:
            found.append("freed")
        elif node.saves or node.numbers:
            found.append("saves " + ", ".join([*(save_text(each) for each in node.saves), *node.numbers]))
    return found


def tip(node: GraphNode) -> str:
    """The statement that made a node, and its line."""
    at = f"line {node.line}" if node.line is not None else ""
    return ": ".join(part for part in (at, node.code) if part) or node.name


def is_stale(node: GraphNode) -> bool:
    """Whether something that a node saved was written since."""
    return any(each.stale for each in node.saves)


def dot(found: Graph) -> str:
    """Graphviz's language."""
    return "\n".join(_dot(found)) + "\n"


def _dot(found: Graph) -> Iterator[str]:
    yield "digraph {"
    yield "  rankdir=BT;"
    yield '  node [shape=box, style=rounded, fontname="monospace", fontsize=11];'
    yield f'  result [label={quoted(f"{found.of} {found.shape}")}, style="filled,rounded", fillcolor=lightgrey];'
    for node in found.nodes:
        extra = f", URL={quoted(f'#{node.id}')}, tooltip={quoted(tip(node))}"
        if is_stale(node):
            extra += ', color="#cc0000", penwidth=2'
        if node.leaf:
            extra += ', style="filled,rounded", fillcolor="#dff0d8"'
        yield f"  {node.id} [label={quoted(chr(10).join(labels(node)))}{extra}];"
    if found.nodes:
        yield f"  {found.nodes[0].id} -> result;"
    for node in found.nodes:
        for each in node.next:
            if each is not None:
                yield f"  {each} -> {node.id};"
    yield "}"


def quoted(text: str) -> str:
    """A string of DOT's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def mermaid(found: Graph) -> str:
    """Mermaid's flowchart, as GitHub draws it in an issue."""
    lines = ["flowchart BT"]
    for node in found.nodes:
        text = "<br/>".join(_plain(each) for each in labels(node))
        lines.append(f'  {node.id}["{text}"]')
    if found.nodes:
        lines.append(f'  {found.nodes[0].id} --> result(["{_plain(f"{found.of} {found.shape}")}"])')
    else:
        lines.append(f'  result(["{_plain(f"{found.of} {found.shape}")}"])')
    lines.extend(f"  {each} --> {node.id}" for node in found.nodes for each in node.next if each is not None)
    stale = [node.id for node in found.nodes if is_stale(node)]
    if stale:
        lines.append("  classDef stale stroke:#c00,stroke-width:2px")
        lines.append(f"  class {','.join(stale)} stale")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text within Mermaid's quotes: entities for what it reads as its own."""
    for character in '#"<>&':
        if character in text:
            return "".join(f"#{ord(each)};" if each in '#"<>&' else each for each in text)
    return text


def json_text(found: Graph) -> str:
    """The result as it stands in a step's JSON."""
    whole = {"schema": SCHEMA, "type": snake_case(type(found).__name__), **data(found)}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
