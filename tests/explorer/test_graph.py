"""`graph`, `hooks` and `storages --write`: what is said is so, and looking changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer.files import Files
from tensorcli.explorer.results import Graph, Hooks, Step, Witnesses
from tensorcli.explorer.session import Session
from tensorcli.explorer.sources import expressions_of

SCENE = """\
w = tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
v = y[1:]
d = detach y
loss = (y * w).sum()
"""


def graph(last: Callable[..., Step], text: str) -> Graph:
    found = last(text).result
    assert isinstance(found, Graph)
    return found


def test_a_node_names_the_expression_and_the_line_that_made_it(last: Callable[..., Step]) -> None:
    found = graph(last, SCENE + "graph loss")
    assert [(node.name, node.tensors, node.code, node.line) for node in found.nodes] == [
        ("SumBackward0", ("loss",), "loss = (y * w).sum()", 5),
        ("MulBackward0", (), "y * w", 5),
        ("ExpBackward0", ("y",), "y = w.exp()", 2),
        ("AccumulateGrad", ("w",), "", 1),
    ]
    assert [node.next for node in found.nodes] == [("n1",), ("n2", "n3"), ("n3",), ()]


def test_a_write_makes_what_was_saved_stale(last: Callable[..., Step]) -> None:
    fresh = graph(last, SCENE + "graph loss")
    stale = graph(last, SCENE + "d.mul_(10)\ngraph loss")
    assert not any(save.stale for node in fresh.nodes for save in node.saves)
    assert {(node.name, save.slot) for node in stale.nodes for save in node.saves if save.stale} == {
        ("MulBackward0", "self"),
        ("ExpBackward0", "result"),
    }
    assert stale.notes == ("s2 is at v1 (written at line 6 via d); also over it: v d",)


def test_a_backward_pass_frees(last: Callable[..., Step]) -> None:
    found = graph(last, SCENE + "loss.backward()\ngraph loss")
    assert [node.freed for node in found.nodes if not node.leaf] == [True, True, True]
    assert not any(node.saves for node in found.nodes)


def test_depth_and_focus_say_what_they_leave_out(last: Callable[..., Step]) -> None:
    shallow = graph(last, SCENE + "graph loss --depth 1")
    assert [node.id for node in shallow.nodes] == ["n0", "n1"]
    assert (shallow.nodes[1].cut, shallow.more) == (2, 2)
    towards = graph(last, SCENE + "graph loss --focus y")
    assert [node.name for node in towards.nodes] == ["SumBackward0", "MulBackward0", "ExpBackward0"]
    assert last(SCENE + "graph loss --focus nobody", keep_going=True).error is not None


def test_a_long_chain_is_read_without_recursion(last: Callable[..., Step]) -> None:
    found = graph(last, "x = ones(2, requires_grad=True)\ny = x\nfor i in range(3000): y = y + 1\ngraph y")
    assert len(found.nodes) == 3001


def test_looking_at_a_stale_view_does_not_make_its_node_anew() -> None:
    session = Session()
    list(session.run(SCENE + "d.mul_(10)\ngraph v\ngraph loss\nhooks\nstorages --write v"))
    v = session.names["v"]
    assert session.engine.old_node(v) is not None


def test_nodes_are_told_by_their_statement_only_where_it_is_certain() -> None:
    assert expressions_of("z = a * b + c * d", {}) == {"mul": ["a * b", "c * d"], "add": ["a * b + c * d"]}
    assert expressions_of("z = f(a * b)", {"f"}) == {}
    assert expressions_of("z = [a * b for a in c]", {}) == {}
    assert expressions_of("for i in c: z = a * b", {}) == {}


# ---- files


def test_a_file_with_another_suffix_is_refused_before_anything_is_evaluated(tmp_path: Path) -> None:
    written: list[str] = []
    session = Session()
    session.files = files(tmp_path, written)
    text = SCENE + "graph loss -o a.svg\ngraph w.add_(1) -o b.png\nw"
    steps = list(session.run(text, keep_going=True))
    assert [step.error.type if step.error else "" for step in steps[-3:]] == ["", "ValueError", ""]
    assert written == [str(tmp_path / "a.svg")]


def files(folder: Path, written: list[str]) -> Files:
    """Files of a folder of which only the paths are noted."""
    return Files(str(folder), str(folder), lambda path: b"", lambda path, found, force: written.append(path))


def test_a_replay_does_not_write_again(tmp_path: Path) -> None:
    written: list[str] = []
    session = Session()
    session.files = files(tmp_path, written)
    list(session.run(SCENE + "graph loss -o a.svg"))
    session.replay(list(session.journal))
    assert len(written) == 1


@pytest.mark.parametrize("suffix", ["svg", "html", "dot", "mmd", "json"])
def test_each_suffix_has_its_form(tmp_path: Path, suffix: str) -> None:
    from tensorcli.repl.exports import within

    session = Session()
    session.files = within(str(tmp_path))
    step = list(session.run(SCENE + f"graph loss -o g.{suffix}"))[-1]
    assert step.error is None
    text = (tmp_path / f"g.{suffix}").read_text("utf-8")
    assert "MulBackward0" in text
    if suffix == "json":
        assert json.loads(text)["type"] == "graph"


# ---- hooks, and who sees a write


def test_hooks_stand_in_the_order_in_which_they_fire(run: Callable[..., list[Step]]) -> None:
    text = (
        "x = tensor([1., 2.], requires_grad=True)\na = x.clone()\n"
        "h1 = a.register_hook(lambda g: print('before'))\na.retain_grad()\na *= 3\n"
        "def last(g): print('after')\nh2 = a.register_hook(last)\nhooks\na.sum().backward()\n"
    )
    steps = run(text)
    found = steps[-2].result
    assert isinstance(found, Hooks)
    assert [(row.kind, row.node) for row in found.rows] == [
        ("register_hook", "MulBackward0 (line 5)"),
        ("retain_grad", "MulBackward0 (line 5)"),
        ("register_hook", "CloneBackward0 (line 2)"),
    ]
    assert found.rows[0].function == "last"
    assert steps[-1].output == "after\nbefore\n"


def witnesses(last: Callable[..., Step], text: str) -> Witnesses:
    found = last(text).result
    assert isinstance(found, Witnesses)
    return found


def test_a_write_is_seen_where_bytes_are_shared_and_counted_where_the_counter_is(
    last: Callable[..., Step],
) -> None:
    scene = SCENE + "u = y[:1]\np = y.data\nn = d.numpy()\n"
    rows = {row.name: row for row in witnesses(last, scene + "storages --write v").rows}
    assert {name: (row.elements, row.counter) for name, row in rows.items()} == {
        "y": (2, "moves"),
        "d": (2, "moves"),
        "p": (2, "does not move"),
        "n": (2, "has none"),
    }


@pytest.mark.parametrize("name", ["y", "v", "d", "p"])
def test_what_a_write_would_do_is_what_it_does(last: Callable[..., Step], name: str) -> None:
    """The counters that are said to move are those that move."""
    scene = "w = ones(3, requires_grad=True)\ny = w * 2\nv = y[1:]\nd = y.detach()\np = y.data\n"
    said = {row.name: row.counter for row in witnesses(last, f"{scene}storages --write {name}").rows}
    session = Session()
    list(session.run(scene))
    names = ("y", "v", "d", "p")
    before: dict[str, Any] = {each: session.names[each]._version for each in names}
    list(session.run(f"with torch.no_grad(): {name}.add_(1)"))
    for each in names:
        if each != name:
            assert (said[each] == "moves") == (session.names[each]._version != before[each]), each


def test_on_pytorch_what_cannot_be_known_is_said_to_be_unknown() -> None:
    pytest.importorskip("torch")
    text = SCENE + "graph loss\nstorages --write d\nhooks"
    graph_step, write_step, hooks_step = list(Session(engine="pytorch").run(text, keep_going=True))[-3:]
    assert isinstance(graph_step.result, Graph)
    assert not graph_step.result.told
    assert "unknown" in graph_step.result.remark
    assert isinstance(write_step.result, Witnesses)
    assert {row.counter for row in write_step.result.rows} == {"unknown"}
    assert hooks_step.error is not None
