"""Where the boxes of a graph are placed: layers by the longest path, few crossings by barycentres, short edges by averages.

The method is Sugiyama's: each node stands one layer above the highest of those that it leads to; an edge that
crosses layers gets a bend in each; each layer is ordered by the mean place of its neighbours, down and up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 8
GAP_X = 24.0
GAP_BEND = 5.0
GAP_Y = 44.0


@dataclass(slots=True)
class Box:
    """A node, or the bend of an edge, with its size and, in the end, its centre."""

    name: str
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    above: list[Box] = field(default_factory=list)
    below: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes by name, the way of each edge through its bends, and the size of the whole."""

    boxes: Mapping[str, Box]
    ways: Mapping[tuple[str, str], tuple[Box, ...]]
    width: float
    height: float


def arrange(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]]) -> Layout:
    """Places for nodes of these sizes (width, height), by name. An edge (a, b) is drawn with `a` above `b`; the
    edges have no cycle.
    """
    boxes = {name: Box(name, width, height) for name, (width, height) in sizes.items()}
    below: dict[str, list[str]] = {name: [] for name in boxes}
    above: dict[str, list[str]] = {name: [] for name in boxes}
    for upper, lower in dict.fromkeys(edges):
        below[upper].append(lower)
        above[lower].append(upper)
    waiting = {name: len(found) for name, found in above.items()}
    ready = [name for name, count in waiting.items() if not count]
    order = []
    while ready:
        name = ready.pop()
        order.append(name)
        for each in below[name]:
            boxes[each].layer = max(boxes[each].layer, boxes[name].layer + 1)
            waiting[each] -= 1
            if not waiting[each]:
                ready.append(each)
    ways: dict[tuple[str, str], tuple[Box, ...]] = {}
    layers: list[list[Box]] = [[] for _ in range(max((box.layer for box in boxes.values()), default=0) + 1)]
    for name in order:
        layers[boxes[name].layer].append(boxes[name])
    for upper, lower in dict.fromkeys(edges):
        way = [boxes[upper]]
        for layer in range(boxes[upper].layer + 1, boxes[lower].layer):
            bend = Box("", 8.0, 0.0, layer)
            layers[layer].append(bend)
            way.append(bend)
        way.append(boxes[lower])
        for first, second in pairwise(way):
            first.below.append(second)
            second.above.append(first)
        ways[upper, lower] = tuple(way)
    _order(layers)
    _place(layers)
    width = max((box.x + box.width / 2 for layer in layers for box in layer), default=0.0) + GAP_X
    height = max((box.y + box.height / 2 for layer in layers for box in layer), default=0.0) + GAP_X
    return Layout(boxes, ways, width, height)


def _gap(left: Box, right: Box) -> float:
    """The room between two neighbours: less where one is the bend of an edge."""
    return GAP_X if left.name and right.name else GAP_BEND


def _order(layers: list[list[Box]]) -> None:
    place: dict[int, float] = {}

    def number(layer: list[Box]) -> None:
        for at, box in enumerate(layer):
            place[id(box)] = float(at)

    for layer in layers:
        number(layer)
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        for layer in layers if downward else reversed(layers):
            weights = {}
            for box in layer:
                near = box.above if downward else box.below
                weights[id(box)] = (
                    sum(place[id(each)] for each in near) / len(near) if near else place[id(box)]
                )
            layer.sort(key=lambda box: weights[id(box)])
            number(layer)


def _place(layers: list[list[Box]]) -> None:
    top = GAP_X
    for layer in layers:
        tall = max((box.height for box in layer), default=0.0)
        at = GAP_X
        for number, box in enumerate(layer):
            if number:
                at += _gap(layer[number - 1], box)
            box.x = at + box.width / 2
            box.y = top + tall / 2
            at += box.width
        top += tall + GAP_Y
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        for layer in layers if downward else reversed(layers):
            wanted = []
            for box in layer:
                near = box.above if downward else box.below
                wanted.append(sum(each.x for each in near) / len(near) if near else box.x)
            _spread(layer, wanted)
    left = min((box.x - box.width / 2 for layer in layers for box in layer), default=0.0) - GAP_X
    for layer in layers:
        for box in layer:
            box.x -= left


def _spread(layer: list[Box], wanted: list[float]) -> None:
    """Bring the boxes as near to where they want to be as their widths allow, in their order: those that would
    overlap are moved together, to the mean of what they want.
    """
    offsets = [0.0]  # of each box from the first one, set as close as they may stand
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + left.width + _gap(left, right))
    groups: list[list[float]] = []  # [sum of wanted places of the first box, how many]
    for box, centre, offset in zip(layer, wanted, offsets):
        groups.append([centre - box.width / 2 - offset, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    at = 0
    for total, count in groups:
        for number in range(at, at + int(count)):
            layer[number].x = total / count + offsets[number] + layer[number].width / 2
        at += int(count)
