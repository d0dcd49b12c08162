"""Hazards of results: numbers that are not what was meant, values that nobody takes, names that nothing reads."""

import pytest

from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import TRAIN, check

# ---- wrap-around


@pytest.mark.parametrize(
    "expression",
    [
        "u + 10",
        "u - 6",
        "-u",
        "u * 2",
        "10 - u",
        "u ** 2",
        "u.add_(10)",
        "u.to(torch.int8)",
        "torch.tensor([300]).to(torch.uint8)",
        "torch.tensor([1e10]).int()",
        "u.copy_(torch.tensor([300, 1]))",
        "torch.arange(1, 30).prod()",
        "torch.tensor([2**62]) * 2",
        "torch.tensor([-2**31], dtype=torch.int32).abs()",
    ],
)
def test_integers_that_wrap_around(expression):
    scene = "u = torch.tensor([250, 5], dtype=torch.uint8)\n"
    assert check(scene + "r = " + expression) == [("TSC-H007", 2)]


@pytest.mark.parametrize(
    "expression",
    [
        "u + 5",
        "u.sum()",
        "u.int() + 10",
        "u / 2",
        "u // 2",
        "u.to(torch.int16)",
        "u.float() * 1000",
        "torch.arange(1, 20).prod()",
        "torch.tensor([2**62]) + 1",
        "u > 3",
        "torch.tensor([1.5]).int()",
        "~u",
    ],
)
def test_integers_that_fit_are_no_hazard(expression):
    assert check("u = torch.tensor([250, 5], dtype=torch.uint8)\nr = " + expression) == []


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize(
    "line",
    [
        "a + b",
        "a - b",
        "b - a",
        "a * b",
        "torch.add(a, b, alpha=2)",
        "-a",
        "abs(a)",
        "a.square()",
        "a.sum()",
        "3 - a",
    ],
)
def test_an_integer_result_is_reported_exactly_where_it_does_not_fit(dtype, line):
    """At the bounds of the dtype and beside them, against Python's integers."""
    limits = torch_limits(dtype)
    near = [limits[0], limits[0] + 1, limits[1] // 2, limits[1] - 1, limits[1]]
    python = line.replace("torch.add(a, b, alpha=2)", "a + 2 * b").replace("a.square()", "a * a")
    for a in near:
        for b in (0, 1, 2, limits[1]):
            text = f"a = torch.tensor([{a}], dtype=torch.{dtype})\nb = torch.tensor([{b}], dtype=torch.{dtype})\n"
            if line == "a.sum()":
                low, high, exact = *torch_limits("int64"), 2 * a
                text += "a = torch.cat([a, a])\n"
            else:
                low, high, exact = *limits, eval(python, {"a": a, "b": b})
            found = check(text + f"c = {line}")
            assert bool(found) == (not low <= exact <= high), (a, b)


def torch_limits(dtype):
    bits = int(dtype.strip("uint")) - (dtype[0] != "u")
    return (0 if dtype[0] == "u" else -(1 << bits)), (1 << bits) - 1


# ---- what nobody takes or reads

BODY = "x = torch.ones(2, 3)\nfor i in range(1):\n    {}\n"


@pytest.mark.parametrize(
    "call", ["x.double()", "x.to(torch.float16)", "x.add(1)", "x.t()", "x.clamp(0, 1)", "x.unsqueeze(0)"]
)
def test_a_result_that_a_loop_discards_is_a_hazard(call):
    assert check(BODY.format(call)) == [("TSC-H020", 3)]


@pytest.mark.parametrize(
    "call",
    [
        "x.add_(1)",
        "x = x.double()",
        "x.to(torch.float32)",
        "x.requires_grad_()",
        "x.sum().item()",
        "print(x.t())",
        "x.t().fill_(1)",
    ],
)
def test_a_call_that_writes_or_is_used_discards_nothing(call):
    assert check(BODY.format(call)) == []


def test_a_value_that_is_shown_is_not_discarded():
    assert check("x = torch.ones(2, 3)\nx.t()") == []


def in_a_file(text):
    """The hazards of a text of a file of Python's, as (code, line)."""
    session = Session(checking=True)
    list(session.run(text, "demo.py", "py", keep_going=True))
    return [(each.code, each.span.line) for each in session.hazards]


@pytest.mark.parametrize(
    "call",
    ["x.double()", "x.to(torch.float16)", "x.unsqueeze(0)", "x.masked_fill(x > 0, 1)", "torch.relu(x)"],
)
def test_a_result_that_a_file_of_pythons_discards_is_a_hazard(call):
    text = f"import torch\nx = torch.ones(2, 3)\n{call}"
    assert in_a_file(text) == [("TSC-H020", 3)]
    assert check(text) == []


@pytest.mark.parametrize(
    "call",
    ["x.sum()", "x.add_(1)", "x.to(torch.float32)", "torch.nn.functional.mse_loss(x, x)", "x.shape", "x + 1"],
)
def test_what_a_file_computes_alone_to_see_it_run_is_none(call):
    assert in_a_file(f"import torch\nx = torch.ones(2, 3)\n{call}") == []


# ---- contexts that nothing enters, signs behind =


@pytest.mark.parametrize(
    "text",
    [
        "torch.no_grad()",
        "torch.inference_mode()",
        "torch.enable_grad()",
        "torch.autocast('cpu')",
        "torch.autograd.detect_anomaly()",
        "from torch import no_grad\nno_grad()",
        "def f(x):\n    torch.no_grad()\n    return x * 2\nf(torch.ones(1))",
    ],
)
def test_a_context_that_nothing_enters_is_a_hazard(text):
    assert [code for code, _ in check(text)] == ["TSC-H041"]


@pytest.mark.parametrize(
    "text",
    [
        "with torch.no_grad():\n    x = torch.ones(1)",
        "@torch.no_grad()\ndef f(x):\n    return x * 2\nf(torch.ones(1))",
        "torch.set_grad_enabled(True)",
        "torch.autograd.set_detect_anomaly(False)",
        "off = torch.no_grad()\nwith off:\n    x = torch.ones(1)",
        "def no_grad():\n    return 1\nno_grad()",
    ],
)
def test_a_context_that_is_entered_or_kept_is_none(text):
    assert check(text) == []


@pytest.mark.parametrize("line", ["x =+ y", "x =- y", "x =-  y * 2 + 1", "x=+ torch.ones(1)", "d.data =- y"])
def test_a_sign_behind_the_equals_sign_is_a_hazard(line):
    assert check(f"x, y, d = torch.ones(1), torch.ones(1), torch.ones(1)\n{line}") == [("TSC-H042", 2)]


@pytest.mark.parametrize("line", ["x = -y", "x = +y", "x =-y", "x = - y", "x -= y", "new =- y", "x = y =- y"])
def test_a_sign_of_the_value_that_stands_there_is_none(line):
    assert check(f"x, y = torch.ones(1), torch.ones(1)\n{line}") == []


@pytest.mark.parametrize("difference", ["p - t", "t - p", "p.sub(t)"])
def test_each_prediction_less_each_target_is_a_hazard(difference):
    text = f"p = torch.ones(3, 1, requires_grad=True)\nt = torch.ones(3)\nd = {difference}"
    assert check(text) == [("TSC-H012", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "p - torch.ones(3, 1)",
        "p - p[:, 0]",  # both of the graph: pairwise distances
        "p - torch.ones(4)",
        "p[:1] - torch.ones(1)",
        "p.detach() - torch.ones(3)",
    ],
)
def test_other_differences_are_none(text):
    assert check(f"p = torch.ones(3, 1, requires_grad=True)\nd = {text}") == []


@pytest.mark.parametrize(
    "statement", ["net.eval", "opt.zero_grad", "opt.step", "w.zero_", "for i in [1]:\n    opt.zero_grad"]
)
def test_a_method_that_stands_alone_is_a_hazard(statement):
    text = f"net = torch.nn.Dropout()\n{TRAIN}{statement}"
    assert check(text) == [("TSC-H027", text.count("\n") + 1)]


@pytest.mark.parametrize(
    "statement", ["w.shape", "w.grad", "w.T", "net.p", "net.training", "opt.param_groups", "torch.ones"]
)
def test_a_value_that_is_looked_at_is_no_hazard(statement):
    assert check(f"net = torch.nn.Dropout()\n{TRAIN}{statement}") == []


@pytest.mark.parametrize("attribute", ["require_grad", "required_grad", "requires_gard", "gradd"])
def test_an_attribute_that_is_nearly_a_tensor_s_is_a_hazard(attribute):
    assert check(f"x = torch.ones(2)\nx.{attribute} = True") == [("TSC-H028", 2)]


@pytest.mark.parametrize("attribute", ["requires_grad", "name", "label", "is_bias"])
def test_an_attribute_of_tensors_or_of_the_script_is_no_hazard(attribute):
    assert check(f"x = torch.ones(2)\nx.{attribute} = True") == []


@pytest.mark.parametrize(
    "call", ["torch.cat([x, x])", "torch.clamp(x, 0, 1)", "torch.add(x, 1)", "F.relu(x)"]
)
def test_a_function_s_result_that_a_loop_discards_is_a_hazard(call):
    text = f"import torch.nn.functional as F\nx = torch.ones(2)\nfor i in range(2):\n    {call}"
    assert check(text) == [("TSC-H020", 4)]


@pytest.mark.parametrize(
    "body",
    [
        "torch.relu_(x)",
        "torch.add(x, 1, out=x)",
        "torch.manual_seed(i)",
        "torch.randn(2)",
        "F.relu(x, inplace=True)",
    ],
)
def test_a_function_that_is_called_for_what_it_does_is_no_hazard(body):
    text = f"import torch.nn.functional as F\nx = torch.ones(2)\nfor i in range(2):\n    {body}"
    assert check(text) == []


def test_what_is_repeated_for_the_time_it_takes_is_no_hazard():
    assert check("x = torch.ones(2, 2)\nfor _ in range(3):\n    x.mm(x)\n    torch.mm(x, x)") == []
