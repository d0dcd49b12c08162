"""Optimisers and schedules: numbers, versions, state and texts as PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tests.engine.side_by_side import close, describe, pytorch, tensor_of

OPTIMISERS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "sgd": lambda optim, p: optim.SGD(p, lr=0.1),
    "momentum": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "dampening": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5, maximize=True),
    "adam": lambda optim, p: optim.Adam(p),
    "adamw": lambda optim, p: optim.AdamW(p, lr=0.01),
    "amsgrad": lambda optim, p: optim.Adam(p, amsgrad=True, weight_decay=0.1, maximize=True),
    "rmsprop": lambda optim, p: optim.RMSprop(p),
    "centered": lambda optim, p: optim.RMSprop(p, centered=True, momentum=0.9, weight_decay=0.1),
    "adagrad": lambda optim, p: optim.Adagrad(p, lr_decay=0.1, initial_accumulator_value=0.5),
    "groups": lambda optim, p: optim.SGD(
        [{"params": p[0]}, {"params": [p[1]], "lr": 0.5}], lr=0.1, momentum=0.1
    ),
    "named": lambda optim, p: optim.SGD([("a", p[0]), ("b", p[1])], lr=0.1),
}
WRONG: dict[str, Callable[[Any, list[Any]], Any]] = {
    "no parameters": lambda optim, p: optim.SGD([], lr=0.1),
    "a bare tensor": lambda optim, p: optim.SGD(p[0], lr=0.1),
    "no leaf": lambda optim, p: optim.SGD([p[0] * 2], lr=0.1),
    "no tensor": lambda optim, p: optim.SGD([1], lr=1),
    "a negative rate": lambda optim, p: optim.SGD(p, lr=-1),
    "twice in a group": lambda optim, p: optim.SGD([p[0], p[0]], lr=0.1),
    "in two groups": lambda optim, p: optim.SGD([{"params": [p[0]]}, {"params": [p[0]]}], lr=0.1),
    "a set": lambda optim, p: optim.SGD([{"params": set(p)}]),
    "nesterov alone": lambda optim, p: optim.SGD(p, nesterov=True),
    "beta one": lambda optim, p: optim.Adam(p, betas=(1, 0.5)),
    "beta of ints": lambda optim, p: optim.Adam(p, betas=(0.5, 0)),
    "a negative epsilon": lambda optim, p: optim.Adam(p, eps=-1),
    "a group that is none": lambda optim, p: optim.SGD([{"params": p}, 5]),
    "the base class": lambda optim, p: optim.Optimizer(p, {}).step(),
}
SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "step": lambda schedule, o: schedule.StepLR(o, 2),
    "exponential": lambda schedule, o: schedule.ExponentialLR(o, 0.5),
    "cosine": lambda schedule, o: schedule.CosineAnnealingLR(o, 3, 0.01),
    "lambda": lambda schedule, o: schedule.LambdaLR(o, lambda epoch: 1 / (epoch + 1)),
    "multiplicative": lambda schedule, o: schedule.MultiplicativeLR(o, lambda epoch: 0.5),
    "milestones": lambda schedule, o: schedule.MultiStepLR(o, [1, 3]),
    "constant": lambda schedule, o: schedule.ConstantLR(o, 0.5, 3),
    "linear": lambda schedule, o: schedule.LinearLR(o, 0.5, 1.0, 4),
}


def train(
    torch: Any, make: Callable[[Any, list[Any]], Any], steps: int = 4, schedule: Any = None
) -> list[Any]:
    """What a few steps leave behind: parameters, versions, state, settings, repr, warnings or the error."""
    random = np.random.default_rng(0)
    matrix, vector = (random.standard_normal(sizes).astype(np.float32) for sizes in ((3, 2), (4,)))

    def parameters() -> list[Any]:
        return [tensor_of(torch, matrix, True), tensor_of(torch, vector, True)]

    seen: list[Any] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            p, q = held = parameters()
            optimiser = make(torch.optim, held)
            following = schedule(torch.optim.lr_scheduler, optimiser) if schedule else None
            for step in range(steps):
                optimiser.zero_grad(set_to_none=step % 2 == 0)
                ((p * p).sum() * (step + 1) + (q * q * q).sum()).backward()
                if step == 2:
                    q.grad = None
                seen.append(optimiser.step((lambda: 5) if step == 1 else None))
                if following is not None:
                    following.step()
                    seen.append(following.get_last_lr())
                seen += [describe(torch, p), describe(torch, q)]
            seen += [repr(optimiser), describe(torch, optimiser.state_dict())]
            twin = make(torch.optim, parameters())
            twin.load_state_dict(optimiser.state_dict())
            seen += [repr(twin), describe(torch, twin.state_dict())]
        except Exception as error:
            seen.append((type(error).__name__, str(error)))
    return [*seen, [str(one.message) for one in caught]]


@pytest.mark.parametrize("name", [*OPTIMISERS, *WRONG])
def test_an_optimiser_does_what_pytorchs_does(name: str) -> None:
    torch = pytorch()
    make = (OPTIMISERS | WRONG)[name]
    ours, theirs = train(engine, make), train(torch, make)
    assert close(ours, theirs), f"\nengine:  {ours}\npytorch: {theirs}"


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_gives_pytorchs_rates(name: str) -> None:
    torch = pytorch()
    ours, theirs = (train(module, OPTIMISERS["sgd"], 9, SCHEDULES[name]) for module in (engine, torch))
    assert close(ours, theirs), f"\nengine:  {ours}\npytorch: {theirs}"


# ---- recorded


def one_parameter() -> Any:
    p = tensor_of(engine, [1.0, 2.0], True)
    (p * p).sum().backward()
    return p


def test_a_step_of_sgd_writes_each_parameter_once() -> None:
    p = one_parameter()
    engine.optim.SGD([p], lr=0.5).step()
    assert p._version == 1
    assert p.is_leaf
    assert p.values.tolist() == [0, 0]


def test_a_step_of_adamw_writes_each_parameter_twice() -> None:
    p = one_parameter()
    engine.optim.AdamW([p]).step()
    assert p._version == 2


def test_zero_grad_forgets_the_gradient_or_zeroes_it_in_place() -> None:
    p = one_parameter()
    optimiser = engine.optim.SGD([p], lr=0.5)
    held, before = p.grad, p.grad._version
    optimiser.zero_grad(set_to_none=False)
    assert p.grad is held
    assert held.values.tolist() == [0, 0]
    assert held._version == before + 1
    optimiser.zero_grad()
    assert p.grad is None


def test_a_scheduler_before_the_optimiser_warns() -> None:
    optimiser = engine.optim.SGD([one_parameter()], lr=0.5)
    schedule = engine.optim.lr_scheduler.StepLR(optimiser, 1)
    with pytest.warns(
        UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"
    ):
        schedule.step()


def test_the_repr_lists_the_settings_of_each_group() -> None:
    assert repr(engine.optim.SGD([one_parameter()], lr=0.5)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    "
        "fused: None\n"
        "    lr: 0.5\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


def test_hooks_run_before_and_after_a_step() -> None:
    said: list[str] = []
    optimiser = engine.optim.SGD([one_parameter()], lr=0.5)
    optimiser.register_step_pre_hook(lambda *_: said.append("before"))
    after = optimiser.register_step_post_hook(lambda *_: said.append("after"))
    optimiser.step()
    after.remove()
    optimiser.step()
    assert said == ["before", "after", "before"]
