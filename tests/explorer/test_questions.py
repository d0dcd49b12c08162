"""The questions about tensors that are asked most, each answered by one command after the moment at which one is
stuck: what the data of the answer says, whatever it looks like.
"""

from typing import Any

import pytest

from tensorcli.explorer.results import (
    AliasReport,
    Comparison,
    Explanation,
    HazardReport,
    Inspection,
    StorageMap,
    Why,
)
from tensorcli.explorer.session import Session


def ask(text: str, **options: Any) -> Any:
    """The answer of the last statement of a text, whatever failed before it."""
    last = list(Session(**options).run(text, "question.tsc", keep_going=True))[-1]
    assert last.error is None, last.error
    assert last.result is not None
    return last.result


def why(text: str) -> Why:
    found = ask(f"{text}\nwhy")
    assert isinstance(found, Why)
    return found


def explain(text: str, what: str) -> Explanation:
    found = ask(f"{text}\nexplain {what}")
    assert isinstance(found, Explanation)
    return found


def ways(found: Why) -> dict[str, str]:
    """What to do, and what it gave."""
    return {way.text.partition(":  ")[2] or way.text: way.measured for way in found.ways}


def said(found: Explanation) -> str:
    """All sentences and cells of an explanation."""
    parts = [found.verdict, found.error]
    for section in found.sections:
        parts += [section.title, *section.text, *(cell for row in section.rows for cell in row)]
    return "\n".join(parts)


LEAF = "w = torch.tensor([1., 2.], requires_grad=True)\n"

# ---- the fifteen questions


def test_modified_by_an_inplace_operation_names_the_line_that_saved_and_the_line_that_wrote() -> None:
    found = why(LEAF + "y = w.exp()\ny += 1\ny.sum().backward()")
    parts = {event.role: event.line for event in found.events}
    assert (parts["saved"], parts["wrote"], parts["raised"]) == (2, 3, 4)
    assert [event.line for event in found.events if event.culprit] == [3]
    assert ways(found)["y = y + 1"] == "[2.7183, 7.3891]"


def test_grad_is_none_because_the_name_stands_for_a_computed_tensor() -> None:
    found = ask(LEAF + "w = w * 2\nw.sum().backward()\nwhy w.grad")
    assert "line 2 bound w to a computed tensor" in found.title
    assert "[2., 2.]" in found.title  # where the gradient went
    assert ways(found)["w.retain_grad()"] == "[1., 1.]"


def test_a_leaf_and_a_computed_tensor_are_told_apart() -> None:
    computed = explain(LEAF + "y = w * 2", "y")
    assert "leads to AccumulateGrad (w)" in said(computed).replace("\n", " ")
    assert "it is not a leaf: a backward pass puts gradients into w.grad" in said(computed)
    assert "no leaf" not in said(explain(LEAF, "w"))


def test_detach_clone_and_data_differ_in_memory_counter_and_graph() -> None:
    found = ask("compare detach clone data")
    assert isinstance(found, Comparison)
    cells = {row.question.strip(): row.cells for row in found.rows}
    assert cells["shares storage with y"] == ("yes", "no", "yes")
    assert cells["shares its version counter"] == ("yes", "no", "no")
    assert [cell.partition(" ")[0] for cell in cells["then y.sum().backward() is"]] == [
        "RAISES",
        "correct",
        "WRONG",
    ]


def test_view_needs_strides_that_reshape_replaces_by_a_copy() -> None:
    text = "t = torch.arange(6).view(2, 3).t()\n"
    refused = why(text + "t.view(6)")
    assert any("stride[0] is size[1] * stride[1]: 1 is not 2 * 3 = 6" in note for note in refused.notes)
    assert "t.reshape(6)" in ways(refused)
    assert explain(text, "t.reshape(6)").verdict.startswith("gives a new tensor with 48 B of its own")
    assert explain(text, "t.t().reshape(3, 2)").verdict.startswith("gives a view")


def test_contiguous_gives_the_tensor_itself_or_a_copy() -> None:
    text = "x = torch.zeros(2, 3)\n"
    itself = explain(text, "x.contiguous()").verdict
    assert itself.startswith("gives x itself")
    assert "a write to it is a write to x" in itself
    assert explain(text + "t = x.t()", "t.contiguous()").verdict.startswith("gives a new tensor")


def test_a_second_backward_needs_what_the_first_freed() -> None:
    found = why(LEAF + "loss = (w * w).sum()\nloss.backward()\nloss.backward()")
    assert found.title.startswith("line 4 needs what line 3 freed")
    assert ways(found)["loss.backward(retain_graph=True)"] == "[4., 8.]"


def test_does_not_require_grad_names_the_tensor_that_was_made_without() -> None:
    found = why("a = torch.ones(2)\n(a * 2).sum().backward()")
    assert [event.line for event in found.events if event.culprit] == [1]
    assert ways(found)["a = torch.ones(2, requires_grad=True)"] == "[2., 2.]"


def test_a_leaf_that_is_used_in_place_is_written_under_no_grad() -> None:
    found = why(LEAF + "w += 1")
    assert "leaf that requires grad (line 1)" in found.title
    first = found.ways[0]
    assert first.edits[0].after == "with torch.no_grad():\n    w += 1"
    assert first.measured == "w = [2., 3.]"


def test_numpy_of_a_tensor_that_requires_grad_wants_detach() -> None:
    found = why(LEAF + "w += 1\nw.numpy()")
    assert "w requires grad" in found.title
    assert found.events[0].line == 1  # where w was made, not where += failed
    assert "w.detach().numpy()" in ways(found)


def test_a_legacy_constructor_reads_numbers_as_sizes() -> None:
    found = explain("", "torch.Tensor(3)")
    assert found.verdict.startswith("reads 3 as a size, not a value")
    assert "uninitialised" in found.verdict
    assert ("torch.tensor(3.)", "float32 (): 3.") in found.sections[-1].rows
    assert explain("", "torch.Tensor([3])").verdict.startswith("reads [3] as values, all of them as float32")


def test_expand_shares_memory_and_repeat_copies() -> None:
    text = "x = torch.zeros(2, 1)\n"
    expanded = explain(text + "e = x.expand(2, 3)", "e")
    assert ("slot 0 of s1", "[0,0] [0,1] [0,2]") in next(
        each.rows for each in expanded.sections if "one place" in each.title
    )
    assert explain(text, "x.repeat(1, 3)").verdict.startswith("gives a new tensor with 24 B")


@pytest.mark.parametrize(
    ("index", "copies"),
    [("0", False), ("1:", False), ("..., None", False), ("[0, 1]", True), ("x > 0", True)],
)
def test_an_index_is_a_view_or_a_copy(index: str, copies: bool) -> None:
    verdict = explain("x = torch.arange(4.)", f"x[{index}]").verdict
    assert verdict.startswith("gives a new tensor" if copies else "gives a view")


@pytest.mark.parametrize(
    ("item", "of_tensor"), [("x[0]", True), ("l[0]", False), ("d['x']", False), ("l[0][1]", True)]
)
def test_an_item_of_a_list_or_a_dict_is_no_index_of_a_tensor(item: str, of_tensor: bool) -> None:
    found = explain("x = torch.ones(3)\nl = [x]\nd = {'x': x}", item)
    assert ("the index" in [each.title for each in found.sections]) == of_tensor
    assert any("basic" in each for each in found.see_also) == of_tensor


def test_to_gives_the_tensor_itself_where_there_is_nothing_to_do() -> None:
    text = "x = torch.ones(3, requires_grad=True)\n"
    assert explain(text, "x.to('cpu')").verdict.startswith("gives x itself")
    moved = explain(text, "x.to('meta')")
    assert moved.verdict.startswith("gives a new tensor on meta")
    assert "puts gradients into x.grad, and not into its own .grad" in said(moved)


def test_gradients_add_up_until_they_are_dropped() -> None:
    text = LEAF + "for step in range(3): (w * w).sum().backward()\n"
    found = ask(text + "why w.grad")
    assert "the sum of 3 backward passes" in found.title
    cleared = ask(text + "torch.optim.SGD([w], lr=0.1).zero_grad()\nwhy w.grad")
    assert "None because line 3 took it away" in cleared.title


# ---- dtypes


def test_the_operand_that_decided_the_dtype_is_named() -> None:
    found = why("x = torch.tensor([1, 2])\nx += 0.5")
    assert any(note.startswith("0.5 lifts the category to floating") for note in found.notes)
    assert ways(found) == {
        "x = x + 0.5": "x = [1.5000, 2.5000]",
        "x = x.to(torch.float32)": "x = [1.5000, 2.5000]",
    }


def test_wrapped_elements_are_counted_and_a_wider_dtype_is_tried() -> None:
    text = "u = torch.tensor([250, 5], dtype=torch.uint8)\nu += 10"
    found = why(text)
    assert "260 became 4 at [0], 1 of 2 elements" in found.title
    assert ways(found)["u = u.to(torch.int16) + 10"] == "u = [260, 15]"
    assert "260 became 4" in said(explain(text.replace("u += 10", ""), "u + 10"))


# ---- copies and memory


def test_a_slice_carries_its_whole_storage() -> None:
    text = "s = torch.zeros(1000)[:2]\n"
    found = ask(text + "inspect s")
    assert isinstance(found, Inspection)
    carried = next(line for line in found.lines if line.label == "carries")
    assert [field.value for field in carried.fields] == [8, 4000]
    assert "of 8 B in a storage of its own of 4000 B" in explain(text, "copy.deepcopy(s)").verdict
    assert explain(text, "s.clone()").verdict.startswith("gives a new tensor with 8 B of its own")


def test_deepcopy_names_what_is_computed_inside_a_container() -> None:
    found = why(LEAF + "y = w * 3\nstate = {'w': w, 'cache': [y]}\ncopy.deepcopy(state)")
    assert found.title.startswith("state['cache'][0] (MulBackward0, line 2) is computed")
    assert "state['cache'][0] = state['cache'][0].detach()" in ways(found)


def test_deepcopy_keeps_the_sharing_within_and_not_with_the_original() -> None:
    text = "b = torch.zeros(4)\npair = copy.deepcopy((b, b[1:]))\n"
    within, outside = ask(text + "alias pair[0] pair[1]"), ask(text + "alias pair[1] b")
    assert isinstance(within, AliasReport)
    assert (within.same_storage, within.overlapping_bytes) == (True, 12)
    assert not outside.same_storage


def test_resize_moves_one_handle_and_leaves_the_others() -> None:
    found = ask("x = torch.arange(6.)\nv = x[:]\nx.resize_(2)\nstorages")
    assert isinstance(found, StorageMap)
    assert [view.facts.shape for view in found.storages[0].views] == [(2,), (6,)]
    steps = list(Session().run("x = torch.arange(6.)\nv = x[:]\nx.resize_(2)"))
    assert [(write.elements, write.seen_by) for write in steps[-1].writes] == [(0, ())]


def test_set_gives_one_storage_two_counters() -> None:
    found = ask("p = torch.zeros(3)\nq = torch.ones(3)\np.set_(q)\nalias p q")
    assert (found.same_storage, found.same_counter) == (True, False)


def test_a_storage_that_numpy_owns_cannot_grow() -> None:
    text = "n = np.zeros(3)\nt = torch.from_numpy(n)\n"
    assert "shared with the numpy array n" in why(text + "t.resize_(5)").title
    assert "shared with the numpy array n" in explain(text, "t.resize_(5)").verdict


# ---- writes into an index


@pytest.mark.parametrize(
    "statement", ["x[m][0] = 5", "x[m][0] += 1", "x[m].add_(1)", "x[[0, 1]][:] = 7", "x[m][0:1].zero_()"]
)
def test_a_lost_write_is_told_and_can_be_put_back(statement: str) -> None:
    found = why(f"x = torch.arange(1., 5.)\nm = x > 2\n{statement}")
    assert "x is as it was" in found.title
    assert found.code == "TSC-H003"
    assert found.ways, statement
    assert found.ways[0].measured != "x = [1., 2., 3., 4.]"


def test_an_index_that_stands_twice_is_written_once() -> None:
    found = why("x = torch.zeros(3)\nx[[0, 0, 1]] += 1")
    assert "reads 3 elements into a copy" in found.title
    assert "[2., 1., 0.]" in found.ways[0].measured


def test_a_buffer_that_a_recorded_value_is_written_into_is_no_leaf_any_more() -> None:
    text = "t = torch.ones(2, requires_grad=True)\nbuf = torch.zeros(3)\n"
    found = said(explain(text, "buf[1:] = t"))
    assert "buf is no longer a leaf: its grad_fn is CopySlices" in found
    assert "a gradient reaches t through buf[1:]" in found
    assert "line 3 wrote into it what does" in ask(text + "buf[1:] = t\nwhy buf").title


def test_what_is_read_and_written_is_told_by_element() -> None:
    refused = why("a = torch.arange(5)\na[1:] = a[:-1]")
    assert "reads elements 0..3" in refused.title
    assert "writes elements 1..4" in refused.title
    assert "3 elements (1..3) are both" in refused.title


def test_an_overlap_that_pytorch_does_not_see_shows_the_right_result_beside() -> None:
    text = "a = torch.arange(6).reshape(2, 3)\na[:, 1:] = a[:, :-1]"
    found = why(text)
    assert "[[0, 0, 0], [3, 3, 3]]" in found.events[-1].text
    assert ways(found)["a[:, 1:] = a[:, :-1].clone()"] == "a = [[0, 0, 1], [3, 3, 4]]"
    report = ask(text + "\ncheck")
    assert isinstance(report, HazardReport)
    assert "elements 1, 4 of a" in report.rows[0].text


# ---- printing


@pytest.mark.parametrize(
    ("value", "what", "why"),
    [
        ("torch.tensor([10000., 1.])", "scientific (1.0000e+00)", "max / min = 10000 / 1 = 10000 > 1000"),
        ("torch.tensor([1.5e8, 1e8])", "scientific (1.0000e+00)", "the largest is 1.5e+08 > 1e8"),
        ("torch.tensor([1e-5])", "scientific (1.0000e+00)", "the smallest that is not zero is 1e-05 < 1e-4"),
        ("torch.arange(1001)", "... is shown", "1001 elements > 1000"),
        ("torch.ones(1)", "dtype is not shown", "float32 is the default dtype"),
        ("torch.ones(1).double()", "dtype=torch.float64 is shown", "it is not the default (float32)"),
        ("torch.tensor([True])", "dtype is not shown", "True and False mean bool"),
    ],
)
def test_why_a_tensor_prints_as_it_does(value: str, what: str, why: str) -> None:
    rows = dict(explain(f"x = {value}", "x").sections[-1].rows)
    assert why in rows[what]
    assert f"{what}: " in explain("", f"print({value})").verdict
