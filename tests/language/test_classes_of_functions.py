"""`type` with three arguments: a class of functions with a gradient of their own, and of nothing else."""

import pytest

from tensorcli.explorer.session import Session

TWICE = (
    "def forward(ctx, x):\n    ctx.scale = 2\n    ctx.save_for_backward(x)\n    return x * ctx.scale\n"
    "def backward(ctx, grad):\n    return grad * ctx.scale\n"
    "Twice = type('Twice', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
)


def last(text: str):
    *_, step = Session().run(text)
    return step


def test_a_class_of_functions_has_their_gradient() -> None:
    step = last(
        f"{TWICE}x = torch.ones(2, requires_grad=True)\ny = Twice.apply(x)\ny.sum().backward()\nprint(y, x.grad)"
    )
    assert step.error is None
    assert step.output == "tensor([2., 2.], grad_fn=<TwiceBackward>) tensor([2., 2.])\n"


@pytest.mark.parametrize(
    "call",
    [
        "type('A', (dict,), {})",
        "type('A', (torch.nn.Module,), {})",
        "type('A', (torch.autograd.Function, dict), {})",
        "type('A', (torch.autograd.Function,), {'apply': backward})",
        "type('A', (torch.autograd.Function,), {'__init__': backward})",
        "type('A', (torch.autograd.Function,), {'forward': print})",
        "type('A b', (torch.autograd.Function,), {})",
        "type('A', (Twice,), {})",
    ],
)
def test_no_other_class_is_made(call: str) -> None:
    step = last(TWICE + call)
    assert step.error is not None
    assert step.error.type == "TypeError"


@pytest.mark.parametrize("name", ["saved", "edges", "__class__", "_node", "_saved", "backward_function"])
def test_what_the_engine_keeps_of_a_context_is_not_the_scripts(name: str) -> None:
    step = last(
        TWICE.replace("ctx.scale = 2", f"ctx.scale = ctx.{name}")
        + "Twice.apply(torch.ones(1, requires_grad=True))"
    )
    assert step.error is not None


@pytest.mark.parametrize("name", ["__class__", "_node", "_saved"])
def test_private_attributes_of_a_context_are_not_set(name: str) -> None:
    step = last(
        TWICE.replace("ctx.scale = 2", f"ctx.scale = 2; ctx.{name} = 1") + "Twice.apply(torch.ones(1))"
    )
    assert step.error is not None


ROWS = (
    "def begin(self, n):\n    self.x = torch.arange(n)\ndef count(self):\n    return len(self.x)\n"
    "def item(self, i):\n    return self.x[i] * self.times\n"
    "Rows = type('Rows', (torch.utils.data.Dataset,), {'times': 3, '__init__': begin, '__len__': count, '__getitem__': item})\n"
)


def test_a_class_of_datasets_has_the_methods_that_it_is_given() -> None:
    step = last(
        f"{ROWS}rows = Rows(4)\nrows.name = 'r'\nprint(len(rows), rows[2], rows.name, rows.x, type(rows).__name__)"
    )
    assert step.error is None
    assert step.output == "4 tensor(6) r tensor([0, 1, 2, 3]) Rows\n"


@pytest.mark.parametrize(
    "members", ["{'__iter__': item}", "{'_x': item}", "{'a b': 1}", "{'x': [1]}", "{'__class__': item}"]
)
def test_a_class_of_datasets_takes_nothing_else(members: str) -> None:
    step = last(f"{ROWS}type('A', (torch.utils.data.Dataset,), {members})")
    assert step.error is not None
    assert step.error.type == "TypeError"


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__init__", "_own"])
def test_what_an_object_of_a_dataset_keeps_for_python_is_not_the_scripts(name: str) -> None:
    for text in (f"rows.{name}", f"rows.{name} = 1"):
        step = last(f"{ROWS}rows = Rows(4)\n{text}")
        assert step.error is not None
