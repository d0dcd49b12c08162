"""The graph as a picture: well-formed, complete, without overlaps, and alive in a browser."""

import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from tensorcli.explorer import results
from tensorcli.render import diagrams, drawing
from tensorcli.render.layers import arrange

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def graph(samples: dict[type, object]) -> results.Graph:
    found = samples[results.Graph]
    assert isinstance(found, results.Graph)
    return found


def test_a_drawing_is_xml_that_holds_every_node_and_edge(graph: results.Graph) -> None:
    root = ElementTree.fromstring(drawing.svg(graph))
    space = "{http://www.w3.org/2000/svg}"
    boxes = {each.get("id") for each in root.iter(f"{space}g")}
    assert boxes == {"result", *(node.id for node in graph.nodes)}
    edges = [each for each in root.iter(f"{space}path") if each.get("class") == "edge"]
    assert len(edges) == 1 + sum(len(node.next) for node in graph.nodes)
    stale = {each.get("id") for each in root.iter(f"{space}g") if "stale" in str(each.get("class"))}
    assert stale == {"n1", "n2"}


def test_text_cannot_leave_its_box(graph: results.Graph) -> None:
    evil = '</svg><script>alert("1")</script>&<b>'
    node = replace(graph.nodes[0], code=evil, tensors=(evil,))
    hostile = replace(graph, of=evil, nodes=(node, *graph.nodes[1:]))
    ElementTree.fromstring(drawing.svg(hostile))
    assert "<script>alert" not in drawing.html(hostile)
    for line in diagrams.mermaid(hostile).splitlines():
        assert "<b>" not in line
    assert '\\"1\\"' in diagrams.dot(hostile)


def test_mermaid_marks_what_is_stale(graph: results.Graph) -> None:
    text = diagrams.mermaid(graph)
    assert text.startswith("flowchart BT\n")
    assert "  class n1,n2 stale\n" in text
    assert '  n3["AccumulateGrad<br/>w (3,)<br/>grad None"]\n' in text


@pytest.mark.parametrize("seed", range(8))
def test_boxes_do_not_overlap_and_edges_go_down(seed: int) -> None:
    draw = random.Random(seed)
    names = [f"n{number}" for number in range(40)]
    sizes = {name: (draw.uniform(20, 200), draw.uniform(20, 60)) for name in names}
    edges = [
        (names[draw.randrange(number)], names[number])
        for number in range(1, 40)
        for _ in range(draw.randint(1, 3))
    ]
    layout = arrange(sizes, edges)
    boxes = list(layout.boxes.values())
    for number, one in enumerate(boxes):
        assert one.x - one.width / 2 >= 0
        assert one.x + one.width / 2 <= layout.width
        for other in boxes[number + 1 :]:
            apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2 - 1e-6
            apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2 - 1e-6
            assert apart_x or apart_y, (one.name, other.name)
    assert all(layout.boxes[upper].y < layout.boxes[lower].y for upper, lower in edges)


def test_a_graph_without_nodes_is_drawn(graph: results.Graph) -> None:
    empty = replace(graph, nodes=())
    ElementTree.fromstring(drawing.svg(empty))
    assert "result" in diagrams.mermaid(empty)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")
def test_the_page_runs_in_a_browser(graph: results.Graph, tmp_path: Path) -> None:
    assert BROWSER is not None
    page = tmp_path / "graph.html"
    page.write_text(drawing.html(graph), "utf-8")
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    text = done.stdout.decode()
    assert re.search(r'<body data-nodes="5"', text)
    assert len(re.findall(r"<tr data-row=", text)) == len(graph.nodes)
