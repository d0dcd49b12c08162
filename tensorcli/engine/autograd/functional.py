"""`torch.autograd.functional`: jacobian, hessian, vjp, jvp, hvp, vhp of a function of tensors."""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.modes import enable_grad
from tensorcli.engine.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


Function = Callable[..., Any]


def _tuple(value: Any, what: str, function: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether a tuple was given, and the tuple. Errors: TypeError for anything but tensors."""
    several = isinstance(value, tuple)
    values = value if several else (value,)
    for i, one in enumerate(values):
        if not isinstance(one, Tensor):
            if several:
                raise TypeError(
                    f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at index "
                    f"{i} has type {type(one)}."
                )
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the given {what} has "
                f"type {type(one)}."
            )
    return several, values


def _leaves(values: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """Tensors to differentiate by: views of the inputs with create_graph, else new leaves."""
    if create_graph:
        return tuple(v.view_as(v) if v.requires_grad else v.detach().requires_grad_() for v in values)
    return tuple(v.detach().requires_grad_() for v in values)


def _settle(values: Any, create_graph: bool) -> Any:
    if isinstance(values, tuple):
        return tuple(_settle(v, create_graph) for v in values)
    return values if create_graph else values.detach()


def _gradients(
    outputs: Any, inputs: tuple[Tensor, ...], seeds: Any, create_graph: bool
) -> tuple[Tensor, ...]:
    """Gradients of the outputs that depend on anything, zeros where there are none."""
    pairs = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(i.new_zeros(i.shape) for i in inputs)
    found = grad(
        [o for o, _ in pairs],
        list(inputs),
        [s for _, s in pairs],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )
    return tuple(i.new_zeros(i.shape) if g is None else g for g, i in zip(found, inputs, strict=True))


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for each output and input a tensor of shape output.shape + input.shape."""
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jacobian")
        leaves = _leaves(given, create_graph)
        several_out, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "jacobian")
        rows = []
        for output in outputs:
            columns: list[list[Tensor]] = [[] for _ in leaves]
            flat = output.reshape(-1)
            if flat.dtype.is_complex and flat.requires_grad and flat.numel():
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {flat.dtype}"
                )
            if not flat.numel():
                _stack([])
            for k in range(flat.numel()):
                found = _gradients((flat[k],), leaves, (flat[k].detach().new_ones(()),), create_graph)
                for column, one in zip(columns, found, strict=True):
                    column.append(one)
            rows.append(
                tuple(
                    _stack(column).view(tuple(output.shape) + tuple(leaf.shape))
                    if column
                    else leaf.new_zeros(tuple(output.shape) + tuple(leaf.shape))
                    for column, leaf in zip(columns, leaves, strict=True)
                )
            )
        result: Any = tuple(_settle(row, create_graph) for row in rows)
    if not several:
        result = tuple(row[0] for row in result)
    return result if several_out else result[0]


def _stack(parts: list[Tensor]) -> Any:
    from tensorcli.engine.callers import function

    return function("stack")(parts)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with one scalar output."""
    several, given = _tuple(inputs, "inputs", "hessian")

    def gradient(*args: Tensor) -> Any:
        output = func(*args)
        if not isinstance(output, Tensor) or output.numel() != 1:
            raise RuntimeError(
                "The Tensor returned by the function given to hessian should contain a single element"
            )
        return _gradients((output.reshape(()),), args, (output.detach().new_ones(()),), True)

    result = jacobian(gradient, given, create_graph=create_graph)
    return result if several else result[0][0]


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and the product of `v` with its Jacobian."""
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "vjp")
        leaves = _leaves(given, create_graph)
        several_out, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "vjp")
        seeds = _seeds(v, outputs, "vjp")
        found = _gradients(outputs, leaves, seeds, create_graph)
    value = _settle(outputs, create_graph)
    product = _settle(found, create_graph)
    return (value if several_out else value[0]), (product if several else product[0])


def _seeds(v: Any, outputs: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
            )
        return (outputs[0].detach().new_ones(outputs[0].shape),)
    return _tuple(v, "v", name)[1]


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and the product of its Jacobian with `v`, by differentiating twice."""
    with enable_grad():
        _, given = _tuple(inputs, "inputs", "jvp")
        leaves = _leaves(given, create_graph)
        vectors = _seeds(v, leaves, "jvp")
        several_out, outputs = _tuple(func(*leaves), "outputs of the user-provided function", "jvp")
        seeds = tuple(o.detach().new_zeros(o.shape).requires_grad_() for o in outputs)
        inner = _gradients(outputs, leaves, seeds, True)
        found = _gradients(inner, seeds, vectors, create_graph)
    value = _settle(outputs, create_graph)
    product = _settle(found, create_graph)
    return (value if several_out else value[0]), (product if several_out else product[0])


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and its Hessian times `v`."""
    several, given = _tuple(inputs, "inputs", "hvp")

    def gradient(*args: Tensor) -> Any:
        return _gradients((func(*args),), args, (func(*args).detach().new_ones(()),), True)

    value = func(*given)
    product = jvp(gradient, given, _tuple(v, "v", "hvp")[1] if v is not None else None, create_graph)[1]
    return _settle(value, create_graph), (product if several else product[0])


def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and `v` times its Hessian (which is symmetric, so the same as hvp)."""
    several, given = _tuple(inputs, "inputs", "vhp")

    def gradient(*args: Tensor) -> Any:
        return _gradients((func(*args),), args, (func(*args).detach().new_ones(()),), True)

    value = func(*given)
    product = vjp(gradient, given, _tuple(v, "v", "vhp")[1] if v is not None else None, create_graph)[1]
    return _settle(value, create_graph), (product if several else product[0])
