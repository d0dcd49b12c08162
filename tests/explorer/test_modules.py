"""Modules in a session: their paths, what completes, what stays out of reach, time travel."""

from __future__ import annotations

from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from tensorcli.explorer.session import Session
from tensorcli.language.namespaces import Namespace

MODEL = """
import torch.nn as nn
model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
x = torch.ones(4, 2)
"""


def run(text: str, session: Session | None = None) -> Session:
    session = session or Session()
    for step in session.run(text):
        assert step.error is None, step.error
    return session


def rows(session: Session, text: str) -> list[str]:
    """The names in the table of the last statement."""
    steps = list(session.run(text))
    return [name for change in steps[-1].changes for name in change.names]


def test_parameters_and_buffers_stand_under_their_paths() -> None:
    session = Session()
    list(session.run("import torch.nn as nn"))
    found = rows(session, "model = nn.Sequential(nn.Linear(2, 3), nn.ModuleDict({'a': nn.BatchNorm1d(3)}))")
    assert found == [
        "model[0].weight",
        "model[0].bias",
        "model[1]['a'].weight",
        "model[1]['a'].bias",
        "model[1]['a'].running_mean",
        "model[1]['a'].running_var",
        "model[1]['a'].num_batches_tracked",
    ]


def test_a_backward_pass_shows_the_gradients_of_a_module() -> None:
    session = run(MODEL)
    assert "model[0].weight.grad" in rows(session, "model(x).sum().backward()")


def test_batch_normalisation_shows_that_it_wrote_its_statistics() -> None:
    session = run(MODEL)
    assert {"model[1].running_mean", "model[1].running_var"} <= set(rows(session, "y = model(x)"))


def test_two_steps_of_batch_normalisation_are_no_silent_write() -> None:
    session = run(MODEL + "a = model(x).sum(); b = model(x).pow(2).sum()")
    (step,) = session.run("a.backward()")
    assert not step.alarms


def test_statistics_written_before_the_backward_pass_of_an_evaluation_are_a_silent_write() -> None:
    session = run(MODEL + "model.eval(); a = model(x).pow(2).sum(); model.train()")
    (wrote,) = session.run("b = model(x)")
    (step,) = session.run("a.backward()")
    assert {alarm.code for alarm in wrote.alarms} == {"TSC-H001"}
    assert {alarm.code for alarm in step.alarms} == {"TSC-H002"}


def test_a_module_that_is_replaced_takes_its_paths_along() -> None:
    session = run(MODEL)
    assert rows(session, "model[2] = nn.ReLU()") == ["model[2].weight", "model[2].bias"]
    assert session.observation is not None
    assert {"model[0].weight", "model[1].bias"} < set(session.observation.index.roots["model"].found)
    assert "model[2].weight" not in session.observation.index.roots["model"].found


def test_undo_brings_a_module_back() -> None:
    session = run(MODEL + "with torch.no_grad(): model[0].weight.zero_()")
    run("undo\nassert model[0].weight.abs().sum() > 0", session)


def test_attributes_of_a_module_complete() -> None:
    session = run(MODEL)
    names = session.attributes_of(session.names["model"])
    assert {"parameters", "zero_grad", "append"} <= set(names)
    assert {"weight", "bias", "in_features"} <= set(session.attributes_of(session.names["model"][0]))
    assert not {"_modules", "_parameters", "__dict__"} & set(names)


def test_classes_of_modules_are_the_languages() -> None:
    run(
        MODEL + "assert isinstance(model[0], nn.Linear) and isinstance(model, nn.Module)\n"
        "assert isinstance(model[0].weight, nn.Parameter) and type(model[0]) is nn.Linear\n"
        "assert [n for n, p in model.named_parameters()][0] == '0.weight'\n"
        "assert model.state_dict()['0.bias'].shape == (3,) and list(model.state_dict().keys())[0] == '0.weight'\n"
        "assert next(model.parameters()) is model[0].weight and next(n for n in [5]) == 5\n"
        "m = nn.Module(); m.fc = nn.Linear(1, 1); m.forward = lambda x: m.fc(x) * 2\n"
        "assert m(torch.ones(1)).grad_fn is not None"
    )


ESCAPES = [
    "model.__dict__", "model.__class__.__bases__", "nn.Linear.__init__.__globals__", "model.forward.__func__",
    "nn.Linear.forward.__globals__", "nn.Linear.forward = 1", "model._modules", "model._apply", "nn.layers", "nn.module",
    "nn.hooks", "nn.import_module", "nn.moving", "model.__setattr__('x', 1)", "model.get_submodule('__class__')",
    "model.get_parameter('__dict__')", "model.register_buffer('__class__', torch.ones(1))",
    "model.add_module('__dict__', nn.ReLU())", "model.register_forward_hook('{0.__class__}'.format)\nmodel(x)",
    "nn.Linear.__subclasses__()", "type('Net', (nn.Module,), {})", "class Net(nn.Module): pass", "model.__reduce__()",
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES)
def test_a_module_is_no_way_out(text: str) -> None:
    session = run(MODEL)
    steps = []
    try:
        steps = list(session.run(text))
    except SyntaxError:
        return
    assert steps[-1].error is not None


def test_a_tower_of_one_module_is_refused_before_it_fills_the_memory() -> None:
    session = run("m = torch.nn.ReLU()\nfor i in range(40):\n    m = torch.nn.Sequential(m, m)")
    for text in ("str(m)", "print(m)", "m", "m.state_dict()"):
        (step,) = session.run(text)
        assert step.error is not None, text
        assert step.error.type == "MemoryError"
    run("vars\ninspect m\nm.eval().modules()", session)


def test_nothing_below_torch_nn_is_a_module_of_python_or_reaches_one() -> None:
    session = run(MODEL)
    evaluator = session.evaluator
    pending: list[Any] = [
        session.modules["torch"].members["nn"],
        session.names["model"],
        session.names["model"][1],
    ]
    for _ in range(3):
        found: list[Any] = []
        for value in pending:
            assert not isinstance(value, ModuleType | CodeType | FrameType), value
            if isinstance(value, Namespace):
                found += [value.members[name] for name in value.members]
            else:
                for name in dir(value):
                    try:
                        found.append(evaluator.attributes.read(value, name))
                    except Exception:
                        continue
        pending = found[:4000]


def test_pytorchs_own_modules_have_the_same_paths() -> None:
    pytest.importorskip("torch")
    session = Session(engine="pytorch")
    list(session.run("import torch.nn as nn"))
    assert rows(session, "model = nn.Sequential(nn.Linear(2, 1))") == ["model[0].weight", "model[0].bias"]
    assert "model[0].bias.grad" in rows(session, "model(torch.ones(2)).sum().backward()")
