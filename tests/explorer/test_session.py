"""Sessions: steps, prints, warnings, failures, seeds, limits."""

import pytest

from tensorcli.explorer.results import Exit
from tensorcli.explorer.session import Session


def test_steps_come_one_by_one(run):
    session = Session()
    steps = session.run("a = 1\nb = a + 1\nc = undefined")
    assert next(steps).source == "a = 1"
    assert session.names["a"] == 1
    assert "b" not in session.names


def test_a_bare_expression_has_a_value(last):
    step = last("torch.ones(2) * 3")
    assert (step.value.text, step.value.type) == ("tensor([3., 3.])", "Tensor")


def test_a_quiet_session_shows_no_value(last):
    assert last("torch.ones(2)", quiet=True).value is None


def test_the_value_of_a_list_reads_tensors_without_effect(last):
    step = last("x = torch.ones(2)\n[x, (x,), {'a': x}]")
    assert step.value.text == "[tensor([1., 1.]), (tensor([1., 1.]),), {'a': tensor([1., 1.])}]"


def test_prints_are_the_steps(last):
    assert last("for i in range(2): print(i)").output == "0\n1\n"


def test_prints_can_be_heard_at_once():
    heard = []
    steps = list(Session(write=heard.append).run("print('a', 1)"))
    assert "".join(heard) == "a 1\n"
    assert steps[0].output == ""


def test_both_forms_mean_the_same(run):
    command = run("t1 = ones 3 requires_grad=true\nt2 = detach t1\ny = sum t1 dim=0")
    python = run("t1 = torch.ones(3, requires_grad=True)\nt2 = t1.detach()\ny = t1.sum(dim=0)")
    assert [each.changes for each in command] == [each.changes for each in python]


def test_bare_names_are_torchs_in_tsc_only(run):
    assert run("ones(2)")[0].ok
    assert run("ones(2)", form="py")[0].error.type == "NameError"


def test_a_text_is_checked_whole_first(run):
    (step,) = run("x = torch.ones(2)\nclass A: pass")
    assert (step.index, step.error.kind, step.error.spans[0].line) == (0, "language", 2)
    (step,) = run("x = torch.ones(2)\ny = x.exp(")
    assert step.error.kind == "language"


def test_an_error_has_pytorchs_words_and_its_place(run):
    step = run("a = torch.ones(3)\np = a + torch.ones(2)")[-1]
    error = step.error
    assert (error.kind, error.type) == ("statement", "RuntimeError")
    assert (
        error.message
        == "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0"
    )
    assert (error.spans[0].line, error.spans[0].column, error.name) == (2, 4, "demo.tsc")
    assert error.lines == ("p = a + torch.ones(2)",)
    assert error.statement.line == 2


def test_an_error_in_a_function_names_the_calls(run):
    error = run("def f(x):\n    return x.exp(1, 2, 3)\nf(torch.ones(2))")[-1].error
    assert [span.line for span in error.spans] == [2, 3]


def test_a_run_stops_at_its_first_failure(run):
    assert len(run("a = b\nc = 1")) == 1
    assert len(run("a = b\nc = 1", keep_going=True)) == 2


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("torch.compile(torch.sin)", "nothing is compiled here"),
        ("import torch.jit", "nothing is compiled here"),
        ("from torch import hub", "a script does not reach the network"),
        ("from torch.utils.tensorboard import SummaryWriter", "nothing is measured here"),
        ("torch.onnx.export(1, 2)", "nothing is exported here: a script does not reach the file system"),
    ],
)
def test_what_of_pytorch_a_script_does_not_have_is_said_with_what_to_do_instead(run, text, advice):
    (hint, *_) = run(text)[-1].error.hints
    assert hint.startswith(advice)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("y = torch.ones(2)\ny.detatch()", "did you mean detach or detach_?"),
        ("torch.oness(2)", "did you mean ones"),
        ("number = 1\nnumbr", "did you mean number?"),
        ("torch.ones(2, requires_grad=true)", "did you mean True?"),
        ("sum(torch.ones(2), dim=0)", "sum is Python's; write  torch.sum(torch.ones(2), dim=0)"),
        ("open('a')", "open is not part of the language"),
    ],
)
def test_misspelt_names_get_a_suggestion(run, text, hint):
    hints = run(text)[-1].error.hints
    assert hints[0].startswith(hint)


def test_assert_and_raise_differ(run):
    assert run("assert 1 == 2, 'no'")[-1].error.kind == "expectation"
    assert run("raise AssertionError('no')")[-1].error.kind == "statement"


def test_a_missing_device_is_told_apart(run):
    assert run("torch.ones(2, device='cuda')")[-1].error.kind == "unavailable"


def test_warnings_have_the_line_and_come_once(run):
    text = "x = torch.ones(1, requires_grad=True) * 2\nfor i in range(3):\n    x.grad\nx.grad"
    steps = run(text)
    (warning,) = steps[1].warnings
    assert (warning.category, warning.span.line, warning.name) == ("UserWarning", 3, "demo.tsc")
    assert warning.message.startswith(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."
    )
    assert len(steps[2].warnings) == 1  # another line


def test_the_engine_divides_by_zero_in_silence_and_numpy_does_not(run):
    assert run("torch.ones(1) / 0")[0].warnings == ()
    (warning,) = run("np.ones(1) / 0")[0].warnings
    assert warning.category == "RuntimeWarning"


def test_seeds_make_a_session_repeatable(run):
    text = "torch.rand(3)\nnp.random.rand(2)"
    first, second = run(text), run(text)
    assert [each.value.text for each in first] == [each.value.text for each in second]
    assert first[0].value.text == "tensor([0.4963, 0.7682, 0.0885])"  # torch.manual_seed(0); torch.rand(3)
    assert first[1].value.text == "array([0.5488135 , 0.71518937])"  # np.random.seed(0)
    assert run(text, seed=1)[0].value.text == "tensor([0.7576, 0.2793, 0.4031])"


def test_ids_and_addresses_are_the_sessions_own(run):
    text = "x = torch.ones(4)\nprint(id(x), x.data_ptr(), x[1:].data_ptr() - x.data_ptr(), torch.ones(0).data_ptr())"
    first, second = run(text)[-1].output, run(text)[-1].output
    assert first == second
    assert first.split()[2:] == ["4", "0"]
    assert run("print(id('a') == id('a'))")[-1].output == "True\n"


def test_tables_show_the_addresses_of_objects_that_are_known_to_be_there():
    session = Session()
    list(session.run("f = lambda: 0\nprint(f)\nout, g = torch.func.vjp(torch.sin, torch.ones(2))\nprint(g)"))
    shown = [session.short_text(session.names[name]) for name in ("f", "g")]
    assert shown == [
        "<function <lambda> at 0x7f0000000000>",
        "<function _vjp_with_argnums.<locals>.wrapper>",  # any other may lie there once this one is gone
    ]


def test_sessions_do_not_share_modes(run):
    run("torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)")
    step = run("x = torch.ones(2, requires_grad=True)\n(x * 2).requires_grad, x.dtype")[-1]
    assert step.value.text == "(True, torch.float32)"


def test_a_tensor_beyond_the_limit_is_refused_and_nothing_stays():
    session = Session(max_bytes=10_000)
    steps = list(
        session.run("x = torch.ones(2)\nx.add_(1); y = torch.zeros(10000)\nprint(x)", keep_going=True)
    )
    assert (steps[2].error.kind, steps[2].error.type) == ("limit", "MemoryError")
    assert steps[3].output == "tensor([2., 2.])\n"
    assert "y" not in session.names


def test_an_interrupted_statement_is_taken_back():
    session = Session()
    list(session.run("x = torch.ones(2)"))

    def interrupt(text):
        raise KeyboardInterrupt

    session.hearing.live = interrupt
    (step,) = session.run("for i in range(3):\n    x.add_(1)\n    print(i)")
    session.hearing.live = None
    assert step.error.kind == "interrupted"
    (step,) = session.run("print(x, x._version)")
    assert step.output == "tensor([1., 1.]) 0\n"


def test_exit_ends_the_run_with_its_status(run):
    steps = run("x = 1\nif x:\n    exit 3\ny = 2")
    assert steps[-1].result == Exit(3)
    assert len(steps) == 2


def test_values_of_a_failed_statement_are_let_go(run):
    session = Session()
    list(session.run("def f(a):\n    big = a * 2\n    raise ValueError('no')\nx = torch.ones(2)\nf(x)"))
    allocation = [each for each in session.allocations.known.values() if each.number]
    assert [each.id for each in allocation] == ["s1"]


def test_reset_forgets_everything():
    session = Session()
    steps = list(session.run("x = torch.ones(2)\nwatch x\nreset\ny = torch.ones(2)"))
    assert list(session.names) == ["y"]
    assert [step.watched for step in steps] == [(), (), (), ()]
    assert session.allocations.count == 1


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tensor([1])", "write torch.tensor"),
        ("nn.Linear(1, 1)", "import torch.nn as nn"),
        ("Linear(1, 1)", "from torch.nn import Linear"),
        ("Variable(1)", "from torch.autograd import Variable"),
        ("DataLoader([1])", "from torch.utils.data import DataLoader"),
        ("defaultdict(list)", "from collections import defaultdict"),
        ("time.time()", "import time"),
        ("zeroes(3)", "did you mean torch.zeros?"),
        ("values = 1\nvalue", "did you mean values?"),
        ("print 'a', 3", "write print('a', 3)"),
        (
            "torch.ones(2).to_sparse()",
            "all tensors are strided here; where PyTorch is, run --quiet --engine pytorch has it",
        ),
        (
            "torch.zeros(2, layout=torch.sparse_coo)",
            "where PyTorch is, run --quiet --engine pytorch has it",
        ),
        (
            "w = torch.ones(2, 2, requires_grad=True)\nw.gather(0, torch.tensor([[0]]), sparse_grad=True).sum().backward()",
            "write sparse=False (of gather: sparse_grad=False); where PyTorch is, run --quiet --engine pytorch has it",
        ),
        ("torch.compiler", "PyTorch has it, but scripts here do not"),
        ("import torch.masked", "PyTorch has it, but scripts here do not"),
        ("from torch.overrides import TorchFunctionMode", "PyTorch has it, but scripts here do not"),
        (
            "from torch.optim import SparseAdam",
            "all tensors are strided here; where PyTorch is, run --quiet --engine pytorch has it",
        ),
        ("torch.ones(2).mtia()", "PyTorch has it, but scripts here do not"),
        ("torch.nn.Linear(1, 1).compile()", "PyTorch has it, but scripts here do not"),
    ],
)
def test_a_plain_script_is_told_where_a_name_is(text: str, hint: str) -> None:
    *_, last = Session().run(text, "program.py", "py")
    assert last.error is not None
    assert last.error.hints[0] == hint


@pytest.mark.parametrize("text", ["os.getcwd()", "plt.plot()", "pd.read()"])
def test_a_name_that_nobody_has_is_not_taken_for_another(text: str) -> None:
    *_, last = Session().run(text, "program.py", "py")
    assert last.error is not None
    assert not any("did you mean" in each for each in last.error.hints)
