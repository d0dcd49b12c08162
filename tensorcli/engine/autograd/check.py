"""`gradcheck` and `gradgradcheck`: are a function's gradients those that finite differences give?

The checks are PyTorch's, in its order and with its words. The Jacobian of the backward pass (with `check_forward_ad`, of
forward mode too) agrees with the one of the differences. The backward pass gives the same when it runs twice, multiplies by
the gradient that comes in, and works where no gradient comes in. With `fast_mode` the whole Jacobian is compared all the same.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.forward_ad import dual_level, make_dual, unpack_dual
from tensorcli.engine.autograd.jacobians import (
    Function,
    as_tuple,
    by_backward,
    by_differences,
    by_tangents,
    zeros_like,
)
from tensorcli.engine.autograd.nodes import Node, gradient_edge
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor


class GradcheckError(RuntimeError):
    """An analytical gradient that finite differences do not confirm."""

    __module__ = "torch.autograd.gradcheck"


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of `func` agree with central differences, for each input that requires grad.

    Inputs should be float64. Errors: GradcheckError with the first difference, unless raise_exception is false;
    AssertionError, ValueError and RuntimeError for what cannot be checked.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    given = as_tuple(inputs)
    tolerances = _Tolerances(eps, atol, rtol)
    try:
        _check_inputs(given)
        found = func(*given)
        outputs = _differentiable(found)
        leaves = [one for one in given if isinstance(one, Tensor) and one.requires_grad]
        if check_backward_ad:
            for part in _real_parts(func, given, found):
                _check_jacobians(part, given, leaves, tolerances, nondet_tol, check_grad_dtypes)
        if check_forward_ad:
            for part in _real_parts(func, given, found):
                _check_forward(part, given, leaves, tolerances)
                if check_undefined_grad:
                    _check_undefined_tangents(part, given)
        if not check_backward_ad:
            return True
        if check_batched_grad:
            for output in outputs:
                _check_batched(output, leaves)
        _check_multiplied(outputs, leaves, masked)
        if check_undefined_grad:
            _check_undefined(func, outputs, given, leaves)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """gradcheck of the gradients: whether second derivatives agree with central differences of first ones."""
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    for name, on in (
        ("check_undefined_grad", check_undefined_grad),
        ("check_batched_grad", check_batched_grad),
    ):
        if on and not check_rev_over_rev:
            raise AssertionError(f"Setting {name}=True requires check_rev_over_rev to be True")
    given = as_tuple(inputs)
    if grad_outputs is None:
        seeds = tuple(_drawn(one, gen_non_contig_grad_outputs) for one in _differentiable(func(*given)))
    else:
        seeds = as_tuple(grad_outputs)
    count = len(given)
    chosen = [i for i, one in enumerate(given) if isinstance(one, Tensor) and one.requires_grad]

    def first(*args: Any) -> Any:
        outputs = _differentiable(func(*args[:count]))
        found = grad(outputs, [args[i] for i in chosen], args[count:], create_graph=True, allow_unused=True)
        return tuple(one for one in found if one is not None)

    return gradcheck(
        first,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        masked=masked,
    )


def _drawn(output: Tensor, scattered: bool) -> Tensor:
    """A gradient of an output, drawn between -1 and 1; `scattered`: not contiguous."""
    made: Any = functions.empty(tuple(output.shape), dtype=output.dtype, device=output.device)
    (functions.view_as_real(made) if made.dtype.is_complex else made).uniform_(-1, 1)
    if scattered and made.numel() > 1:
        made = functions.repeat_interleave(made, 2, dim=-1)[..., ::2]
    seed: Tensor = made.requires_grad_()
    return seed


def _differentiable(found: Any) -> list[Tensor]:
    return [one for one in as_tuple(found) if one.requires_grad]


def _check_inputs(given: tuple[Any, ...]) -> None:
    """Warn of inputs of little precision. Errors: ValueError where none requires grad, RuntimeError for an expanded one."""
    asked = [(i, one) for i, one in enumerate(given) if isinstance(one, Tensor) and one.requires_grad]
    for i, one in asked:
        if one.dtype.name not in ("float64", "complex128"):
            messages.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will "
                "likely fail if all the inputs are not of double precision floating point or complex. "
            )
        shape = one.geometry
        if any(not step and size > 1 for step, size in zip(shape.strides, shape.sizes, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to "
                "be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )
    if not asked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


# ---- the Jacobians


class _Tolerances(NamedTuple):
    """How far inputs are moved for the differences, and how far a Jacobian may be from them."""

    eps: float
    atol: float
    rtol: float


class _Part(NamedTuple):
    """A function whose outputs are real: the one that is checked, or the parts of its complex outputs.

    `word` is "imaginary" or "real", and empty where no output is complex.
    """

    word: str
    func: Function
    results: tuple[Any, ...]


def _real_parts(func: Function, given: tuple[Any, ...], found: Any) -> Iterator[_Part]:
    """What a function gives as functions with real outputs; `found` is what it gave for `given`."""
    if not any(one.dtype.is_complex for one in as_tuple(found)):
        yield _Part("", func, as_tuple(found))
        return

    def part(name: str) -> Function:
        def taken(*args: Any) -> tuple[Any, ...]:
            return tuple(getattr(one, name) if one.dtype.is_complex else one for one in as_tuple(func(*args)))

        return taken

    for name, word in (("imag", "imaginary"), ("real", "real")):
        taken = part(name)
        yield _Part(word, taken, taken(*given))


def _check_jacobians(
    part: _Part,
    given: tuple[Any, ...],
    leaves: list[Tensor],
    tolerances: _Tolerances,
    nondet_tol: float,
    check_dtypes: bool,
) -> None:
    """Compare the backward pass with the differences, for each output and input that require grad. Errors: GradcheckError."""
    results = part.results
    numerical = [by_differences(part.func, given, leaf, results, tolerances.eps) for leaf in leaves]
    if not _differentiable(results):
        # Outputs of integers have no Jacobian.
        kinds = [one.dtype for one in results]
        if any(
            np.any(each)
            for by_output in numerical
            for kind, each in zip(kinds, by_output, strict=True)
            if kind.is_floating_point or kind.is_complex
        ):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    wanted = [k for k, one in enumerate(results) if one.requires_grad]
    for number, k in enumerate(wanted):
        analytical = _analytical(results[k], leaves, nondet_tol, check_dtypes)
        for i, one in enumerate(analytical):
            mismatch = f"Jacobian mismatch for output {number} with respect to input {i}"
            _compare(one, numerical[i][k], tolerances, part, mismatch)


def _check_forward(
    part: _Part, given: tuple[Any, ...], leaves: list[Tensor], tolerances: _Tolerances
) -> None:
    """Compare tangents with the differences, for each output and input that require grad. Errors: GradcheckError."""
    results = part.results
    numerical = [by_differences(part.func, given, leaf, results, tolerances.eps) for leaf in leaves]
    wanted = [k for k, one in enumerate(results) if one.requires_grad]
    for i, leaf in enumerate(leaves):
        pushed = by_tangents(part.func, given, leaf, results)
        for number, k in enumerate(wanted):
            mismatch = (
                f"Jacobian computed with forward mode mismatch for output {number} with respect to input {i}"
            )
            _compare(pushed[k], numerical[i][k], tolerances, part, mismatch)


def _compare(analytical: Any, numerical: Any, tolerances: _Tolerances, part: _Part, mismatch: str) -> None:
    """Errors: GradcheckError, which begins with `mismatch`, where a Jacobian is not the one of the differences."""
    kind = np.result_type(analytical, numerical)
    _, atol, rtol = tolerances
    if not np.allclose(analytical.astype(kind), numerical.astype(kind), rtol=rtol, atol=atol):
        prefix = f"While considering the {part.word} part of complex outputs only, " if part.word else ""
        raise GradcheckError(
            f"{prefix}{mismatch},\nnumerical:{_shown(numerical)}\nanalytical:{_shown(analytical)}\n"
        )


def _shown(array: Any) -> Tensor:
    from tensorcli.engine.construct import from_numpy

    return from_numpy(np.ascontiguousarray(array))


def _analytical(output: Tensor, leaves: list[Tensor], tolerance: float, check_dtypes: bool) -> list[Any]:
    """The Jacobians of one output by the backward pass, asked for twice. Errors: GradcheckError."""
    first, sizes_agree, dtypes_agree = by_backward(output, leaves)
    second, _, _ = by_backward(output, leaves)
    if not dtypes_agree and check_dtypes:
        raise GradcheckError("Gradient has dtype mismatch")
    if not sizes_agree:
        raise GradcheckError("Analytical gradient has incorrect size")
    if any(a.size and np.max(np.abs(a - b)) > tolerance for a, b in zip(first, second, strict=True)):
        raise GradcheckError(
            "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
            f"values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {tolerance}."
            f"{_NOT_REENTRANT}"
        )
    return first


# ---- how the backward pass behaves


def _check_batched(output: Tensor, leaves: list[Tensor]) -> None:
    """Two gradients at once are what they are one by one. Errors: GradcheckError."""
    seeds = [functions.randn_like(output.detach()) for _ in range(2)]

    def gradients(seed: Tensor, batched: bool) -> list[Tensor]:
        found = grad(output, leaves, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched)
        lead = (2,) if batched else ()
        return [
            leaf.detach().new_zeros((*lead, *leaf.shape)) if one is None else one
            for one, leaf in zip(found, leaves, strict=True)
        ]

    expected = [
        functions.stack(list(pair)) for pair in zip(*(gradients(s, False) for s in seeds), strict=True)
    ]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            result = gradients(functions.stack(seeds), True)
    except RuntimeError as error:
        raise GradcheckError(f"While computing batched gradients, got: {error}") from error
    for i, (one, other) in enumerate(zip(result, expected, strict=True)):
        if not functions.allclose(one, other):
            raise GradcheckError(
                f"For output {i} the batched gradient differs from the gradients one by one:\n{one}\n{other}"
            )


def _check_multiplied(outputs: list[Tensor], leaves: list[Tensor], masked: bool) -> None:
    """Nothing comes out where zeros come in. Errors: GradcheckError."""
    if not outputs:
        return
    for one, leaf in zip(grad(outputs, leaves, zeros_like(outputs), allow_unused=True), leaves, strict=True):
        if one is None:
            continue
        nothing = np.allclose(one.values, 0) if masked else not np.any(one.values)
        if not nothing:
            raise GradcheckError("backward not multiplied by grad_output")
        if one.dtype is not leaf.dtype:
            raise GradcheckError("grad is incorrect type")
        if one.geometry.sizes != leaf.geometry.sizes:
            raise GradcheckError("grad is incorrect size")


class _Undefined(Node):
    """The node of a copy from which no gradient comes back."""

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        return [None]

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


def _undefined(output: Tensor) -> Tensor:
    copied: Tensor = output.detach().clone()
    node = _Undefined((gradient_edge(output),), {})
    node.outputs = ((copied.geometry, copied.dtype, copied.device),)
    copied.node = node
    return copied


def _check_undefined(
    func: Function, outputs: list[Tensor], given: tuple[Any, ...], leaves: list[Tensor]
) -> None:
    """The backward pass bears that no gradient comes in, for all outputs and for each. Errors: GradcheckError."""
    asked = [[_undefined(one) for one in _differentiable(func(*given))]]
    if len(asked[0]) > 1:
        for k in range(len(outputs)):
            found = _differentiable(func(*given))
            asked.append([_undefined(one) if i == k else one for i, one in enumerate(found)])
    for roots in asked:
        if not roots:
            continue
        try:
            answers = grad(roots, leaves, zeros_like(roots), allow_unused=True)
        except RuntimeError as error:
            messages.warn(_NEW_FEATURE)
            raise GradcheckError(
                f"Expected backward function to handle undefined output grads. {_NOTES}"
            ) from error
        if any(one is not None and np.any(one.values) for one in answers):
            messages.warn(_NEW_FEATURE)
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are undefined or zero. "
                + _NOTES
            )


def _check_undefined_tangents(part: _Part, given: tuple[Any, ...]) -> None:
    """An input without a tangent pushes what one with zeros pushes. Errors: GradcheckError."""
    asked = [i for i, one in enumerate(given) if isinstance(one, Tensor) and one.requires_grad]
    with dual_level():
        duals = list(given)
        for i in asked:
            tangent = functions.linspace(1, 0.5, given[i].numel(), dtype=given[i].dtype)
            duals[i] = make_dual(given[i].detach(), tangent.view_as(given[i]).to(given[i].device))
        for i in asked:
            plain = given[i].detach()
            zero = make_dual(plain, functions.zeros_like(plain))
            pushed = [
                [
                    unpack_dual(one).tangent
                    for one in as_tuple(part.func(*duals[:i], instead, *duals[i + 1 :]))
                ]
                for instead in (zero, plain)
            ]
            for k, (one, other) in enumerate(zip(*pushed, strict=True)):
                if one is not None and other is not None and not functions.allclose(one, other):
                    raise GradcheckError(
                        "Mismatch in tangent values for output with index: ",
                        k,
                        " when input: ",
                        given[i],
                        " has an undefined tangent value. ",
                        " Got: ",
                        one,
                        " but expected: ",
                        other,
                    )


_NOTES = 'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
_NEW_FEATURE = (
    "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break "
    'existing callers of this function. If this is true for you, you can call this function with "check_undefined_grad=False" '
    "to disable the feature"
)
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
