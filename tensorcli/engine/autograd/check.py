"""`gradcheck` and `gradgradcheck`: are a function's gradients those that finite differences give?

The checks are PyTorch's, in its order and with its words. The Jacobian of the backward pass (with `check_forward_ad`, of
forward mode too) agrees with the one of the differences (`check_jacobians.py`), and derivatives behave as they should
otherwise (`check_behaviour.py`).
"""

from collections.abc import Iterator
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd import check_behaviour as behaviour
from tensorcli.engine.autograd.check_jacobians import Part, Settings, compare_projected, compare_whole
from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.jacobians import Function, GradcheckError, as_tuple, drawn_vectors
from tensorcli.engine.samples import make_tensor
from tensorcli.engine.tensor import Tensor


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
    settings = Settings(eps, atol, rtol, nondet_tol, check_grad_dtypes)
    compare = compare_projected if fast_mode else compare_whole
    try:
        _check_inputs(given)
        found = func(*given)
        outputs = _differentiable(found)
        if check_backward_ad:
            for part in _real_outputs(func, given, found):
                compare(part, settings)
        if check_forward_ad:
            parts = list(_real_inputs(func, given, found))
            for part in parts:
                compare(part, settings)
            for part in parts if check_undefined_grad else ():
                vectors, _ = drawn_vectors(part.leaves, ())
                behaviour.check_missing_tangents(part.func, part.given, vectors)
        if check_batched_forward_grad:
            behaviour.check_batched_tangents(func, given)
        if not check_backward_ad:
            return True
        leaves = [one for one in given if isinstance(one, Tensor) and one.requires_grad]
        for i, output in enumerate(outputs if check_batched_grad else ()):
            behaviour.check_batched(output, i, leaves)
        behaviour.check_multiplied(outputs, leaves, masked)
        if check_undefined_grad:
            behaviour.check_undefined(lambda: _differentiable(func(*given)), len(outputs), leaves)
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
        seeds = tuple(
            make_tensor(
                one.shape,
                dtype=one.dtype,
                device=one.device,
                low=-1,
                high=1,
                requires_grad=True,
                noncontiguous=gen_non_contig_grad_outputs,
            )
            for one in _differentiable(func(*given))
        )
    else:
        seeds = as_tuple(grad_outputs)
    count = len(seeds)
    # Tangents are pushed through inputs that ask for no gradient: whether they did is remembered.
    asked = [isinstance(one, Tensor) and one.requires_grad for one in given]
    seeds_asked = [one.requires_grad for one in seeds]

    def first(*args: Any) -> Any:
        own = [one.requires_grad_() if on else one for one, on in zip(args[:-count], asked, strict=False)]
        outputs = _differentiable(func(*own))
        pairs = zip(args[-count:], seeds_asked, strict=False)
        incoming = [one.requires_grad_() if on else one for one, on in pairs]
        chosen = [one for one, on in zip(own, asked, strict=False) if on]
        found = grad(outputs, chosen, incoming, create_graph=True, allow_unused=True)
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


# ---- what is differentiated


_PARTS = (("imag", "imaginary"), ("real", "real"))


def _real_outputs(func: Function, given: tuple[Any, ...], found: Any) -> Iterator[Part]:
    """What a function gives as functions with real outputs; `found` is what it gave for `given`."""
    if not any(one.dtype.is_complex for one in as_tuple(found)):
        yield Part(func, given, as_tuple(found), forward=False)
        return
    places = frozenset(i for i, one in enumerate(_differentiable(found)) if one.dtype.is_complex)

    def part(name: str) -> Function:
        def taken(*args: Any) -> tuple[Any, ...]:
            return tuple(getattr(one, name) if one.dtype.is_complex else one for one in as_tuple(func(*args)))

        return taken

    for name, word in _PARTS:
        taken = part(name)
        yield Part(taken, given, taken(*given), False, word, places)


def _real_inputs(func: Function, given: tuple[Any, ...], found: Any) -> Iterator[Part]:
    """A function as functions of real inputs: of the parts of the complex ones, while the other part stays what it is."""
    places = frozenset(i for i, one in enumerate(given) if isinstance(one, Tensor) and one.dtype.is_complex)
    if not places:
        yield Part(func, given, as_tuple(found), forward=True)
        return

    def part(name: str) -> Function:
        def taken(*args: Any) -> tuple[Any, ...]:
            whole = list(args)
            for i in places:
                whole[i] = given[i].real + args[i] * 1j if name == "imag" else args[i] + given[i].imag * 1j
            return as_tuple(func(*whole))

        return taken

    for name, word in _PARTS:
        taken = part(name)
        own = tuple(getattr(one, name) if i in places else one for i, one in enumerate(given))
        yield Part(taken, own, taken(*own), True, word, places)
