"""`gradcheck` compares Jacobians with those of finite differences: element by element, or between two drawn vectors.

The words are PyTorch's, whose numbers they show to the last digit.
"""

from typing import Any, NamedTuple

import numpy as np

from tensorcli.engine.autograd.jacobians import (
    Function,
    GradcheckError,
    Pushed,
    as_tuple,
    by_backward,
    by_differences,
    by_tangents,
    drawn_vectors,
    has_derivative,
    projected_backward,
    projected_differences,
    projected_tangents,
)
from tensorcli.engine.tensor import Tensor


class Settings(NamedTuple):
    """How far inputs are moved for the differences, how far a Jacobian may be from them, and from itself when it is made
    again; and whether gradients must have the dtypes of their inputs.
    """

    eps: float
    atol: float
    rtol: float
    again: float
    dtypes: bool


class Part(NamedTuple):
    """A function that is differentiated by real numbers: by tangents (`forward`) its inputs are real, else its outputs.

    What is checked is such a function, or it is one for the imaginary and one for the real parts of what is complex.
    """

    func: Function
    given: tuple[Any, ...]
    results: tuple[Any, ...]
    forward: bool
    word: str = ""
    """"imaginary" or "real", where anything is complex."""
    complex_places: frozenset[int] = frozenset()
    """Which of the outputs (`forward`: of the inputs) are parts."""

    @property
    def leaves(self) -> list[Tensor]:
        return [one for one in self.given if isinstance(one, Tensor) and one.requires_grad]

    @property
    def outputs(self) -> list[Tensor]:
        return [one for one in self.results if one.requires_grad]

    def mismatch(self, output: int, leaf: int, numerical: Any, analytical: Any) -> str:
        """What is said where the two Jacobians of an output by an input differ."""
        of_part = (leaf if self.forward else output) in self.complex_places
        kind = "inputs" if self.forward else "outputs"
        prefix = f"While considering the {self.word} part of complex {kind} only, " if of_part else ""
        how = "computed with forward mode " if self.forward else ""
        return (
            f"{prefix}Jacobian {how}mismatch for output {output} with respect to input {leaf},\n"
            f"numerical:{numerical}\nanalytical:{analytical}\n"
        )


# ---- whole Jacobians


def compare_whole(part: Part, settings: Settings) -> None:
    """Compare Jacobians with the differences, for each output and input that require grad. Errors: GradcheckError."""
    results, leaves = part.results, part.leaves
    numerical = [by_differences(part.func, part.given, leaf, results, settings.eps) for leaf in leaves]
    if not part.outputs:
        # Outputs of integers have no Jacobian.
        for by_output in numerical:
            if any(np.any(each) for each, one in zip(by_output, results, strict=True) if has_derivative(one)):
                raise GradcheckError(_NOT_ZERO)
        return
    wanted = [k for k, one in enumerate(results) if one.requires_grad]
    pushed = by_tangents(_pushed(part, settings), leaves) if part.forward else []
    for number, k in enumerate(wanted):
        if part.forward:
            analytical: list[Any] = [by_output[k] for by_output in pushed]
        else:
            analytical = _twice(lambda one=results[k]: by_backward(one, leaves), settings)
        for i, one in enumerate(analytical):
            if not _close(_array(one), numerical[i][k], settings.rtol, settings.atol):
                shown = _shown(numerical[i][k]), _shown(one)
                raise GradcheckError(part.mismatch(number, i, *shown))


def _pushed(part: Part, settings: Settings) -> Pushed:
    return Pushed(part.func, part.given, part.results, settings.dtypes)


def _twice(found: Any, settings: Settings) -> list[Any]:
    """The Jacobians that a backward pass gives, asked for twice. Errors: GradcheckError."""
    first, sizes_agree, dtypes_agree = found()
    second, _, _ = found()
    if not dtypes_agree and settings.dtypes:
        raise GradcheckError("Gradient has dtype mismatch")
    if not sizes_agree:
        raise GradcheckError("Analytical gradient has incorrect size")
    if any(a.size and np.max(np.abs(a - b)) > settings.again for a, b in zip(first, second, strict=True)):
        raise GradcheckError(
            "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
            f"values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was "
            f"{settings.again}.{_NOT_REENTRANT}"
        )
    return first  # type: ignore[no-any-return]


def _close(analytical: Any, numerical: Any, rtol: float, atol: float) -> bool:
    kind = np.result_type(analytical, numerical)
    return bool(np.allclose(analytical.astype(kind), numerical.astype(kind), rtol=rtol, atol=atol))


def _array(value: Any) -> Any:
    return value.detach().cpu().values if isinstance(value, Tensor) else value


def _shown(value: Any) -> Tensor:
    from tensorcli.engine.construct import from_numpy

    return value if isinstance(value, Tensor) else from_numpy(np.ascontiguousarray(value))


# ---- Jacobians between two vectors


def compare_projected(part: Part, settings: Settings) -> None:
    """Compare `v @ J @ u` of the Jacobians (of tangents `J @ u`) with that of the differences. Errors: GradcheckError."""
    leaves, outputs = part.leaves, part.outputs
    us, vs = drawn_vectors(leaves, () if part.forward else outputs)
    numerical = [
        projected_differences(part.func, part.given, leaf, u, settings.eps)
        for leaf, u in zip(leaves, us, strict=True)
    ]
    if part.forward:
        analytical = projected_tangents(_pushed(part, settings), leaves, us)
    else:
        if not outputs and any(
            one.numel() and (one.abs().max() > settings.again).item() for row in numerical for one in row
        ):
            raise GradcheckError(_NOT_ZERO)
        by_output = [
            projected_backward(
                _twice(lambda one=one, v=v: by_backward(one, leaves, v.reshape(one.shape)), settings), us
            )
            for one, v in zip(outputs, vs, strict=True)
        ]
        analytical = [[row[i] for row in by_output] for i in range(len(leaves))]
    floating = [k for k, one in enumerate(part.results) if has_derivative(one)]
    for i, row in enumerate(numerical):
        sides: list[Any] = [row[k] for k in floating]
        if not part.forward:
            sides = [(v * one).sum() for v, one in zip(vs, sides, strict=False)]
        for j, one in enumerate(sides):
            spread = float(sum(u.sum() for u in us[i])) * (float(vs[j].sum()) if vs else 1.0)
            found = analytical[i][j]
            if not _close(_array(found), _array(one), settings.rtol, settings.atol * spread):
                raise GradcheckError(
                    part.mismatch(j, i, one, found) + _in_slow_mode(part, i, j, floating[j], settings)
                )


def _in_slow_mode(part: Part, leaf: int, output: int, place: int, settings: Settings) -> str:
    """What the whole Jacobians are, where those between two vectors differ."""
    leaves, results = part.leaves, part.results
    numerical = by_differences(part.func, part.given, leaves[leaf], results, settings.eps)[place]
    if part.forward:
        analytical: Any = _by_its_tangents(part, leaf, place)
    else:
        analytical = by_backward(part.outputs[output], leaves)[0][leaf]
    values = _array(analytical)
    text = (
        "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
        "in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n"
        "about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
        f"Numerical:\n {_shown(numerical)}\nAnalytical:\n{_shown(analytical)}\n\n"
        f"The max per-element difference (slow mode) is: {np.max(np.abs(numerical - values))}.\n"
    )
    return text + _SLOW_AGREES if _close(values, numerical, settings.rtol, settings.atol) else text


def _by_its_tangents(part: Part, number: int, place: int) -> Tensor:
    """The Jacobian of one output by one input, where no other input has a tangent."""
    at = [i for i, one in enumerate(part.given) if isinstance(one, Tensor) and one.requires_grad][number]
    leaf = part.given[at]

    def alone(given: Tensor) -> Any:
        return as_tuple(part.func(*part.given[:at], given, *part.given[at + 1 :]))[place]

    pushed = Pushed(alone, (leaf,), (part.results[place],), dtypes=False)
    return by_tangents(pushed, [leaf])[0][0]


_NOT_ZERO = "Numerical gradient for function expected to be zero"
_SLOW_AGREES = """Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode!

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck:

If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `fast_mode=False` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_fast_mode=False`
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_fast_mode=False`"""
_NOT_REENTRANT = """\n
NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""
