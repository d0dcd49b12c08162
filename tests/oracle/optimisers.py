"""PyTorch's database of optimisers (OptimizerInfo) as a measure: each trains the same parameters on PyTorch and on the engine.

    python -m tests.oracle.optimisers [REGEX]

Needs PyTorch. A run agrees when losses, warnings, the parameters' versions and values, `repr`, `state_dict`, the learning
rates of a schedule and a step after `load_state_dict` agree; or both refuse in the same words.
"""

import re
import sys
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import tensorcli.engine as engine
from tests.oracle import opinfo

OUTSIDE: Final = "SparseAdam"
DOUBLE: Final = "LBFGS"
"""Its directions are quotients of differences: in single precision a rounding grows from step to step, and near the minimum
in any. It steps twenty times in a step."""
SWITCHES: Final[tuple[dict[str, bool], ...]] = (
    {},
    {"foreach": True},
    {"foreach": False},
    {"differentiable": True},
    {"fused": True},
    {"capturable": True},
)
"""Settings that the database leaves to those who use it."""
STEPS: Final = 4
Log = list[Any]


def optimisers(only: str = "") -> list[Any]:
    return [info for info in optim_db if re.search(only, info.name) and info.name != OUTSIDE]


def runs(info: Any) -> Iterator[tuple[str, Callable[[Any], Log]]]:
    """What is run, in words, and the run in a namespace."""
    name = info.name
    for given, switch in product(info.optim_inputs_func("cpu"), SWITCHES):
        if not set(switch) & set(given.kwargs):
            settings = given.kwargs | switch
            layouts = ("plain", "groups", "named") if not switch else ("plain",)
            for layout in layouts:
                run = partial(trained, name=name, settings=settings, layout=layout)
                yield f"{given.desc} {switch} {layout}", run
    rate = {} if name == "Adafactor" else {"lr": 0.01}
    for make in (one for several in info.scheduler_inputs for one in several):
        run = partial(trained, name=name, settings=rate, layout="plain", schedule=make)
        yield f"schedule at line {make.__code__.co_firstlineno}", run
    for wrong in info.optim_error_inputs_func("cpu", torch.float32):
        yield f"wrong: {wrong.optimizer_error_input.desc}", partial(refused, name=name, wrong=wrong)


def compared(run: Callable[[Any], Log]) -> str:
    """The first entry in which the logs of a run differ; "" when they agree."""
    want, got = run(torch), run(engine)
    for a, b in zip(want, got):
        if not same(a, b):
            return f"{a} expected, {b} found"
    return "" if len(want) == len(got) else f"{len(want)} entries expected, {len(got)} found"


def trained(space: Any, name: str, settings: Any, layout: str, schedule: Any = None) -> Log:
    """Train a product of two matrices, and a vector beside them where the optimiser takes one."""
    rng = np.random.default_rng(0)

    def drawn(*sizes: int) -> Any:
        return space.from_numpy(
            rng.standard_normal(sizes).astype(np.float64 if name == DOUBLE else np.float32)
        )

    params = [
        space.nn.Parameter(drawn(*sizes)) for sizes in [(3, 4), (4, 2), *([] if name == "Muon" else [(3,)])]
    ]
    groups: Any = params
    if layout == "groups":
        groups = [{"params": params[:1], "lr": 0.02}, {"params": params[1:], "weight_decay": 0.1}]
    elif layout == "named":
        groups = [(f"p{number}", param) for number, param in enumerate(params)]
    made, log = called(lambda: getattr(space.optim, name)(groups, **opinfo.carry(settings, space)))
    if made is None:
        return [log]
    following = None if schedule is None else scheduled(space, schedule, made)
    inputs = [drawn(5, 3) for _ in range(1 if name == DOUBLE else STEPS)]
    entries: Log = [log, re.sub(r"Parameter containing:\n", "", repr(made))]

    def losses_of(x: Any) -> Callable[[], Any]:
        def closure() -> Any:
            made.zero_grad()
            loss = ((x @ params[0] @ params[1] - 1) ** 2).mean() + sum((p**2).sum() * 0.1 for p in params)
            loss.backward()
            return loss

        return closure

    for x in inputs:
        loss, log = called(partial(made.step, losses_of(x)))
        entries.append([log, loss, [p._version for p in params]])
        if loss is None:
            return entries
        if following is not None:
            measured = (loss,) if "Plateau" in type(following).__name__ else ()
            _, log = called(partial(following.step, *measured))
            entries.append([log, [float(group["lr"]) for group in made.param_groups]])
    saved = made.state_dict()
    entries.append([params, saved["param_groups"], saved["state"]])

    def resumed() -> None:
        other = getattr(space.optim, name)(groups, **opinfo.carry(settings, space))
        other.load_state_dict(saved)
        other.step(losses_of(inputs[0]))

    return [*entries, called(resumed)[1], params]


def scheduled(space: Any, make: Any, optimiser: Any) -> Any:
    """A schedule of the database, whose names are taken from a namespace."""
    module = space.optim.lr_scheduler
    names = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    return types.FunctionType(make.__code__, {**make.__globals__, **names})(optimiser)


def refused(space: Any, name: str, wrong: Any) -> Log:
    given = wrong.optimizer_error_input
    params = [torch.nn.Parameter(torch.ones(2, 2))] if given.params is None else given.params

    def make() -> None:
        made = getattr(space.optim, name)(opinfo.carry(params, space), **opinfo.carry(given.kwargs, space))
        if wrong.error_on is OptimizerErrorEnum.STEP_ERROR:
            made.step()

    return [called(make)[1]]


def called(function: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a call returned, and what it raised and warned of. What numpy warns of is the engine's own affair."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensorcli\.engine\.")
        try:
            result, words = function(), []
        except Exception as error:
            result, words = None, [f"{type(error).__name__}: {error}"]
    texts = [re.sub(r" \(Triggered internally.*", "", str(one.message)) for one in heard]
    return result, words + [f"{one.category.__name__}: {text}" for one, text in zip(heard, texts)]


def same(want: Any, got: Any) -> bool:
    if isinstance(want, torch.Tensor):
        return (
            isinstance(got, engine.Tensor)
            and str(want.dtype) == str(got.dtype)
            and tuple(want.shape) == tuple(got.shape)
            and np.allclose(opinfo.array(want), opinfo.array(got), rtol=1e-3, atol=1e-5, equal_nan=True)
        )
    if isinstance(want, float) and isinstance(got, float):
        return bool(np.isclose(want, got, rtol=1e-4, equal_nan=True))
    if isinstance(want, (list, tuple)):
        return type(want) is type(got) and len(want) == len(got) and all(map(same, want, got))
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and list(want) == list(got)
            and all(same(want[key], got[key]) for key in want)
        )
    return bool(want == got)


def main() -> None:
    total: Counter[bool] = Counter()
    asked = optimisers(*sys.argv[1:2])
    for info in asked:
        for words, run in runs(info):
            difference = compared(run)
            total[not difference] += 1
            if difference:
                print(f"{info.name}, {words}: {difference[:400]}")
    print(f"{total[True]} of {total.total()} runs of {len(asked)} optimisers agree")


if __name__ == "__main__":
    main()
