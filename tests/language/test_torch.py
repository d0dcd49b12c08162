"""Real PyTorch under the evaluator: the language adds nothing and takes nothing away."""

from __future__ import annotations

import types

import pytest

from tensorcli.language.namespaces import Members, Namespace
from tensorcli.language.policy import Policy

torch = pytest.importorskip("torch")


def space(module) -> Namespace:
    names = frozenset(name for name in dir(module) if not name.startswith("_") or name == "__version__")

    def make(name):
        value = getattr(module, name)
        return space(value) if isinstance(value, types.ModuleType) else value

    return Namespace(module.__name__, Members(names, make))


class TorchPolicy(Policy):
    """Open for torch's nodes too, whose types name no module of its."""

    def _is_open(self, kind: type) -> bool:
        return kind.__name__.endswith(("Backward0", "Backward1")) or super()._is_open(kind)


@pytest.fixture
def session(make_session, modules):
    namespace = space(torch)
    torch.manual_seed(0)
    return make_session(
        modules={**modules, "torch": namespace, "torch.nn": namespace.members["nn"]},
        bare=namespace.members,
        policy=TorchPolicy(("torch",)),
    )


def test_commands_and_python_run_in_one_text(session):
    session.run(
        "w = tensor [1., 2., 3.] requires_grad=true\ny = w.exp()\nd = detach y\nmul_ d 10\nloss = (y * w).sum()"
    )
    assert session.run("y._version, d._version, y.grad_fn.name(), w.is_leaf") == (1, 1, "ExpBackward0", True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        session.run("backward loss")


def test_in_place_assignment_reaches_the_tensor(session):
    session.run("x = torch.ones(3)\nv = x\nx += 1\nx[0] += 5\nx[1:] *= 2\nx.data[2] = 9")
    assert session.run("v is x, x.tolist(), x._version") == (True, [7.0, 4.0, 9.0], 5)
    session.run(
        "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nw.grad += 1\nwith no_grad():\n    w -= w.grad"
    )
    assert session.run("w.grad.tolist(), w.tolist()") == ([3.0, 3.0], [-2.0, -2.0])


def test_decorators_contexts_and_hooks_take_script_functions(session):
    session.run(
        "@torch.no_grad()\ndef f(x):\n    return x * 2\nx = torch.ones(2, requires_grad=True)\n"
        "def double(g): return g * 2\nx.register_hook(double)\nx.register_hook(lambda g: g + 1)\n(x * 3).sum().backward()"
    )
    assert session.run("f(x).requires_grad, f.__name__, x.grad.tolist()") == (False, "f", [7.0, 7.0])
    assert session.run("with torch.no_grad() as n: y = x * 2\ny.requires_grad, torch.is_grad_enabled()") == (
        False,
        True,
    )


def test_python_protocols_of_tensors_work(session):
    session.run("x = torch.arange(6.).view(2, 3)")
    assert session.run("[r.sum().item() for r in x], len(x), float(x[1, 2]), x[0][1:].tolist()") == (
        [3.0, 12.0],
        2,
        5.0,
        [1.0, 2.0],
    )
    assert session.run("a, b = x\nbool((a < b).all()), f'{x[0, 1]:.2f}', max(x[0]).item()") == (
        True,
        "1.00",
        2.0,
    )
    assert session.run("m = x.max(0)\nm.values.tolist(), m.indices.tolist()") == ([3.0, 4.0, 5.0], [1, 1, 1])
    assert session.run(
        "copy.deepcopy([x, x])[0] is x, type(x) is torch.Tensor, isinstance(x, torch.Tensor)"
    ) == (False, True, True)


def test_errors_of_torch_pass_unchanged(session):
    for text, kind, message in (
        (
            "torch.ones(2) + torch.ones(3)",
            RuntimeError,
            "The size of tensor a (2) must match the size of tensor b (3)",
        ),
        ("torch.ones(2).detatch()", AttributeError, "'Tensor' object has no attribute 'detatch'"),
        ("torch.nope", AttributeError, "module 'torch' has no attribute 'nope'"),
        ("torch.ones(2)[5]", IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    ):
        with pytest.raises(kind) as caught:
            session.run(text)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "x.__reduce__()",
        "x._cdata_",
        "x._typed_storage()",
        "torch.Tensor.add = 1",
        "torch.Tensor.mro()",
        "torch.ones.__globals__",
        "x.grad_fn.__class__",
        "x.requires_grad_.__self__",
        "torch._C",
        "torch.ones(1).__class__.__bases__",
    ],
)
def test_internals_of_torch_stay_closed(session, text):
    from tensorcli.language.syntax import LanguageError

    with pytest.raises((LanguageError, AttributeError)):
        session.run("x = torch.ones(2)\n" + text)
