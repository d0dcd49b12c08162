"""`torch.autograd.functional`: jacobian, hessian, vjp, jvp, hvp, vhp of a function of tensors.

The function is given aliases of the inputs: what it captures of them does not count. With `strict`, an answer that would be
zeros because nothing depends on an input is an error.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.modes import enable_grad, mode, set_grad_enabled
from tensorcli.engine.tensor import Size, Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


Function = Callable[..., Any]
Grads = Sequence[Tensor | None]

_FORWARD, _REVERSE = "forward-mode", "reverse-mode"
_OF_THE_INPUT = "the input to the user-provided function is a single Tensor with a single element."
_OF_THE_OUTPUT = "the user-provided function returns a single Tensor with a single element."


class _Demand(NamedTuple):
    """What strict mode says of a gradient that is missing, and of one that is constant; {} is its place."""

    missing: str
    constant: str


def _constant(what: str) -> str:
    return (
        f"The {what} of the user-provided function is independent of input {{}}. This is not allowed in strict mode when "
        "create_graph=True."
    )


_OUTPUTS = _Demand(
    "",
    "Output {} of the user-provided function does not require gradients. The outputs must be computed in a differentiable "
    "manner from the input when running in strict mode.",
)
_GRADIENTS = _Demand(
    "The output of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    "The gradient with respect to input {} is independent of the inputs of the user-provided function. This is not allowed "
    "in strict mode.",
)
_JACOBIAN = _Demand(
    _GRADIENTS.missing,
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example).",
)
_BACK = _Demand(_GRADIENTS.missing, _constant("jacobian"))
_BACK_TRICK = _Demand(
    "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double backward "
    "trick to compute forward mode gradients. This is not allowed in strict mode.",
    _constant("jacobian"),
)
_DOUBLE_BACK = _Demand(
    "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    _constant("hessian"),
)
_DOUBLE_BACK_TRICK = _Demand(
    "The hessian of the user-provided function is independent of entry {} in the grad_jacobian. This is not allowed in strict "
    "mode as it prevents from using the double backward trick to replace forward mode AD.",
    _constant("hessian"),
)


def _check(tensors: Grads, demand: _Demand, strict: bool, constant: bool = True) -> None:
    """Errors: RuntimeError, in strict mode, for a tensor that is missing or (where that counts) that does not require grad."""
    for i, one in enumerate(tensors if strict else ()):
        if one is None:
            raise RuntimeError(demand.missing.format(i))
        if constant and not one.requires_grad:
            raise RuntimeError(demand.constant.format(i))


def _tuple(value: Any, what: str, function: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether a tuple was given, and the tuple. Errors: TypeError for anything but tensors."""
    several = isinstance(value, tuple)
    values = value if several else (value,)
    for i, one in enumerate(values):
        if not isinstance(one, Tensor):
            of = f"value at index {i}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the {of} has type "
                f"{type(one)}."
            )
    return several, values


def _aliases(values: tuple[Tensor, ...], create_graph: bool, leaves: bool) -> tuple[Tensor, ...]:
    """New tensors of the same elements: views with create_graph, else cut from the graph, and (`leaves`) asking for gradients."""
    return tuple(
        v.view_as(v) if create_graph and v.requires_grad else v.detach().requires_grad_(leaves)
        for v in values
    )


def _called(
    func: Function, inputs: tuple[Tensor, ...], name: str, strict: bool
) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether the function gave a tuple, and its outputs. Errors: TypeError, RuntimeError in strict mode."""
    several, outputs = _tuple(func(*inputs), "outputs of the user-provided function", name)
    _check(outputs, _OUTPUTS, strict)
    return several, outputs


def _number(func: Function, inputs: tuple[Tensor, ...], name: str, strict: bool) -> Tensor:
    """The one number that the function gives. Errors: RuntimeError where it gives anything else."""
    several, outputs = _called(func, inputs, name, strict)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )
    return outputs[0]


def _vector(
    v: Any, like: tuple[Tensor, ...], several: bool, name: str, create_graph: bool, unless: str
) -> tuple[Tensor, ...] | None:
    """The vector, of the shapes of `like`; None where it was left out. Errors: RuntimeError, TypeError."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {unless}")
        return None
    found = _aliases(_tuple(v, "v", name)[1], create_graph, leaves=False)
    if len(found) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
            if several
            else "The given v should contain a single Tensor."
        )
    for i, (one, other) in enumerate(zip(found, like, strict=True)):
        if one.geometry.sizes != other.geometry.sizes:
            entry = f"Entry {i} in v" if several else "v"
            raise RuntimeError(
                f"{entry} has invalid size: should be {Size(other.geometry.sizes)} but got {Size(one.geometry.sizes)}."
            )
    return found


def _gradients(
    outputs: Grads,
    inputs: tuple[Tensor, ...],
    seeds: Sequence[Tensor] | None = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    batched: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the outputs that depend on anything, None where there are none. `batched`: for many seeds at once."""
    given = [None] * len(outputs) if seeds is None else seeds
    pairs = [(o, s) for o, s in zip(outputs, given, strict=True) if o is not None and o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    found: tuple[Tensor | None, ...] = grad(
        [o for o, _ in pairs],
        list(inputs),
        [s for _, s in pairs],
        create_graph=create_graph,
        retain_graph=retain_graph,
        allow_unused=True,
        is_grads_batched=batched,
    )
    return found


def _filled(
    grads: Grads, like: Sequence[Tensor], demand: _Demand, strict: bool, create_graph: bool
) -> tuple[Tensor, ...]:
    """Zeros where there is no gradient. Errors: RuntimeError in strict mode."""
    _check(grads, demand, strict, constant=create_graph)
    return tuple(o.new_zeros(o.shape) if g is None else g for g, o in zip(grads, like, strict=True))


def _settle(values: Any, create_graph: bool) -> Any:
    """What is handed out: without history unless the graph is asked for."""
    if isinstance(values, tuple):
        return tuple(_settle(v, create_graph) for v in values)
    return values if create_graph else values.detach()


def _as_given(values: tuple[Any, ...], several: bool) -> Any:
    return values if several else values[0]


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = _REVERSE,
) -> Any:
    """The Jacobian: for each output and input a tensor of shape output.shape + input.shape.

    `vectorize` and the strategy change how PyTorch computes, not what. Errors: those of PyTorch's combinations.
    """
    if strategy not in (_FORWARD, _REVERSE):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == _FORWARD:
        _check_forward(create_graph, strict, vectorize)
        return _by_columns(func, inputs)
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jacobian")
        leaves = _aliases(given, create_graph, leaves=True)
        several_out, outputs = _called(func, leaves, "jacobian", strict)
        if vectorize and strict:
            raise _not_together("strict=True", "vectorized=True", "strict=False", "vectorize=False")
        if vectorize:
            rows = _at_once(outputs, leaves, create_graph)
        else:
            rows = tuple(_rows(i, output, leaves, create_graph, strict) for i, output in enumerate(outputs))
    result = _settle(rows, create_graph)
    return _as_given(tuple(_as_given(row, several) for row in result), several_out)


def _by_columns(func: Function, inputs: Any) -> Any:
    """The Jacobian of tangents that are pushed through the function, one for each element of the inputs."""
    from tensorcli.engine.autograd.forward_ad import dual_level, make_dual, unpack_dual
    from tensorcli.engine.batch import vmap
    from tensorcli.engine.func.reverse import bases

    several, given = _tuple(inputs, "inputs", "jacobian")
    several_out = False

    def columns_of(*tangents: Tensor) -> tuple[Tensor, ...]:
        nonlocal several_out
        with dual_level():
            duals = [make_dual(*pair) for pair in zip(given, tangents, strict=True)]
            several_out, outputs = _tuple(func(*duals), "outputs", "None")
            pairs = [unpack_dual(one) for one in outputs]
            return tuple(
                one.primal.new_zeros(one.primal.shape) if one.tangent is None else one.tangent
                for one in pairs
            )

    tangents = next(bases(given), [one.new_zeros((0, *one.shape)) for one in given])
    rows = []
    for column in vmap.mapped(columns_of, 0, 0, "none", None, tuple(tangents), {}):
        parts = column.split([one.geometry.numel for one in given], 0)
        row = [
            part.permute(*range(1, part.ndim), 0).reshape((*column.shape[1:], *one.shape))
            for part, one in zip(parts, given, strict=True)
        ]
        rows.append(row if several else row[0])
    if not several_out:
        return rows[0]
    return rows if several else tuple(rows)


def _rows(
    i: int, output: Tensor, leaves: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """The Jacobian of one output."""
    from tensorcli.engine.callers import functions

    columns: list[list[Tensor]] = [[] for _ in leaves]
    flat = output.reshape(-1)
    for k in range(output.numel()):
        found = _gradients((flat[k],), leaves, create_graph=create_graph, retain_graph=True)
        for at, (one, leaf) in enumerate(zip(found, leaves, strict=True)):
            if strict and one is None:
                raise RuntimeError(
                    f"Output {i} of the user-provided function is independent of input {at}. This is not allowed in strict "
                    "mode."
                )
            if strict and create_graph and one is not None and not one.requires_grad:
                raise RuntimeError(_constant("jacobian").format(i))
            columns[at].append(leaf.new_zeros(leaf.shape) if one is None else one)
    return tuple(
        functions.stack(column).view(tuple(output.shape) + tuple(leaf.shape))
        for column, leaf in zip(columns, leaves, strict=True)
    )


def _at_once(
    outputs: tuple[Tensor, ...], leaves: tuple[Tensor, ...], create_graph: bool
) -> tuple[tuple[Tensor, ...], ...]:
    """The Jacobian of all outputs, cut out of one. Errors: IndexError where they have no elements."""
    from tensorcli.engine.func.reverse import bases

    sizes = [output.numel() for output in outputs]
    if not sum(sizes):
        raise IndexError("index 0 is out of bounds for dimension 0 with size 0")
    flat = [output.reshape(-1) for output in outputs]
    found = _gradients(tuple(flat), tuple(leaves), next(bases(flat)), create_graph, batched=True)
    columns = [
        leaf.new_zeros(leaf.shape).expand((sum(sizes), *leaf.shape)) if one is None else one
        for one, leaf in zip(found, leaves, strict=True)
    ]
    parts = [column.split(sizes, 0) for column in columns]
    return tuple(
        tuple(
            part[i].view(tuple(output.shape) + tuple(leaf.shape))
            for part, leaf in zip(parts, leaves, strict=True)
        )
        for i, output in enumerate(outputs)
    )


def _check_forward(create_graph: bool, strict: bool, vectorize: bool) -> None:
    """Errors: what PyTorch does not have for the forward-mode strategy."""
    mode_text = 'strategy="forward-mode"'
    if create_graph:
        raise NotImplementedError(
            str(
                _not_together(
                    "create_graph=True", mode_text, "create_graph=False", 'strategy="reverse-mode"', " (yet)"
                )
            )
        )
    if strict:
        raise _not_together("strict=True", mode_text, "strict=False", 'strategy="reverse-mode"', " (yet)")
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )


def _not_together(one: str, other: str, without: str, instead: str, yet: str = "") -> RuntimeError:
    return RuntimeError(
        f"torch.autograd.functional.jacobian: `{one}` and `{other}` are not supported together{yet}. Please either set "
        f"`{without}` or `{instead}`."
    )


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = _REVERSE,
) -> Any:
    """The Hessian of a function with one scalar output."""
    several, given = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in (_FORWARD, _REVERSE):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*args: Tensor) -> Any:
        if outer_jacobian_strategy == _FORWARD:
            # Of what asks for no gradient the inner Jacobian takes values alone: the tangents would end there.
            args = tuple(one.requires_grad_() for one in args)
        found = jacobian(
            lambda *inner: _number(func, inner, "hessian", strict).squeeze(), args, create_graph=True
        )
        _check(found, _JACOBIAN, strict)
        return found

    rows = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    if outer_jacobian_strategy == _FORWARD:
        return rows if several else rows[0][0]
    return _as_given(tuple(_as_given(row, several) for row in rows), several)


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and the product of `v` with its Jacobian."""
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "vjp")
        leaves = _aliases(given, create_graph, leaves=True)
        several_out, outputs = _called(func, leaves, "vjp", strict)
        vector = _vector(v, outputs, several_out, "vjp", create_graph, _OF_THE_OUTPUT)
    with set_grad_enabled(create_graph or mode.grad):
        found = _gradients(outputs, leaves, vector, create_graph)
        product = _filled(found, leaves, _BACK, strict, create_graph)
    return _pair(outputs, several_out, product, several, create_graph)


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and the product of its Jacobian with `v`, by differentiating twice."""
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jvp")
        leaves = _aliases(given, create_graph, leaves=True)
        vector = _vector(v, leaves, several, "jvp", create_graph, _OF_THE_INPUT)
        several_out, outputs = _called(func, leaves, "jvp", strict)
        seeds = tuple(o.detach().new_zeros(o.shape).requires_grad_() for o in outputs)
        inner = _gradients(outputs, leaves, seeds, create_graph=True)
        _check(inner, _GRADIENTS, strict)
    with set_grad_enabled(create_graph or mode.grad):
        found = _gradients(inner, seeds, vector, create_graph)
        product = _filled(found, outputs, _BACK_TRICK, strict, create_graph)
    return _pair(outputs, several_out, product, several_out, create_graph)


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and its Hessian times `v`, by differentiating three times."""
    with enable_grad():
        several, leaves, vector, output, first = _first_gradients(
            func, inputs, v, create_graph, strict, "hvp"
        )
        seeds = tuple(i.detach().new_zeros(i.shape).requires_grad_() for i in leaves)
        second = _gradients(first, leaves, seeds, create_graph=True)
    with set_grad_enabled(create_graph or mode.grad):
        found = _gradients(second, seeds, vector, create_graph)
        product = _filled(found, leaves, _DOUBLE_BACK_TRICK, strict, create_graph)
    return _pair((output,), False, product, several, create_graph)


def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The function's value and `v` times its Hessian (which is symmetric, so the same as hvp)."""
    with enable_grad():
        several, leaves, vector, output, first = _first_gradients(
            func, inputs, v, create_graph, strict, "vhp"
        )
    with set_grad_enabled(create_graph or mode.grad):
        found = _gradients(first, leaves, vector, create_graph)
        product = _filled(found, leaves, _DOUBLE_BACK, strict, create_graph)
    return _pair((output,), False, product, several, create_graph)


def _first_gradients(func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str) -> Any:
    """What hvp and vhp begin with: the leaves, the vector, the function's number and its gradients."""
    several, given = _tuple(inputs, "inputs", name)
    leaves = _aliases(given, create_graph, leaves=True)
    vector = _vector(v, leaves, several, name, create_graph, _OF_THE_INPUT)
    output = _number(func, leaves, name, strict)
    first = _gradients((output,), leaves, create_graph=True)
    _check(first, _JACOBIAN, strict)
    return several, leaves, vector, output, first


def _pair(
    outputs: tuple[Tensor, ...],
    several_out: bool,
    product: tuple[Tensor, ...],
    several: bool,
    create_graph: bool,
) -> Any:
    return _as_given(_settle(outputs, create_graph), several_out), _as_given(
        _settle(product, create_graph), several
    )
