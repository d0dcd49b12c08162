"""`why` tells the truth, and every way out that it shows leads out: each is run again here, one by one."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer.journal import Record
from tensorcli.explorer.results import Fixed, Notice, Travelled, Why
from tensorcli.explorer.session import Session
from tensorcli.render.prompts import PROMPT
from tests.explorer.desk import SCENE, run
from tests.test_cases import program_of

CASES = [
    path
    for path in sorted((Path(__file__).parents[1] / "cases").glob("**/*.case"))
    if f"{PROMPT}why" in path.read_text("utf-8") and not path.read_text("utf-8").startswith("#$")
]
"""Every case in which why is asked."""


def asked(path: Path) -> Iterator[tuple[list[Record], Any, Why]]:
    """The journal up to each `why` of a case, what it proposed, and its answer."""
    session = Session()
    text = program_of(path.read_text("utf-8"))
    for statement in session.read(text).statements:
        step = session.execute(statement, text, "demo.tsc")
        if isinstance(step.result, Why):
            yield list(session.journal), session.proposed, step.result


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_way_out_of_the_cases_leads_out_and_gives_what_it_says(path: Path) -> None:
    session = Session()
    for journal, proposed, answer in list(asked(path)):
        expected = any(note.startswith("not yet run") for note in answer.notes)
        failed = [record for record in journal if record.outcome]
        for way in answer.ways:
            if way.number is None:
                continue
            session.replay(journal)
            session.proposed = proposed
            (step,) = session.run(f"fix {way.number}", "demo.tsc")
            assert step.error is None
            assert isinstance(step.result, Fixed)
            assert step.result.edits == way.edits
            left = [record for record in session.journal if record.outcome]
            if answer.error and not expected:
                assert len(left) < len(failed)
            if answer.measure.endswith(".grad") and not expected:
                named, _, measured = way.measured.rpartition(".grad = ")
                measured_of = named or answer.measure.removesuffix(".grad")
                value = session.value_of(ast.parse(measured_of, mode="eval").body)
                grad = session.engine.grad(value)
                assert (session.engine.text(grad) if grad is not None else "None") == measured


def test_the_answer_names_who_saved_and_who_wrote() -> None:
    _, steps = run(SCENE + "loss.backward()\nwhy")
    found = steps[-1].result
    assert isinstance(found, Why)
    assert found.code == "TSC-E031"
    assert [(event.line, event.role) for event in found.events] == [
        (2, "saved"),
        (3, "shared"),
        (4, "saved"),
        (5, "wrote"),
        (6, "raised"),
    ]
    assert [event.culprit for event in found.events].index(True) == 3
    assert found.timeline is not None
    assert found.timeline.storage == "s2"


def test_a_wrong_way_is_shown_as_wrong() -> None:
    _, steps = run(SCENE + "loss.backward()\nwhy")
    found = steps[-1].result
    assert isinstance(found, Why)
    verdicts = {way.text: way.verdict for way in found.ways}
    assert verdicts["line 3:  d = y.data"] == "wrong"
    assert set(verdicts.values()) == {"ok", "wrong"}


def test_why_changes_nothing() -> None:
    rest = "r = torch.rand(2)\nprint(r, y._version, id(y), torch.is_grad_enabled())\ninspect y"
    plain = list(run(SCENE + rest)[1])[-2:]
    looked = list(run(SCENE + "why\nwhy w.grad\nblame y\ndry y.sum()\n" + rest)[1])[-2:]
    assert [step.output for step in plain] == [step.output for step in looked]
    assert plain[-1].result == looked[-1].result


def test_a_fix_is_refused_where_the_session_went_another_way() -> None:
    session, _ = run(SCENE + "loss.backward()\nwhy\nundo 2")
    (step,) = session.run("fix 1")
    assert step.error is not None
    assert step.error.type == "ValueError"


def test_undo_takes_a_fix_back_where_nothing_was_done_since() -> None:
    session, _ = run(SCENE + "loss.backward()\nwhy")
    before = [record.statement.source for record in session.journal]
    steps = list(session.run("fix 1\nw.grad\nz = 3\nundo\nhistory\nundo"))
    assert [each.error for each in steps if each.error] == []
    assert isinstance(steps[3].result, Travelled)
    assert steps[3].result.text.endswith("z = 3")
    assert isinstance(steps[-1].result, Travelled)
    assert steps[-1].result.text == "took back the fix"
    assert [record.statement.source for record in session.journal] == before
    assert session.journal[-2].outcome == "RuntimeError"


def test_redo_does_a_fix_again_that_was_taken_back() -> None:
    session, _ = run(SCENE + "loss.backward()\nwhy")
    steps = list(session.run("fix 1\nundo\nredo\nundo\nx = 1\nredo"))
    told = [each.result.text for each in steps if isinstance(each.result, Travelled | Notice)]
    assert told == ["took back the fix", "did the fix again", "took back the fix", "there is nothing to redo"]
    grads = [
        list(run(SCENE + f"loss.backward()\nwhy\nfix 1\n{more}w.grad")[1])[-1].value
        for more in ("", "undo\nredo\n")
    ]
    assert grads[0] is not None
    assert grads[0] == grads[1]


def why(text: str) -> Why:
    """The answer to the last statement of a text, which asks why."""
    _, steps = run(text)
    assert isinstance(steps[-1].result, Why)
    return steps[-1].result


HIDDEN = "w = torch.tensor([1., 2.], requires_grad=True)\ny = w.exp()\ny.data.mul_(10)\n"
FAILING = "x = torch.ones(2)\nx.sum().backward()\n"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (FAILING + "why", "x.sum() does not require grad"),
        (FAILING + HIDDEN + "why", "w.grad would be wrong: [27.1828, 73.8906] instead of [2.7183, 7.3891]"),
        (HIDDEN + FAILING + "why", "x.sum() does not require grad"),
        (HIDDEN + "y.sum().backward()\nwhy", "w.grad is wrong: [27.1828, 73.8906] instead of"),
        (FAILING + "x.grad\nwhy", "x.sum() does not require grad"),
        (FAILING + "z = torch.ones(1)\nz.grad\nwhy", "z.grad is None because z does not require grad"),
        ("x = torch.ones(2)\nx.sum / 2\nwhy", "x.sum is a method here, which was not called"),
        (FAILING + "fix 1\ngoto 99\ntour nothing\nwhy", "x.sum() does not require grad"),
        (FAILING + "why?", "x.sum() does not require grad"),
        (FAILING + "expect x is None\nwhy", "line 3 raised ExpectationFailed"),
    ],
)
def test_why_is_about_what_happened_last(text: str, title: str) -> None:
    assert why(text).title.startswith(title)


def test_a_statement_within_a_loop_or_a_function_is_told_by_its_own_line() -> None:
    loop = "w = torch.ones(2, requires_grad=True)\nfor i in range(2):\n    y = w.exp()\n    y += 1\n"
    events = why(loop + "y.sum().backward()\nwhy").events
    assert [(event.line, event.source) for event in events][-2:] == [(4, "y += 1"), (5, "y.sum().backward()")]
    function = (
        "def f(t):\n    t.mul_(2)\nx = torch.ones(2, 2, requires_grad=True) * 1\na, b = x.unbind()\nf(b)\nwhy"
    )
    answer = why(function)
    assert answer.title.startswith("t is output 1 of 2 of unbind (line 4)")
    assert (answer.events[-1].line, answer.events[-1].source) == (2, "t.mul_(2)")


def test_a_local_name_is_not_taken_for_the_session_s() -> None:
    text = "def f(t):\n    t.mul_(2)\nt = torch.ones(7)\nx = torch.ones(2, requires_grad=True)\nf(x)\nwhy"
    assert [event.line for event in why(text).events] == [4, 2]


def test_a_gradient_says_which_passes_made_it() -> None:
    text = "w = torch.ones(1, requires_grad=True)\n(w * 2).sum().backward()\n(w * 3).sum().backward()\nwhy w.grad"
    answer = why(text)
    assert answer.title == "w.grad is [5.]: the sum of 2 backward passes (lines 2, 3)."
    assert [event.text for event in answer.events] == ["made it: [2.]", "added [3.] to [2.]"]


def test_the_right_gradient_of_a_hidden_write_holds_for_its_own_pass() -> None:
    other = "v = torch.ones(1, requires_grad=True)\nz = v.exp()\nz.data.zero_()\nz.sum().backward()\n"
    answer = why(other + HIDDEN + "y.sum().backward()\nwhy w.grad")
    assert {way.verdict for way in answer.ways} == {"ok"}


def answer_of(text: str, **options: Any) -> Why:
    _, steps = run(f"{text}\nwhy", **options)
    assert isinstance(steps[-1].result, Why)
    return steps[-1].result


def test_a_way_out_whose_loop_has_no_end_is_given_up() -> None:
    found = answer_of("x = torch.ones(2)\nwhile True:\n    x.summ()")
    assert found.title == "x has no attribute summ; it has sum."
    assert found.ways == ()


def test_what_is_tried_within_an_expression_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorcli.explorer.why.case.LOOKING", 0.2)
    once = "l = []\ndef f(x):\n    l.append(x)\n    while len(l) > 1:\n        pass\n    return x"
    assert answer_of(f"{once}\ntorch.cat(f(torch.ones(2)), torch.ones(2))").code == "TSC-E081"


@pytest.mark.parametrize(
    "call",
    ["torch.full((2,), w)", "torch.nn.functional.dropout(torch.ones(3), w)", "torch.zeros(2).clamp('a', w)"],
)
def test_no_way_out_leaves_the_graph_in_silence(call: str) -> None:
    found = answer_of(f"w = torch.ones(1, requires_grad=True)\nx = {call}")
    assert not any(part in way.text for way in found.ways for part in (".item()", ".tolist()", ".numpy()"))


def test_a_keyword_that_is_nearly_right_is_not_left_out() -> None:
    found = answer_of("x = torch.ones(3)\ntorch.sum(x, axs=0, keepdims=True)")
    assert not any("without" in way.note for way in found.ways)


def test_keywords_in_a_dict_are_not_held_against_a_signature() -> None:
    found = answer_of("kw = {'dims': 0}\ntorch.ones(3).sum(**kw)")
    assert found.title == "The arguments of the call are not those of the function."


def test_a_dimension_that_was_given_is_not_given_again() -> None:
    found = answer_of("x = torch.ones(2, 3)\nx.transpose(0)")
    assert [way.text for way in found.ways] == ["line 2:  x.transpose(0, dim1=1)"]


def test_a_slip_in_a_chain_over_several_lines_is_found() -> None:
    found = answer_of("(torch.ones(3)\n    .exp()\n    .summ())")
    assert found.title == "torch.ones(3).exp() has no attribute summ; it has sum."
    assert [(way.text, way.note) for way in found.ways] == [("line 3:  .sum())", "sum instead of summ")]


def test_what_has_no_parts_is_not_told_of_as_a_tensor() -> None:
    assert answer_of("a, b = 5").title == "5 is an int: it has no parts for the 2 names on the left."


def test_nothing_is_tried_that_is_much_larger_than_what_is_there() -> None:
    found = answer_of("a = torch.ones(50000)\nb = torch.ones(49999)\na + b")
    assert found.code == "TSC-E014"
    assert found.ways == ()


def test_several_misspelled_keywords_are_put_right_at_once() -> None:
    w = "w = torch.ones(3, requires_grad=True)"
    found = answer_of(f"{w}\ntorch.optim.SGD([w], lr=0.1, momentums=0.9, weight_decays=0.1)")
    assert [way.note for way in found.ways] == [
        "momentum instead of momentums, weight_decay instead of weight_decays"
    ]


@pytest.mark.parametrize(
    ("index", "title"),
    [
        (":, :, [0, 7]", "Dimension 2 has 4 positions"),
        ("..., [7]", "Dimension 2 has 4 positions"),
        ("0, :, [4]", "Dimension 2 has 4 positions"),
        ("torch.tensor([True, False]), None, [7]", "Dimension 1 has 3 positions"),
        (":, 5, [1]", "Dimension 1 has 3 positions"),
        ("torch.eye(2, 3).bool(), [9]", "Dimension 2 has 4 positions"),
    ],
)
def test_the_dimension_of_an_index_tensor_is_told_and_not_its_place_among_them(
    index: str, title: str
) -> None:
    assert answer_of(f"x = torch.arange(24).reshape(2, 3, 4)\nx[{index}]").title.startswith(title)


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("torch.tensor([1.], require_grad=True)", "torch.tensor([1.], requires_grad=True)"),
        ("torch.tensor([1.], torch.float64)", "torch.tensor([1.], dtype=torch.float64)"),
        ("torch.ones(2, torch.float64)", "torch.ones(2, dtype=torch.float64)"),
        ("torch.Tensor([1], requires_grad=True)", "torch.Tensor([1]).requires_grad_()"),
        ("for p in torch.nn.ReLU().parameters: p", "for p in torch.nn.ReLU().parameters(): p"),
        ("[i for i in torch.ones(2).numel]", "[i for i in range(torch.ones(2).numel())]"),
        ("for i in 2: i", "for i in range(2): i"),
        ("d = {'a': 1}; d.a", "d['a']"),
        ("max(1, true)", "max(1, True)"),
    ],
)
def test_slips_of_the_pen_are_put_right(text: str, way: str) -> None:
    texts = [each.text for each in answer_of(text).ways]
    assert texts[:1] == [f"line 1:  {way}"]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("nn.ReLU()", "before line 1:  import torch.nn as nn"),
        ("F.relu(torch.ones(1))", "before line 1:  import torch.nn.functional as F"),
        ("tensor([1])", "line 1:  torch.tensor([1])"),
    ],
)
def test_a_name_that_was_not_imported_is_imported_where_a_script_is_plain(text: str, way: str) -> None:
    session = Session()
    steps = [*session.run(text, "program.py", "py"), *session.run("why")]
    assert isinstance(steps[-1].result, Why)
    assert [each.text for each in steps[-1].result.ways] == [way]


def test_a_way_around_a_hazard_whose_loop_has_no_end_is_given_up() -> None:
    found = why("x = torch.zeros(2)\nwhile x[0] != 1:\n    x[[0, 0]] += 1\nwhy")
    assert found.code == "TSC-H006"
    assert found.ways == ()


def test_a_write_that_is_saved_is_not_led_into_a_copy() -> None:
    text = "x = torch.ones(4, requires_grad=True)\ny = x * 2\ny[:2].exp_()\ny.add_(1)\ny.sum().backward()"
    found = answer_of(text)
    assert found.code == "TSC-E031"
    assert [way.note for way in found.ways] == ["no in-place write", "write into a copy"]


def test_a_failed_pass_is_named_at_the_prompt_by_the_number_of_its_entry() -> None:
    session = Session()
    entries = [
        "w = torch.ones(2, requires_grad=True)",
        "y = w.exp()",
        "y.mul_(2)",
        "y.sum().backward()",
        "why w.grad",
    ]
    answer = [step for entry in entries for step in session.run(entry, keep_going=True)][-1].result
    assert isinstance(answer, Why)
    assert answer.title.startswith("w.grad is None because the backward pass at line 4 failed. line 3 wrote")


def test_numpys_function_that_asks_the_tensor_is_told_as_that() -> None:
    found = why("x = torch.ones(2)\nnp.mean(x)\nwhy")
    assert found.title == "np.mean() asks the tensor for its own mean(), which takes other arguments."


def test_what_a_loop_writes_is_shown_and_not_its_counter() -> None:
    found = why("x = torch.zeros(2, requires_grad=True)\nfor i in range(2):\n    x[i] = i\nwhy")
    assert [way.measured for way in found.ways] == ["x = [0., 1.]", "x = [0., 1.]"]


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("def f(x):\n    return x * 2\ng = torch.compile(f, mode='max-autotune')", "g = f"),
        ("net = torch.compile(nn.Linear(2, 1))", "net = nn.Linear(2, 1)"),
        ("net = torch.compile(model=nn.Linear(2, 1), mode='default')", "net = nn.Linear(2, 1)"),
        ("f = torch.sin\ny = torch.compile(f)(torch.ones(2))", "y = f(torch.ones(2))"),
        ("f = torch.sin\ny = torch.compile(dynamic=True)(f)(torch.ones(2))", "y = f(torch.ones(2))"),
        ("net = nn.Linear(2, 1)\nw = torch.jit.trace(net, torch.ones(1, 2)).weight", "w = net.weight"),
        ("@torch.compile\ndef f(x):\n    return x * 2", ""),
        ("@torch.no_grad()\n@torch.jit.script\ndef f(x):\n    return x * 2", ""),
    ],
)
def test_what_would_be_compiled_runs_as_it_is(text: str, instead: str) -> None:
    found = why(f"from torch import nn\n{text}\nwhy")
    assert found.title.startswith("Nothing is compiled here")
    (way,) = found.ways
    assert [edit.after for edit in way.edits] == [instead]
    assert way.verdict == "runs"


@pytest.mark.parametrize(
    "call", ["torch.jit.load('net.pt')", "torch.jit.save(torch.ones(2), 'x.pt')", "torch.jit.is_scripting()"]
)
def test_what_of_jit_gives_back_nothing_is_not_taken_away(call: str) -> None:
    assert why(f"x = {call}\nwhy").ways == ()


@pytest.mark.parametrize("gradients", ["grad, grad", "(grad, grad)"])
def test_a_missing_gradient_is_put_beside_the_others_in_parentheses_or_not(gradients: str) -> None:
    found = why(
        "def forward(ctx, x, y, k):\n    return x * y * k\n"
        f"def backward(ctx, grad):\n    return {gradients}\n"
        "Times = type('Times', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
        "x = torch.ones(2, requires_grad=True)\nTimes.apply(x, x, 3).sum().backward()\nwhy"
    )
    assert [way.measured for way in found.ways] == ["[2., 2.]"]


@pytest.mark.parametrize(
    ("made", "note"),
    [
        ("x[0]", "it shares its memory with x: a write through one shows in the other."),
        ("x[[0]]", "its memory is its own: a write into it shows in no other tensor."),
    ],
)
def test_why_of_a_tensor_without_gradients_says_whose_memory_it_has(made: str, note: str) -> None:
    session = Session()
    *_, last = session.run(f"x = arange(6).reshape(2, 3)\ny = {made}\nwhy y")
    assert last.result.notes == (note,)
