"""Second derivatives of the engine over the samples of PyTorch's operator database, against central differences.

    python -m tests.oracle.second_order [REGEX]

For each operator that PyTorch marks `supports_gradgrad`, gradgradcheck in float64 on its first small samples. Needs
PyTorch, for the samples only.
"""

import sys
import warnings
from typing import Any, Final

import numpy as np

import tensorcli.engine as engine
from tensorcli.engine.autograd import gradgradcheck
from tests.oracle import opinfo

SAMPLES: Final = 4
ELEMENTS: Final = 40
"""Samples with more elements that require grad are left out: a difference costs two runs an element."""
ROUNDING: Final = frozenset("float half bfloat16 cfloat chalf".split())
"""Their results have fewer digits than central differences need."""


def check(info: Any) -> tuple[int, str]:
    """How many samples were checked, and the first thing that was wrong ("" for nothing)."""
    try:
        function = opinfo.resolve(engine, info)
    except NotImplementedError as error:
        return 1, str(error)
    hermitian = "hermitian" in getattr(info.gradcheck_wrapper, "__name__", "")
    checked = 0
    for sample in opinfo.samples(info, "float64"):
        try:
            given = opinfo.Call(sample, engine)
        except opinfo.UnsupportedError:
            continue
        inputs = tuple(one for one in given.tensors if one.requires_grad)
        if not 0 < sum(one.numel() for one in inputs) <= ELEMENTS:
            continue
        checked += 1
        try:
            with np.errstate(all="ignore"):
                gradgradcheck(
                    _caller(function, given, inputs, sample, hermitian), inputs, atol=1e-4, rtol=1e-3
                )
        except Exception as error:
            return checked, f"{type(error).__name__}: {str(error)[:90]}"
        if checked == SAMPLES:
            break
    return checked, ""


def _caller(function: Any, given: opinfo.Call, inputs: tuple[Any, ...], sample: Any, hermitian: bool) -> Any:
    """The sample's call as a function of the tensors that require grad; a matrix that must be Hermitian is made so."""

    def call(*own: Any) -> tuple[Any, ...]:
        stand_in = dict(zip(map(id, inputs), own, strict=True))

        def put(value: Any) -> Any:
            if isinstance(value, engine.Tensor):
                return stand_in.get(id(value), value)
            if isinstance(value, (list, tuple)):
                return type(value)(map(put, value))
            return {key: put(one) for key, one in value.items()} if isinstance(value, dict) else value

        (first, *rest), options = put(given.arguments), put(given.options)
        if hermitian:
            first = first + first.mH
        result = function(first, *rest, **options)
        if sample.output_process_fn_grad is not None:
            result = sample.output_process_fn_grad(result)
        return tuple(one for one in opinfo.leaves(result) if isinstance(one, engine.Tensor))

    return call


def main() -> None:
    warnings.simplefilter("ignore")
    right, wrong = 0, []
    for info in opinfo.operators(sys.argv[1] if len(sys.argv) > 1 else ""):
        if not (info.supports_gradgrad and info.supports_autograd) or info.name in ROUNDING:
            continue
        checked, problem = check(info)
        if problem:
            wrong.append(f"{opinfo.title(info)}: {problem}")
        elif checked:
            right += 1
    for line in wrong:
        print(f"  {line}".replace("\n", " "))
    whole = right + len(wrong)
    print(f"second derivatives right: {right} of {whole} operators ({100 * right / max(whole, 1):.1f} %)")


if __name__ == "__main__":
    main()
