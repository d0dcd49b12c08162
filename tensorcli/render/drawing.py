"""The graph as an SVG picture and as a self-contained page of HTML.

The result stands on top and the leaves at the bottom; arrows point the way the values went.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from tensorcli.explorer.results import Graph, GraphNode
from tensorcli.render.diagrams import is_stale, labels, tip
from tensorcli.render.graph import head, save_text
from tensorcli.render.layers import Box, arrange
from tensorcli.render.layout import cells

CHARACTER = 7.3
LINE = 16.0
CODE = 48
"""Code of more characters than these is cut."""
RESULT = "result"

STYLE = """
svg { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: #fff; }
.box rect { fill: #f6f8fa; stroke: #57606a; }
.box.leaf rect { fill: #dff5e3; }
.box.result rect { fill: #dde7f7; }
.box.stale rect { stroke: #c00; stroke-width: 2.5; }
.box.freed rect { stroke-dasharray: 4 3; }
.box text { fill: #1f2328; }
.box text .name { font-weight: bold; }
.box.stale text .stale { fill: #c00; }
.edge { fill: none; stroke: #57606a; marker-end: url(#arrow); }
.lit rect { fill: #fff3c4; }
.edge.lit { stroke: #b36b00; stroke-width: 2.5; }
"""


def svg(found: Graph) -> str:
    """A picture on its own."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(_svg(found, with_style=True)) + "\n"


def texts(found: Graph) -> dict[str, list[str]]:
    """The lines of each box, the result's among them."""
    boxes = {RESULT: [f"{found.of} {found.shape}"]}
    for node in found.nodes:
        at = f"line {node.line}: " if node.line is not None else ""
        code = at + node.code if node.code else at.rstrip(": ")
        lines = labels(node)
        boxes[node.id] = [*lines, shortened(code)] if code else lines
    return boxes


def shortened(code: str) -> str:
    """Code of a statement as a box has room for it."""
    return code if len(code) <= CODE else code[: CODE - 1] + "…"


def _svg(found: Graph, with_style: bool) -> Iterator[str]:
    written = texts(found)
    sizes = {
        name: (max(cells(text) for text in lines) * CHARACTER + 20, len(lines) * LINE + 14)
        for name, lines in written.items()
    }
    edges = [(RESULT, found.nodes[0].id)] if found.nodes else []
    edges += [(node.id, each) for node in found.nodes for each in node.next if each is not None]
    layout = arrange(sizes, edges)
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(head(found), True)}">'
    )
    if with_style:
        yield f"<style>{STYLE}</style>"
    yield (
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="#57606a"/></marker></defs>'
    )
    for (upper, lower), way in layout.ways.items():
        yield f'<path class="edge" data-from="{lower}" data-to="{upper}" d="{_curve(way)}"/>'
    nodes = {node.id: node for node in found.nodes}
    for name, box in layout.boxes.items():
        yield from _box(name, box, written[name], nodes.get(name))
    yield "</svg>"


def _curve(way: tuple[Box, ...]) -> str:
    """From the lower box's upper edge to the upper box's lower edge, through the bends."""
    points = [(box.x, box.y) for box in way]
    points[0] = (way[0].x, way[0].y + way[0].height / 2)
    points[-1] = (way[-1].x, way[-1].y - way[-1].height / 2)
    points.reverse()
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        text += f" C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return text


def _box(name: str, box: Box, lines: list[str], node: GraphNode | None) -> Iterator[str]:
    kinds = ["box"]
    if node is None:
        kinds.append("result")
    else:
        kinds += [
            kind
            for kind, holds in (("leaf", node.leaf), ("stale", is_stale(node)), ("freed", node.freed))
            if holds
        ]
    left, top = box.x - box.width / 2, box.y - box.height / 2
    yield f'<g class="{" ".join(kinds)}" id="{name}" tabindex="0">'
    yield f"<title>{escape(tip(node) if node is not None else lines[0])}</title>"
    yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>'
    yield f'<text x="{left + 10:.1f}" y="{top + 4:.1f}">'
    for number, text in enumerate(lines):
        kind = "name" if number == 0 else "stale" if "✗" in text else ""
        style = f' class="{kind}"' if kind else ""
        yield f'<tspan x="{left + 10:.1f}" dy="{LINE:.0f}"{style}>{escape(text)}</tspan>'
    yield "</text></g>"


PAGE_STYLE = """
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: #1f2328; background: #fff; }
header { padding: 14px 20px 4px; }
h1 { font-size: 18px; margin: 0; }
main { display: flex; flex-wrap: wrap; gap: 12px; padding: 0 20px 20px; align-items: flex-start; }
.picture { overflow: auto; max-height: 88vh; flex: 1 1 480px; border: 1px solid #d0d7de; border-radius: 6px; }
table { border-collapse: collapse; flex: 1 1 420px; font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid #d0d7de; vertical-align: top; }
tr.lit { background: #fff3c4; }
tr { cursor: pointer; }
.stale { color: #c00; }
.note { margin: 4px 20px; color: #c00; }
"""

SCRIPT = """
const light = id => {
  for (const each of document.querySelectorAll('.lit')) each.classList.remove('lit');
  if (!id) return;
  for (const each of document.querySelectorAll(`[id="${id}"], [data-row="${id}"], [data-from="${id}"], [data-to="${id}"]`))
    each.classList.add('lit');
};
for (const each of document.querySelectorAll('.box')) {
  each.addEventListener('mouseenter', () => light(each.id));
  each.addEventListener('focus', () => light(each.id));
}
for (const each of document.querySelectorAll('tr[data-row]'))
  each.addEventListener('click', () => {
    light(each.dataset.row);
    document.getElementById(each.dataset.row).scrollIntoView({block: 'nearest', inline: 'nearest'});
  });
const frame = document.querySelector('.picture'), top_box = document.getElementById('result').getBBox();
frame.scrollLeft = top_box.x + top_box.width / 2 - frame.clientWidth / 2;
document.body.dataset.nodes = document.querySelectorAll('.box').length;
"""


def html(found: Graph) -> str:
    """A page that needs nothing else: the picture, a table of the nodes, and what lights up when one is pointed at."""
    return "\n".join(_html(found)) + "\n"


def _html(found: Graph) -> Iterator[str]:
    title = escape(f"graph {found.of}")
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>'
    yield f"<style>{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>"
    yield f"<header><h1>{escape(head(found))}</h1></header>"
    for note in found.notes:
        yield f'<p class="note">{escape(note)}</p>'
    if found.remark:
        yield f"<p>{escape(found.remark)}</p>"
    yield '<main>\n<div class="picture">'
    yield from _svg(found, with_style=False)
    yield "</div>\n<table><thead><tr><th>node</th><th>made by</th><th>saves</th><th>line</th></tr></thead><tbody>"
    for node in found.nodes:
        yield _row(node)
    yield f"</tbody></table>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>"


def _row(node: GraphNode) -> str:
    saves = "<br>".join(
        [
            f'<span class="stale">{escape(save_text(each))}</span>' if each.stale else escape(save_text(each))
            for each in node.saves
        ]
        + [escape(each) for each in node.numbers]
    )
    if node.freed:
        saves = "freed"
    made = escape(node.code)
    if node.leaf:
        made = escape(f"{' '.join(node.tensors)} {node.shape}, grad {node.grad}")
    line = "" if node.line is None else str(node.line)
    name = f"{node.name} {' '.join(node.tensors)}" if not node.leaf else node.name
    return (
        f'<tr data-row="{node.id}"><td>{escape(name)}</td><td>{made}</td><td>{saves}</td><td>{line}</td></tr>'
    )
