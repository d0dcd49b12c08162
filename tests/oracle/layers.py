"""PyTorch's database of modules (ModuleInfo) as a measure: each is made and called on PyTorch and on the engine.

    python -m tests.oracle.layers [REGEX]

Needs PyTorch. A call agrees when what was drawn for the parameters, `repr`, the keys of `state_dict`, the results (as for
operators), the buffers afterwards and the gradients of inputs and parameters agree; or both refuse in the same words.
"""

import re
import sys
import warnings
from collections import Counter
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import tensorcli.engine as engine
from tests.oracle import opinfo

MOST: Final = 60
"""How many inputs of a module count."""
OUTSIDE: Final = re.compile(r"TransformerEncoder$")
"""A module whose inputs hold a module of PyTorch's."""


def modules(only: str = "") -> list[Any]:
    return [info for info in module_db if re.search(only, info.name) and not OUTSIDE.search(info.name)]


def measure(info: Any, training: bool, most: int = MOST) -> Counter[str]:
    """What differs ("" for agreement), and how often."""
    found: Counter[str] = Counter()
    options = {"device": "cpu", "dtype": torch.float32, "requires_grad": True, "training": training}
    torch.manual_seed(0)
    for given in islice(info.module_inputs_func(info, **options), most):
        if given.forward_input is not None:
            found[compared(info.name, given, training)] += 1
    if info.module_error_inputs_func is not None:
        for wrong in info.module_error_inputs_func(info, **options):
            construct_only = wrong.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR
            found[compared(info.name, wrong.module_error_input, training, construct_only)] += 1
    return found


def compared(name: str, given: Any, training: bool, construct_only: bool = False) -> str:
    """The first thing in which a module of PyTorch's and the engine's differ; "" when they agree."""
    outcomes = []
    for space in (torch, engine):
        try:
            outcomes.append(observe(space, name, given, training, construct_only))
        except Exception as error:
            outcomes.append({"error": f"{type(error).__name__}: {opinfo.first_words(str(error))}"})
    want, got = outcomes
    for fact in want | got:
        if fact not in want or fact not in got or not same(want[fact], got[fact]):
            return f"{fact}: {want.get(fact)} expected, {got.get(fact)} found"
    return ""


def same(want: Any, got: Any) -> bool:
    if isinstance(want, opinfo.Outcome):
        return not opinfo.difference(want, got)
    if isinstance(want, list):
        return len(want) == len(got) and all(map(same, want, got))
    if isinstance(want, np.ndarray):
        return isinstance(got, np.ndarray) and opinfo.close(want, got, 50)
    return bool(want == got)


def observe(space: Any, name: str, given: Any, training: bool, construct_only: bool) -> dict[str, Any]:
    """Make a module and call it: what it is, gave and holds afterwards, by what to call it."""
    space.manual_seed(1)
    kind = space
    for part in name.split("."):
        kind = getattr(kind, part)
    made = kind(
        *opinfo.carry(list(given.constructor_input.args), space),
        **opinfo.carry(given.constructor_input.kwargs, space),
    )
    if construct_only:
        return {}
    made.train(training)
    drawn = [None if "Uninitialized" in type(p).__name__ else opinfo.array(p) for p in made.parameters()]
    before = {"repr": repr(made), "keys": list(made.state_dict()), "drawn": drawn}
    sample = _Call(given.forward_input)
    result = opinfo.observe(space, lambda _, *args, **options: made(*args, **options), sample, True)
    return before | {
        "result": result,
        "buffers": [opinfo.array(one) for one in made.buffers()],
        "gradients": [None if p.grad is None else opinfo.array(p.grad) for p in made.parameters()],
        "repr afterwards": repr(made),
    }


class _Call:
    """A module's inputs in the shape of an operator's sample."""

    def __init__(self, given: Any) -> None:
        self.input, self.args, self.kwargs = None, given.args, given.kwargs


def main() -> None:
    warnings.simplefilter("ignore")
    total: Counter[str] = Counter()
    for info in modules(*sys.argv[1:2]):
        for training in (True, False):
            found = measure(info, training)
            total += found
            for what, count in found.most_common():
                if what:
                    print(f"{info.name} {'training' if training else 'evaluating'}: {count} x {what[:300]}")
    print(f"{total['']} of {total.total()} calls of {len(modules(*sys.argv[1:2]))} modules agree")


if __name__ == "__main__":
    main()
