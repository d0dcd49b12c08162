"""What a table says is so: rows, versions and elements against the bytes themselves, for programs drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorcli.explorer.results import Blame, Change, Difference, Dry, Step, StorageMap, Travelled
from tensorcli.explorer.session import Session
from tensorcli.render.json import step_object

Last = Callable[..., Step]


def notes(step: Step) -> dict[str, str]:
    """The note of each row, by its first name."""
    return notes_of(step.changes)


def notes_of(changes: tuple[Change, ...]) -> dict[str, str]:
    return {each.names[0]: each.note for each in changes if each.names}


# ---- what was written


def test_a_write_through_a_view_without_a_name_counts_the_elements_of_the_view(last: Last) -> None:
    (write,) = last("x = arange(6.)\nx[1:3] = 9").writes
    assert (write.via, write.elements) == ("x", 2)


def test_a_loop_over_tensors_of_one_storage_counts_the_writes_of_each(last: Last) -> None:
    step = last("rows = list(arange(6.).view(3, 2))\nfor row in rows: row.mul_(2)")
    assert notes(step)["rows[0]"] == "wrote elements 0..1 of s1"
    assert [each.elements for each in step.writes] == [6]


def test_writes_through_a_name_and_through_a_view_are_both_told(last: Last) -> None:
    step = last("x = arange(6.)\nv = x[:2]\nif True:\n    v.add_(1)\n    x[4] = 7")
    assert (
        notes(step)["v"] == "wrote elements 0..1 of s1; also element 4 of s1, through a view without a name"
    )
    assert [each.elements for each in step.writes] == [3]


def test_more_views_than_are_looked_at_are_not_counted(last: Last) -> None:
    step = last("x = zeros(100)\nfor i in range(100): x[i] = 1")
    assert notes(step)["x"].endswith("… of s1, through more than 24 views without a name")
    assert [each.elements for each in step.writes] == [None]


def test_a_view_of_elements_that_an_index_left_out_does_not_see_the_write(last: Last) -> None:
    step = last("x = arange(6.)\nv = x[3:]\nx[[0, 1]] = 9")
    assert notes(step) == {
        "x": "wrote 2 of 6 elements of s1 (index_put_)",
        "v": "other elements; the counter moved",
    }
    assert step.writes[0].seen_by == ()


def test_an_index_into_a_view_is_not_said_to_write_all_of_the_storage(last: Last) -> None:
    assert notes(last("x = arange(6.)\nv = x[3:]\nv[[0, 1, 2]] = 9"))["v"] == (
        "wrote elements 3..5 of s1 (index_put_)"
    )
    assert notes(last("x = arange(6.)\nv = x[3:]\nv[[0]] = 9"))["v"] == (
        "wrote 1 of its 3 elements in s1 (index_put_)"
    )


def test_a_write_of_no_elements_is_not_silent(last: Last) -> None:
    (write,) = last("x = zeros(0)\nn = x.numpy()\ny = x.data\nx.add_(1)").writes
    assert (write.elements, write.silent) == (0, False)


def test_blame_names_no_write_by_index_to_other_elements(last: Last) -> None:
    blame = last("x = arange(6.)\nx[[0]] = 50\nx[x > 40] = 2\nx.t_()\nblame x[3]").result
    assert isinstance(blame, Blame)
    assert [each.index for each in blame.rows] == [1]


def test_an_array_that_a_name_let_go_within_something_else_is_told(last: Last) -> None:
    (row,) = last("a = np.arange(3.)\nkept = iter([a])\na = 1").changes
    assert row.note == "s1 kept by something without a name"


def test_who_keeps_a_storage_is_told_whole_or_with_a_sign_that_more_do(last: Last) -> None:
    names = "\n".join(f"{each} = x.detach()" for each in "abcdef")
    note = last(f"x = torch.ones(2)\n{names}\ndel x").changes[0].note
    assert note == "s1 kept by a, b, c, d, e, f"
    assert last(f"x = torch.ones(2)\n{names}\ng = x.data\ndel x").changes[0].note == f"{note}, …"


# ---- what a row says was written


def test_elements_that_were_written_are_told_by_their_place_in_the_storage(last: Last) -> None:
    """Those of a transposed tensor, or of one that begins further on, have other numbers."""
    scene = "m = torch.zeros(2, 3)\nt = m.t()\n"
    assert notes(last(scene + "r = t[1]"))["r"] == "view of t, 2 elements of 1..4 of s1"
    assert notes(last(scene + "t[1] = 1"))["t"].startswith("wrote 2 elements of 1..4 of s1, through")
    assert notes(last(scene + "r = m[1]"))["r"] == "view of m, elements 3..5"


# ---- who has a row


def test_a_tensor_that_moved_away_has_a_row_when_its_version_moves(last: Last) -> None:
    step = last("x = arange(6.)\nv = x[:2]\nv.set_(zeros(3))\nx.add_(1)")
    assert notes(step)["v"] == "shares the counter; bytes and shape as before"


def test_a_gradient_that_a_tensor_retains_has_a_row_when_it_arrives(last: Last) -> None:
    step = last("w = ones(2, requires_grad=True)\ny = w * 2\ny.retain_grad()\ny.sum().backward()")
    assert "y.grad" in notes(step)


def test_a_hidden_write_into_a_gradient_is_seen(last: Last) -> None:
    step = last("w = ones(2, requires_grad=True)\nw.sum().backward()\nw.grad.detach().numpy()[0] = 9")
    assert notes(step) == {"w.grad": "bytes changed, version stayed 1"}


def test_all_names_of_a_container_that_grew_are_told(last: Last) -> None:
    step = last("a = []\nb = a\nc = [a]\na.append(ones(2))")
    assert step.changes[0].names == ("a[0]", "b[0]", "c[0][0]")


@pytest.mark.parametrize(
    "text",
    [
        "kept = []\nw = ones(2, requires_grad=True)\nw.register_hook(kept.append)\nw.sum().backward()",
        "kept = []\nkeep = kept.append\nkeep(ones(2))",
        "kept = []\nkeep = functools.partial(kept.append, ones(2))\nkeep()",
        "kept = []\nkeepers = {'last': kept.append}\nkeepers['last'](ones(2))",
        "def keep(x, n=[]): n.append(x); return n\nkept = keep(1)\nkeep(ones(2))",
        "def make():\n    n = []\n    return n, lambda x: n.append(x)\nkept, keep = make()\nkeep(ones(2))",
    ],
)
def test_a_container_that_a_function_fills_unnamed_is_told(last: Last, text: str) -> None:
    assert any(name.startswith("kept") for name in notes(last("import functools\n" + text)))


def test_an_array_that_a_closure_writes_has_a_row(last: Last) -> None:
    step = last(
        "def make():\n    a = np.zeros(2)\n    def write(): a[0] = 1\n    return a, write\n"
        "a, write = make()\nwrite()"
    )
    assert notes(step) == {"a": "bytes changed"}


def test_an_array_that_a_hook_writes_has_a_row(last: Last) -> None:
    step = last(
        "a = np.zeros(2)\nw = ones(2, requires_grad=True)\nw.register_hook(lambda g: a.fill(3))\nw.sum().backward()"
    )
    assert notes(step)["a"] == "sees the write"


def test_a_name_that_went_into_a_container_is_told(last: Last) -> None:
    assert notes(last("w = ones(2)\nw = [w, w]"))["w[0]"] == "the object that was w"


# ---- the whole, at random

BEGINNING = """\
x = arange(12.)
m = x.view(3, 4)
d = x.detach()
p = x.data[2:]
n = x.numpy()
l = [m[1], x[::3]]
z = zeros(4)
"""
TENSORS = "x m d p l[0] l[1] z x[2:9] m[1:] m.t() m[:,1] x.data d[5:] m.diagonal()".split()
WRITES = [
    "{0}.add_({1})",
    "{0}[0] = {1}",
    "{0}[-1:] = {1}",
    "{0}[[0, -1]] = {1}",
    "{0}[{0} > 5] = {1}",
    "{0}.view(-1)[1] = {1}",
    "{0}.index_fill_(0, torch.tensor([1]), {1})",
    "for v in l: v.add_({1})",
    "{0}.detach().numpy()[0] = {1}",
    "n[::4] = {1}",
    "x.set_(z); x[1] = {1}",
    "p = {0}; p.mul_({1})",
    "l.append({0}[1:]); l[-1].fill_({1})",
    "m.t_(); {0}.add_({1})",
]


class Was(NamedTuple):
    """A tensor or an array at one moment: itself, the address of each element, their bytes, its version."""

    value: Any
    places: Any
    content: Any
    version: int | None


def look(session: Session) -> dict[str, Was]:
    """Everything that the names of a program reach."""
    found = {}
    for name, value in named(session):
        array = value if isinstance(value, np.ndarray) else value.detach().numpy()
        places = np.full((), array.__array_interface__["data"][0], np.int64)
        for size, stride in zip(array.shape, array.strides):
            places = places[..., None] + np.arange(size) * stride
        version = None if array is value else value._version
        found[name] = Was(value, places.reshape(-1), array.reshape(-1).copy(), version)
    return found


def named(session: Session) -> Iterator[tuple[str, Any]]:
    """The names of a program, with what they stand for."""
    for name in "xmdpnz":
        yield name, session.names[name]
    for position, value in enumerate(session.names["l"]):
        yield f"l[{position}]", value


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(WRITES), st.sampled_from(TENSORS)), min_size=1, max_size=6))
def test_what_changed_has_a_row_and_the_rows_are_true(drawn: list[tuple[str, str]]) -> None:
    session = Session()
    list(session.run(BEGINNING))
    for number, (write, tensor) in enumerate(drawn):
        before = look(session)
        for step in session.run(write.format(tensor, 1000 + number), keep_going=True):
            after = look(session)
            holds(step, before, after)
            before = after


def holds(step: Step, before: dict[str, Was], after: dict[str, Was]) -> None:
    """Whether a table says what happened."""
    rows = {name: each for each in step.changes for name in each.names}
    changed: set[int] = set()
    for name, now in after.items():
        was = before.get(name)
        if was is None or was.value is not now.value or not np.array_equal(was.places, now.places):
            continue
        differs = was.content != now.content
        changed.update(now.places[differs].tolist())
        assert not differs.any() or rows[name].kind in ("written", "seen"), (step.source, name)
        assert was.version == now.version or name in rows, (step.source, name)
        if name in rows and now.version is not None:
            facts = rows[name].after
            assert facts is not None
            assert facts.version == now.version, (step.source, name)
        if name in rows and rows[name].note.startswith("other elements"):
            assert not differs.any(), (step.source, name)
    known = [each.elements for each in step.writes]
    if known and None not in known:
        assert len(changed) <= sum(each or 0 for each in known), step.source


# ---- looks


def shown(text: str) -> list[dict[str, Any]]:
    """What the statements of a text show, each as JSON has it."""
    return [step_object(each) for each in Session().run(text)]


def test_a_look_gives_no_object_an_address() -> None:
    program = "f = lambda x: x\ng = torch.Generator()\nw = ones(2, requires_grad=True)\nn = (w * 2).grad_fn\n"
    seen = "explain g"
    looked = shown(f"{program}vars\ninspect f\n{seen}\nv = [f]\nprint(g, f, n)")
    plain = shown(f"{program}v = [f]\nprint(g, f, n)")
    assert looked[-1]["output"] == plain[-1]["output"]


def test_a_container_of_functions_is_as_it_was_after_undo() -> None:
    (*_, undone) = Session().run("kept = [lambda x: x]\nx = ones(2)\nundo")
    result = undone.result
    assert isinstance(result, Travelled)
    assert [each.names for each in result.changes] == [("x",)]


def test_watch_shows_no_address_of_the_process() -> None:
    assert shown("kept = [lambda x: x]\nwatch kept")[-1]["result"]["rows"] == [
        ["kept", "[<function <lambda>>]"]
    ]


def test_what_the_texts_leave_out_is_compared_too() -> None:
    *_, write, answer = Session().run("x = zeros(100)\nwatch x\nx.data[50] = 1\ndiff 1 3")
    assert [(each.name, each.after) for each in write.watched] == [
        ("x", "[0., 0., 0., ..., 0., 0., 0.], changed where it is not shown")
    ]
    assert isinstance(answer.result, Difference)
    assert notes_of(answer.result.changes) == {"x": "in elements or places that are not shown"}


@pytest.mark.parametrize(
    "block",
    ["for i in range(3): x.add_(1); y.add_(1)", "if True: x.add_(1); y.add_(1)", "def f(): x; return y"],
)
def test_dry_takes_a_whole_block(block: str) -> None:
    (*_, step) = Session().run(f"x = ones(2)\ny = ones(3)\ndry {block}")
    assert isinstance(step.result, Dry)
    assert step.result.step.source == block
    assert not step.writes


def test_what_the_collector_finds_is_no_part_of_a_program(last: Last) -> None:
    value = last("import gc\ngc.collect()").value
    assert value is not None
    assert value.text == "0"


def test_a_byte_within_a_slot_reaches_that_slot() -> None:
    (*_, step) = Session().run(
        "x = arange(4.)\nb = x.view(torch.uint8)[2:7]\nc = x.view(torch.uint8)[::5]\nstorages"
    )
    assert isinstance(step.result, StorageMap)
    assert [each.covered for each in step.result.storages[0].views] == [4, 2, 4]


def test_errors_and_warnings_show_no_address_of_the_process() -> None:
    *_, error, warning = Session().run(
        "import warnings\nf = lambda: 1\n{}[f]\nwarnings.warn(f'{f} again')", keep_going=True
    )
    assert error.error is not None
    assert error.error.message == "<function <lambda> at 0x7f0000000000>"
    assert [each.message for each in warning.warnings] == ["<function <lambda> at 0x7f0000000000> again"]
