"""`compare`, `explain` and `tour`: what is said was measured, and the session that asks is untouched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer.comparison import FORMS
from tensorcli.explorer.errors import ERRORS
from tensorcli.explorer.explain import explain
from tensorcli.explorer.explain.concepts import CONCEPTS, OTHER_NAMES
from tensorcli.explorer.hazards.catalogue import HAZARDS
from tensorcli.explorer.results import Comparison, Dry, Explanation, Step, Tour
from tensorcli.explorer.session import Session
from tensorcli.explorer.tours import names

DEMOS = Path(__file__).parent.parent.parent / "demos"


def comparison(text: str, engine: str = "embedded") -> Comparison:
    step = list(Session(engine=engine).run(text))[-1]
    assert step.error is None, step.error
    assert isinstance(step.result, Comparison)
    return step.result


def column(found: Comparison, form: str) -> dict[str, str]:
    at = found.forms.index(form)
    return {row.question.strip(): row.cells[at] for row in found.rows}


# ---- compare


def test_the_row_that_matters_is_measured() -> None:
    found = comparison("compare detach clone data numpy copy_ deepcopy")
    outcomes = {form: column(found, form)["then y.sum().backward() is"] for form in found.forms}
    assert outcomes == {
        "detach": "RAISES [2]",
        "clone": "correct",
        "data": "WRONG",
        "numpy": "WRONG",
        "copy_": "correct",
        "deepcopy": "-",
    }
    assert column(found, "data")["w.grad[0], right is 2.718"] == "27.18"


def test_every_cell_agrees_with_pytorch() -> None:
    pytest.importorskip("torch")
    text = "compare " + " ".join(word for word in FORMS if word not in ("=", "copy"))
    ours, theirs = comparison(text), comparison(text, "pytorch")
    assert ours.forms == theirs.forms
    for mine, real in zip(ours.rows, theirs.rows, strict=True):
        assert dict(zip(ours.forms, mine.cells)) == dict(zip(theirs.forms, real.cells)), mine.question
    assert ours.notes == theirs.notes


def test_a_form_is_a_word_a_method_an_index_or_an_expression() -> None:
    found = comparison("compare squeeze [1:] .to(torch.float64) y*1 add(y)")
    assert found.expressions == ("y.squeeze()", "y[1:]", "y.to(torch.float64)", "y*1", "add(y)")


@pytest.mark.parametrize("word", ["nonsense", "3", "(", "w.exp"])
def test_what_is_no_form_is_refused(run: Callable[..., list[Step]], word: str) -> None:
    step = run(f":compare {word}")[-1]
    assert step.error is not None
    assert step.error.type in ("ValueError", "SyntaxError")


@pytest.mark.parametrize(
    "command", ["compare", "explain torch.rand(3) + r", "tour clone", "explain r.add_(1)"]
)
def test_the_session_that_asks_is_untouched(command: str) -> None:
    scene = "torch.manual_seed(3)\nr = torch.rand(2)\ntorch.set_default_dtype(torch.float64)\n"
    after = "torch.rand(3), torch.get_default_dtype(), torch.ones(1).data_ptr(), r, torch.is_grad_enabled()"
    values = []
    for text in (scene + after, f"{scene}{command}\n{after}"):
        session = Session()
        steps = list(session.run(text))
        assert [step.error for step in steps if step.error] == []
        assert steps[-1].value is not None
        values.append((steps[-1].value.text, sorted(session.names)))
    assert values[0] == values[1]


# ---- explain

TENSORS = """\
a = arange(6.).view(2, 3)
b = a.t()
m = a > 2
x = tensor([1, 2, 3])
w = tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
l = [a, b]
"""


def explanation(what: str, scene: str = TENSORS) -> Explanation:
    step = list(Session().run(f"{scene}explain {what}"))[-1]
    assert step.error is None, step.error
    assert isinstance(step.result, Explanation)
    return step.result


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        ("b.view(6)", "would raise: b is (3, 2) with stride (1, 3)"),
        ("a[m]", "gives a new tensor"),
        ("a[[0]]", "gives a new tensor"),
        ("a[0]", "gives a view"),
        ("a[:, 1:]", "gives a view"),
        ("a[None]", "gives a view"),
        ("a[tensor(1)]", "gives a view"),
        ("a.reshape(6)", "gives a view"),
        ("b.reshape(6)", "gives a new tensor"),
        ("a.contiguous()", "gives a itself"),
        ("b.contiguous()", "gives a new tensor"),
        ("a.to(torch.float32)", "gives a itself"),
        ("a.float()", "gives a itself"),
        ("y.detach()", "gives a tensor on the storage of y (s5) and its version counter, cut from the graph"),
        ("y.data", "gives a tensor on the storage of y (s5), with a version counter of its own"),
        ("a.numpy()", "gives an array over the storage of a"),
        ("a.add_(1)", "writes into a, version 0 to 1, and gives it back; also seen by b"),
        ("a += 1", "writes into a, version 0 to 1"),
        ("a + ones(2)", "would raise RuntimeError"),
        ("a.sum().item()", "gives 15.0, of Python's type float"),
        ("x + 0.5", "gives a new float32 tensor"),
        ("y", "is a tensor of float32, (3,)"),
        ("b", "is a view of float32, (3, 2); a lies in the same storage"),
        ("torch.add(a, 1)", "gives a new tensor"),
        ("a @ b", "gives a new tensor"),
        ("a if True else b", "gives a itself"),
        ("l[0]", "gives a itself"),
        ("l[1].t()", "gives a view: the storage of l[1] (s1)"),
        ("a.split(1)", "gives 2 tensors on the storage of a: nothing is copied"),
        ("a.max(0)", "gives 2 tensors with memory of their own"),
        ("w.sum().backward()", "gives None; `dry w.sum().backward()` says what it changes"),
    ],
)
def test_the_verdict_on_an_expression(what: str, verdict: str) -> None:
    assert explanation(what).verdict.startswith(verdict)


def test_expressions_are_explained_alike_on_pytorch() -> None:
    pytest.importorskip("torch")
    for what in (
        "y.detach()",
        "y.data",
        "a[m]",
        "a[0]",
        "b.reshape(6)",
        "a.add_(1)",
        "a.float()",
        "b.view(6)",
    ):
        found = list(Session(engine="pytorch").run(f"{TENSORS}explain {what}"))[-1].result
        assert isinstance(found, Explanation)
        assert found.verdict == explanation(what).verdict


def test_a_promotion_names_what_decided() -> None:
    section = next(each for each in explanation("x + 0.5").sections if each.title == "promotion")
    assert section.text[0] == "the result is float32"
    assert section.text[1].startswith("0.5 lifts the category to floating")


PROMOTED = (
    "torch.bool torch.uint8 torch.int32 torch.int64 torch.float16 torch.bfloat16 torch.float32 torch.float64 "
    "torch.complex64".split()
)


@pytest.mark.parametrize("left", PROMOTED)
def test_a_reason_is_told_only_where_it_gives_the_dtype_that_pytorch_gives(left: str) -> None:
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, left.removeprefix("torch."))
    for right in PROMOTED:
        other = getattr(torch, right.removeprefix("torch."))
        for scalar in ("", "[0]"):
            scene = f"p = ones(2, dtype={left})\nq = ones(2, dtype={right})\n"
            found = explanation(f"p + q{scalar}", scene)
            q = torch.ones(2, dtype=other)
            wanted = torch.result_type(torch.ones(2, dtype=dtype), q[0] if scalar else q)
            sections = [each for each in found.sections if each.title == "promotion"]
            for section in sections:
                assert section.text[0] == f"the result is {str(wanted).removeprefix('torch.')}"


def test_sizes_that_do_not_meet_are_marked() -> None:
    section = next(each for each in explanation("a + ones(2)").sections if each.title == "broadcasting")
    assert section.rows[-1] == ("together", "2", "2 ≠ 3")


def test_what_would_do_instead_was_tried() -> None:
    section = next(each for each in explanation("b.view(6)").sections if each.title == "instead")
    assert section.rows == (
        ("b.reshape(6)", "copies: writes do not reach b"),
        ("b.contiguous().view(6)", "copies: writes do not reach b"),
    )


@pytest.mark.parametrize(
    ("what", "codes"), [("hazards", list(HAZARDS)), ("errors", [each.code for each in ERRORS])]
)
def test_the_list_of_all_codes_has_each_with_a_sentence(what: str, codes: list[str]) -> None:
    page = explain(Session(), what)
    assert isinstance(page, Explanation)
    (section,) = page.sections
    assert [row[0] for row in section.rows] == sorted(codes)
    assert all(row[2].endswith(".") for row in section.rows)


@pytest.mark.parametrize("name", CONCEPTS)
def test_the_lines_of_a_concept_run(name: str) -> None:
    found = explanation(name, "")
    assert found.what == name
    lines = CONCEPTS[name].lines
    steps = list(Session().run("\n".join(lines) + "\n"))
    assert [step.error for step in steps if step.error] == []
    assert len(steps) >= len(lines)


def test_other_names_lead_to_concepts_and_hide_no_operator() -> None:
    methods = set(Session().engine.method_names())
    assert {OTHER_NAMES[name] for name in OTHER_NAMES} <= set(CONCEPTS)
    assert not {name for name in (*OTHER_NAMES, *CONCEPTS) if name in methods} - {
        "dtype",
        "requires_grad",
        "grad_fn",
        "storage",
        "stride",
        "name",
    }


@pytest.mark.parametrize("code", [*HAZARDS, *(each.code for each in ERRORS)])
def test_every_code_is_explained(code: str) -> None:
    assert explanation(code, "").what == code


def test_an_operator_is_explained_from_its_declaration() -> None:
    found = explanation("view", "")
    assert found.verdict
    assert any(section.title == "schema" for section in found.sections)


@pytest.mark.parametrize("what", ["detatch", "TSC-E999", "a b c", "a +"])
def test_what_nobody_knows_is_said_so(run: Callable[..., list[Step]], what: str) -> None:
    assert run(f"explain {what}")[-1].error is not None


def test_a_statement_that_is_no_expression_is_tried_out(run: Callable[..., list[Step]]) -> None:
    *_, step, after = run("a = torch.zeros(2)\nexplain with torch.no_grad(): a[0] = 5\na[0].item()")
    assert isinstance(step.result, Dry)
    assert [each.kind for each in step.result.step.changes] == ["written"]
    assert after.value is not None
    assert after.value.text == "0.0"


# ---- tours


def test_every_demo_is_a_tour_of_the_package() -> None:
    demos = {path.stem for path in DEMOS.glob("*.tsc")}
    assert set(names()) == demos
    assert names()[0] == "tour"
    folder = DEMOS.parent / "tensorcli" / "demos"
    assert {path.stem: path.read_text("utf-8") for path in folder.glob("*.tsc")} == {
        path.stem: path.read_text("utf-8") for path in DEMOS.glob("*.tsc")
    }


@pytest.mark.parametrize("name", names())
def test_a_tour_runs_to_its_end(name: str) -> None:
    step = list(Session().run(f"tour {name}"))[-1]
    assert step.error is None
    assert isinstance(step.result, Tour)
    assert [each.step.error for each in step.result.steps if each.step.error] == []
    assert any(each.text for each in step.result.steps)


def test_there_is_no_other_tour(last: Any) -> None:
    assert last("tour nowhere", keep_going=True).error is not None


@pytest.mark.parametrize(
    ("word", "title", "called"),
    [
        ("nn.Linear", "nn.Linear", "Linear(in_features, out_features, bias=True, device=None, dtype=None)"),
        ("torch.optim.Adam", "torch.optim.Adam", "Adam(params, lr=0.001, "),
        ("train", "train mode", None),
        ("Module.train", "Module.train", "train(mode=True)"),
        ("vmap", "vmap", "vmap(func, in_dims=0, out_dims=0, randomness='error', *, chunk_size=None)"),
        (
            "checkpoint",
            "checkpoint",
            "checkpoint(function, *args, use_reentrant=None, context_fn=noop_context_fn, ",
        ),
        ("deepcopy", "deep copy", None),
        ("torch.save", "archive", None),
        ("from_numpy", "numpy bridge", None),
    ],
)
def test_words_of_pytorch_have_a_page(word: str, title: str, called: str | None) -> None:
    page = explain(Session(), word)
    assert isinstance(page, Explanation)
    assert page.what == title
    if called is not None:
        (row,) = next(each.rows for each in page.sections if each.title == "called as")
        assert row[0].startswith(called)


def test_explain_of_a_form_that_compare_knows_says_what_was_measured(last):
    page = last("explain data").result
    measured = next(each for each in page.sections if each.title.startswith("measured"))
    rows = dict(measured.rows)
    assert measured.title == "measured: y = w.exp() of a leaf w; r = y.data"
    assert (rows["shares storage with y"], rows["shares its version counter"]) == ("yes", "no")
    assert rows["then y.sum().backward() is"] == "WRONG"
    assert "explain t.data runs it in a fork and says what it would do here" in page.sections[-1].text
