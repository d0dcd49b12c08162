"""`gradcheck` and `gradgradcheck`: analytical gradients against finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.tensor import Tensor


class GradcheckError(RuntimeError):
    """An analytical gradient that finite differences do not confirm."""

    __module__ = "torch.autograd.gradcheck"


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


def _outputs(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    found = function(*inputs)
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    return [o for o in outputs if isinstance(o, Tensor) and o.requires_grad]


def _values(function: Callable[..., Any], inputs: tuple[Any, ...], keep: list[bool]) -> list[Any]:
    with no_grad():
        found = function(*inputs)
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    tensors = [o for o in outputs if isinstance(o, Tensor)]
    return [np.array(o.detach().values, copy=True) for o, k in zip(tensors, keep, strict=True) if k]


def _numerical(
    function: Callable[..., Any], inputs: tuple[Any, ...], at: int, eps: float, keep: list[bool]
) -> list[Any]:
    """For each kept output the central difference by each element of one input: shape (input numel, output numel)."""
    array = inputs[at].array
    columns: list[list[Any]] = []
    steps = (eps, 1j * eps) if inputs[at].dtype.is_complex else (eps,)
    for index in np.ndindex(*array.shape):
        original = array[index]
        parts = []
        for step in steps:
            array[index] = original + step
            up = _values(function, inputs, keep)
            array[index] = original - step
            down = _values(function, inputs, keep)
            array[index] = original
            parts.append([(u - d).reshape(-1) / (2 * eps) for u, d in zip(up, down, strict=True)])
        # For complex input: the conjugate Wirtinger gradient of a real loss, as backward gives it.
        columns.append(parts[0] if len(parts) == 1 else [a + 1j * b for a, b in zip(*parts, strict=True)])
    count = len(columns[0]) if columns else 0
    return [np.stack([column[k] for column in columns]) for k in range(count)]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    **ignored: Any,
) -> bool:
    """Whether the gradients of `func` agree with central differences, for each input that requires grad.

    Inputs should be float64. Errors: GradcheckError with the first difference, unless raise_exception is false.
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        _check_inputs(given)
        found = func(*given)
        outputs = list(found) if isinstance(found, (tuple, list)) else [found]
        tensors = [o for o in outputs if isinstance(o, Tensor)]
        differentiable = [o for o in tensors if o.requires_grad]
        keep = [o.requires_grad or not differentiable for o in tensors]
        for at, one in enumerate(given):
            if not isinstance(one, Tensor) or not one.requires_grad:
                continue
            numerical = _numerical(func, given, at, eps, keep)
            if not differentiable and any(np.any(each) for each in numerical):
                raise GradcheckError("Numerical gradient for function expected to be zero")
            for k, output in enumerate(differentiable):
                _compare(output, one, numerical[k] if numerical else None, at, k, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _compare(output: Tensor, leaf: Tensor, numerical: Any, at: int, k: int, atol: float, rtol: float) -> None:
    rows = []
    flat: Any = output.reshape(-1)
    for i in range(output.geometry.numel):
        seed = flat.detach().new_zeros(flat.shape)
        seed.array[i] = 1
        (one,) = grad(flat, leaf, seed, retain_graph=True, allow_unused=True)
        rows.append(
            np.zeros(leaf.geometry.numel, leaf.dtype.np)
            if one is None
            else np.asarray(one.detach().values).reshape(-1)
        )
    if not rows or numerical is None:
        return
    analytical = np.stack(rows, axis=1)
    wanted = numerical.real if not leaf.dtype.is_complex and np.iscomplexobj(numerical) else numerical
    if not np.allclose(analytical, wanted, rtol=rtol, atol=atol, equal_nan=True):
        from tensorcli.engine.construct import from_numpy

        found = [from_numpy(np.ascontiguousarray(each)) for each in (wanted, analytical)]
        raise GradcheckError(
            f"Jacobian mismatch for output {k} with respect to input {at},\nnumerical:{found[0]}\nanalytical:{found[1]}\n"
        )


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True, **ignored: Any,
) -> bool:  # fmt: skip
    """gradcheck of the gradients: whether second derivatives agree with central differences of first ones."""
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _outputs(func, given)
    if grad_outputs is None:
        generator = np.random.default_rng(0)
        seeds = []
        for output in outputs:
            seed = output.detach().new_zeros(tuple(output.shape))
            seed.array[...] = generator.standard_normal(tuple(output.shape))
            seeds.append(seed.requires_grad_())
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    count = len(seeds)
    chosen = [i for i, one in enumerate(given) if isinstance(one, Tensor) and one.requires_grad]

    def first(*args: Any) -> Any:
        from tensorcli.engine.autograd.modes import enable_grad

        with enable_grad():
            inner = args[:-count]
            leaves = [inner[i] for i in chosen]
            found = grad(
                _outputs(func, inner), leaves, list(args[-count:]), create_graph=True, allow_unused=True
            )
        return tuple(g for g in found if g is not None)

    if not any(g.requires_grad for g in first(*given, *seeds)):
        return True  # Constant gradients: there is nothing to differentiate.
    return gradcheck(first, (*given, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)
