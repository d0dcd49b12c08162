"""`torch.func.grad`, `grad_and_value`, `vjp`, `jacrev`: by the backward pass."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd import differentiate
from tensorcli.engine.autograd.graph import disable_saved_tensors_hooks
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import next_number
from tensorcli.engine.callers import functions
from tensorcli.engine.decorators import like
from tensorcli.engine.func.levels import Level, Transform
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import Tree, flatten, mapped, unflatten

Function = Callable[..., Any]
_NO_HOOKS = (
    "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. "
    "Please open an issue with your use case."
)


# ---- inputs by their numbers


def chosen(argnums: Any, count: int) -> tuple[int, ...]:
    """The numbers of the inputs to differentiate by. Errors: RuntimeError for anything but numbers."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    for number in numbers:
        if not isinstance(number, int):
            raise RuntimeError(f"argnum must be int, got: {type(number)}")
        if not -count <= number < count:
            raise RuntimeError(f"Got argnum={number}, but only {count} positional inputs")
    found = tuple(number % count for number in numbers)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {found}")
    return found


def wrapped(level: Level, value: Any) -> Any:
    """A container of inputs with the transform's leaves. Errors: ValueError for what is not a tensor."""
    leaves, tree = flatten(value)
    for one in leaves:
        if not isinstance(one, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(one)}")
    return unflatten([level.leaf(one) for one in leaves], tree)


def replaced(level: Level, args: tuple[Any, ...], numbers: Sequence[int]) -> tuple[Any, ...]:
    """The arguments with the transform's leaves in those places."""
    return tuple(wrapped(level, one) if i in numbers else one for i, one in enumerate(args))


def beside(level: Level, args: Any, numbers: Sequence[int] = ()) -> Any:
    """The arguments of a function with what it is given for those in other places."""
    if isinstance(args, dict):
        return {name: mapped(level.other, one) for name, one in args.items()}
    return tuple(one if i in numbers else mapped(level.other, one) for i, one in enumerate(args))


def gradients(
    outputs: Sequence[Tensor],
    leaves: Sequence[Tensor],
    seeds: Sequence[Any] | None,
    create_graph: bool,
    retain_graph: bool = True,
) -> list[Tensor]:
    """The gradients of outputs that depend on anything, zeros where there are none."""
    given = seeds if seeds is not None else [None] * len(outputs)
    pairs = [(o, s) for o, s in zip(outputs, given, strict=True) if o.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(leaves)
    if pairs and leaves:
        found = differentiate.grad(
            [o for o, _ in pairs],
            list(leaves),
            None if seeds is None else [s for _, s in pairs],
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=True,
        )
    return [
        functions.zeros_like(leaf.detach()) if one is None else one
        for one, leaf in zip(found, leaves, strict=True)
    ]


# ---- grad


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `func` by its inputs `argnums`, and its value.

    Errors: RuntimeError unless `func` gives a scalar tensor (with `has_aux` and something else).
    """

    @like(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with disable_saved_tensors_hooks(_NO_HOOKS), Level() as level:
            numbers = chosen(argnums, len(args))
            args = replaced(level, args, numbers)
            output = func(*beside(level, args, numbers), **beside(level, kwargs))
            aux = None
            if has_aux:
                output, aux = split_aux(output, "grad_and_value(f)(*args)")
            if not isinstance(output, Tensor):
                raise RuntimeError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}"
                )
            if output.ndim:
                raise RuntimeError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with {output.ndim} "
                    "dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            inputs = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers)
            leaves, tree = flatten(inputs)
            found = [marked(one, level) for one in gradients([output], leaves, None, create_graph=True)]
        results, shape = flatten((found, output))
        others, form = flatten(aux if has_aux else ())
        results = [level.outside(one) for one in (*results, *tensors_beside(others))]
        level.close([*results, *level.give_back()])
        found, output = unflatten(results[: len(results) - len(others)], shape)
        aux = unflatten(results[len(results) - len(others) :], form)
        gradient = unflatten(found, tree)
        return (gradient, (output, aux)) if has_aux else (gradient, output)

    return wrapper


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `func` by its inputs `argnums` (with `has_aux`: and what else it gives)."""
    both = grad_and_value(func, argnums, has_aux)

    @like(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, rest = both(*args, **kwargs)
        return (gradient, rest[1]) if has_aux else gradient

    return wrapper


# ---- vjp


def tensors_of(output: Any, name: str) -> tuple[list[Tensor], Tree]:
    """The outputs of a function, for the transform of that name. Errors: RuntimeError for others than tensors, or none."""
    leaves, tree = flatten(output)
    if not leaves or leaves == [None]:
        raise RuntimeError(
            f"{name}: Expected f to be a function that has non-empty output (got output = {leaves})"
        )
    for one in leaves:
        if not isinstance(one, Tensor):
            raise RuntimeError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(one)}"
            )
    return leaves, tree


def split_aux(output: Any, name: str) -> tuple[Any, Any]:
    """What a function gives beside its output. Errors: RuntimeError where it does not."""
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def tensors_beside(leaves: list[Any]) -> list[Any]:
    """The leaves of what a function gives beside its output. Errors: RuntimeError for one that is not a tensor."""
    for one in leaves:
        if not isinstance(one, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(one)}")
    return leaves


def aux_outside(level: Transform, aux: Any) -> Any:
    """What a function gives beside its output, as it is seen outside. Errors: RuntimeError for what is not a tensor."""
    leaves, tree = flatten(aux)
    return unflatten([level.outside(one) for one in tensors_beside(leaves)], tree)


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func`, and a function that gives the products of vectors with its Jacobian."""
    return vjp_by(func, tuple(range(len(primals))), primals, has_aux)


def vjp_by(func: Function, numbers: tuple[int, ...], primals: tuple[Any, ...], has_aux: bool) -> Any:
    """`vjp` by some of the inputs."""
    with disable_saved_tensors_hooks(_NO_HOOKS), Level() as level:
        args = replaced(level, primals, numbers)
        output = func(*beside(level, args, numbers))
        aux = None
        if has_aux:
            output, aux = split_aux(output, "vjp(f, *primals)")
        outputs, shape = tensors_of(output, "vjp(f, *primals)")
        for one in outputs:
            if one.dtype.category < dtypes.FLOATING:
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                    f"{one.dtype}"
                )
        inputs = tuple(args[i] for i in numbers)
        leaves, tree = flatten(inputs)
    value = unflatten([level.outside(one) for one in outputs], shape)
    level.give_back()
    end = next_number()

    def wrapper(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, form = flatten(cotangents)
        if form != shape:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {form.picture()}, primal output: {shape.picture()}"
            )
        create = mode.enabled if create_graph is None else create_graph
        first, inference = next_number(), mode.inference
        mode.inference = False
        try:
            found = gradients(outputs, leaves, given, create_graph=create, retain_graph=retain_graph)
        finally:
            mode.set(mode.grad, inference)
        if not level.tracks:
            level.rejoin(found, end)
        # A gradient that is a cotangent itself, as it came in, is nothing that the transform made.
        own = [one if any(one is each for each in given) else marked(one, level) for one in found]
        found = [level.outside(one) for one in own]
        level.trim(found, first)
        return unflatten(found, tree)

    wrapper.__qualname__ = "_vjp_with_argnums.<locals>.wrapper"
    if has_aux:
        return value, wrapper, aux_outside(level, aux)
    return value, wrapper


def marked(tensor: Tensor, level: Level) -> Tensor:
    """A tensor that was made after its transform ended, as one of the transform."""
    inner = level.own(tensor)
    if level not in inner.levels:
        inner.levels = (*inner.levels, level)
    return tensor


# ---- jacrev


def jacrev(
    func: Function,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:
    """A function that gives the Jacobian of `func`, row by row: for each output and input `output.shape + input.shape`."""
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @like(func)
    def wrapper(*args: Any) -> Any:
        check_real("jacrev", "inputs", args)
        numbers = chosen(argnums, len(args))
        answer = vjp_by(func, numbers, args, has_aux)
        outputs, shape = flatten(answer[0])
        check_real("jacrev", "outputs", outputs)
        inputs = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers)
        leaves, tree = flatten(inputs)
        found = [
            _rows(answer[1], unflatten(seeds, shape), chunk_size == 1) for seeds in bases(outputs, chunk_size)
        ]
        stacked = [one.new_zeros((0, *one.shape)) for one in leaves]
        if found:
            stacked = (
                found[0] if len(found) == 1 else [functions.cat(parts) for parts in zip(*found, strict=True)]
            )
        columns = [column.split([one.geometry.numel for one in outputs], 0) for column in stacked]
        jacobians = [
            unflatten(
                [
                    column[i].view((*output.shape, *leaf.shape))
                    for column, leaf in zip(columns, leaves, strict=True)
                ],
                tree,
            )
            for i, output in enumerate(outputs)
        ]
        result = unflatten(jacobians, shape)
        return (result, answer[2]) if has_aux else result

    return wrapper


def _rows(product: Function, seeds: Any, alone: bool) -> list[Tensor]:
    """The products of rows with a Jacobian, for each input: all at once under vmap, or of one row `alone`."""
    if not alone:
        from tensorcli.engine.batch.vmap import vmap

        return flatten(vmap(product)(seeds))[0]
    leaves, tree = flatten(seeds)
    found = flatten(product(unflatten([one.squeeze(0) for one in leaves], tree)))[0]
    return [one.unsqueeze(0) for one in found]


def bases(tensors: Sequence[Tensor], chunk_size: int | None = None) -> Iterator[list[Tensor]]:
    """The rows of a unit matrix over all elements of the tensors, cut into tensors of their shapes behind a dimension of rows;
    so many rows at a time; none where they have no elements.
    """
    counts = [one.geometry.numel for one in tensors]
    total = sum(counts)
    size = min(total, chunk_size or total)
    if not isinstance(size, int):
        raise TypeError(f"can't multiply sequence by non-int of type '{type_name(type(size))}'")
    for first in range(0, total, size or 1):
        rows = min(size, total - first)
        found, before = [], 0
        for one, count in zip(tensors, counts, strict=True):
            zeros = one.new_zeros((rows, count))
            zeros.diagonal(first - before).fill_(1)
            found.append(zeros.view((rows, *one.shape)))
            before += count
        yield found


def check_real(name: str, which: str, values: Any) -> None:
    """Refuse complex tensors, of which these Jacobians are not made. Errors: RuntimeError."""
    for number, one in enumerate(flatten(values)[0]):
        if isinstance(one, Tensor) and one.dtype.is_complex:
            raise RuntimeError(
                f"{name}: Expected all {which} to be real but received complex tensor at flattened input idx: {number}"
            )
