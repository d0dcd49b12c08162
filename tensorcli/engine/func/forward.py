"""`torch.func.jvp`, `linearize`, `jacfwd`, `hessian`: products of the Jacobian with tangents, by differentiating twice.

The gradient by the outputs' seeds is linear in the seeds; its gradient by them, with the tangents for seeds, is the product.
The function runs once. It may write into its inputs, and `no_grad` does not stop tangents, but those of a gradient taken inside.
Unlike in PyTorch its inputs say that they require grad.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import forward, pushed_through
from tensorcli.engine.callers import functions
from tensorcli.engine.decorators import like
from tensorcli.engine.func.levels import Level
from tensorcli.engine.func.reverse import (
    aux_outside,
    bases,
    check_real,
    chosen,
    gradients,
    jacrev,
    marked,
    replaced,
    split_aux,
    tensors_of,
)
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import Tree, flatten, mapped, unflatten

Function = Callable[..., Any]
_NAME = "jvp(f, primals, tangents)"


class _Pushing:
    """A function at one point: its outputs, and what becomes of tangents. Differentiated at a level of its own."""

    def __init__(
        self, func: Function, args: tuple[Any, ...], numbers: tuple[int, ...], has_aux: bool
    ) -> None:
        with Level() as self.level:
            self.level.pushes = True
            given = replaced(self.level, args, numbers)
            self.leaves = flatten(tuple(given[i] for i in numbers))[0]
            output = func(
                *(mapped(self.level.entry, one) if i in numbers else one for i, one in enumerate(given))
            )
            self.aux = None
            if has_aux:
                output, self.aux = split_aux(output, _NAME)
            self.outputs, self.shape = tensors_of(output, _NAME)
            _refuse_without_derivative(self.level, self.outputs)
            floating = [one for one in self.outputs if one.dtype.category >= dtypes.FLOATING]
            self.seeds = [self.level.leaf(functions.ones_like(one.detach())) for one in floating]
            with pushed_through():
                self.inner = gradients(floating, self.leaves, self.seeds, create_graph=True)

    def value(self) -> Any:
        """The outputs as they are seen outside."""
        return unflatten([self.level.outside(one) for one in self.outputs], self.shape)

    def push(self, tangents: list[Tensor]) -> list[Tensor]:
        """The tangents of the outputs."""
        with Level() as pushing, pushed_through():
            found = gradients(self.inner, self.seeds, tangents, create_graph=True)
        # What is a tangent as it came in becomes one of its own.
        found = [
            one.clone() if any(one is each for each in tangents) else pushing.outside(one) for one in found
        ]
        pushed = iter([self.level.outside(marked(one, self.level)) for one in found])
        return [
            next(pushed)
            if one.dtype.category >= dtypes.FLOATING
            else functions.zeros_like(self.level.outside(one))
            for one in self.outputs
        ]


def _refuse_without_derivative(level: Level, outputs: list[Tensor]) -> None:
    """Errors: NotImplementedError where an operator on the way has no forward derivative in PyTorch, of the first of them. Of the
    gradients of operators PyTorch differentiates what they are made of.
    """
    from tensorcli.engine.autograd.dual import refuse

    found: dict[int, Any] = {}
    stack = [level.own(one).node for one in outputs]
    while stack:
        node = stack.pop()
        if node is not None and id(node) not in found:
            found[id(node)] = node
            stack.extend(target for target, _ in node.edges)
    for node in sorted(found.values(), key=lambda each: each.sequence):
        op = getattr(node, "op", None)
        if op is not None and not op.base.endswith("_backward"):
            refuse(op)


def _check_floating(name: str, values: Any) -> None:
    for one in values:
        if isinstance(one, Tensor) and one.dtype.category < dtypes.FLOATING:
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {one.dtype}")


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of `func`, and the product of its Jacobian with the tangents. Errors: RuntimeError for what do not fit."""
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{_NAME}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    if forward:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    inputs, shape = flatten(primals)
    given, form = flatten(tangents)
    if form != shape:
        raise RuntimeError(
            f"{_NAME}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of "
            f"3 tensors, tangents also must be. Got primals with structure {shape} and tangents with structure {form}"
        )
    for name, leaves in (("primals", inputs), ("tangents", given)):
        if not leaves:
            raise RuntimeError(f"{_NAME}: Expected {name} to contain at least one Tensor.")
        for one in leaves:
            if not isinstance(one, Tensor):
                raise RuntimeError(f"{_NAME}: Expected {name} to only contain Tensors, got {type(one)}")
    for primal, tangent in zip(inputs, given, strict=True):
        if primal.shape != tangent.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
                f"supported. Tensor is of size {list(primal.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )
    _check_floating("primal", inputs)
    _check_floating("tangent", given)
    pushing = _Pushing(func, primals, tuple(range(len(primals))), has_aux)
    found = unflatten(pushing.push(given), pushing.shape)
    value = mapped(lambda one: functions.alias(one) if one.requires_grad else one, pushing.value())
    return (value, found, aux_outside(pushing.level, pushing.aux)) if has_aux else (value, found)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of `func`, and the function that gives the products of its Jacobian there with tangents."""
    inputs, shape = flatten(primals)
    pushing = _Pushing(func, primals, tuple(range(len(primals))), False)

    def jvp_fn(*tangents: Any) -> Any:
        given, form = flatten(tangents)
        if form != shape:
            raise RuntimeError(
                f"Expected the tangents {form} to have the same argspec as the primals {shape}"
            )
        for i, (primal, tangent) in enumerate(zip(inputs, given, strict=True)):
            for what in ("shape", "dtype"):
                if getattr(tangent, what) != getattr(primal, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(tangent, what)} in flattened pytree doesn't match the {what} "
                        f"{getattr(primal, what)} of the corresponding primal."
                    )
        return unflatten(pushing.push(given), pushing.shape)

    jvp_fn.__qualname__ = "linearize.<locals>.jvp_fn"
    return pushing.value(), jvp_fn


def pushed(
    func: Function,
    args: tuple[Any, ...],
    numbers: tuple[int, ...],
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> tuple[_Pushing, list[Tensor], Any]:
    """A function at one point, the tangents of its outputs, one for each element of the inputs with these numbers, and what it
    gives besides. It runs inside a vmap over the tangents, which is asked for random numbers.
    """
    from tensorcli.engine.batch import vmap

    leaves = flatten([args[i] for i in numbers])[0]
    _check_floating("primal", leaves)
    pushings: list[_Pushing] = []

    def columns_of(*tangents: Tensor) -> tuple[Any, Any]:
        pushings.append(_Pushing(func, args, numbers, has_aux))
        pushing = pushings[0]
        return pushing.push(list(tangents)), aux_outside(pushing.level, pushing.aux) if has_aux else ()

    tangents = next(bases(leaves), [one.new_zeros((0, *one.shape)) for one in leaves])
    columns, aux = vmap.mapped(columns_of, 0, 0, randomness, None, tuple(tangents), {})
    return pushings[0], columns, mapped(lambda one: one[0], aux)


def jacfwd(func: Function, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """A function that gives the Jacobian of `func`, column by column: for each output and input `output.shape + input.shape`."""

    from tensorcli.engine.batch.vmap import check_randomness

    @like(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        check_real("jacfwd", "inputs", args)
        numbers = chosen(argnums, len(args))
        inputs = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers)
        _, tree = flatten(inputs)
        check_randomness(randomness)
        pushing, columns, aux = pushed(
            lambda *given: func(*given, **kwargs), args, numbers, has_aux, randomness=randomness
        )
        check_real("jacfwd", "outputs", pushing.outputs)
        result = unflatten(
            [_matrix(*pair, pushing.leaves, tree) for pair in zip(columns, pushing.outputs, strict=True)],
            pushing.shape,
        )
        return (result, aux) if has_aux else result

    return wrapper


def _matrix(column: Any, output: Tensor, leaves: list[Tensor], tree: Tree) -> Any:
    """The Jacobians of one output: its tangents, one for each element of the inputs, put behind its own dimensions."""
    parts = column.movedim(0, -1).split([one.geometry.numel for one in leaves], -1)
    return unflatten(
        [part.view((*output.shape, *leaf.shape)) for part, leaf in zip(parts, leaves, strict=True)], tree
    )


def hessian(func: Function, argnums: Any = 0) -> Function:
    """A function that gives the Hessian of `func`: the Jacobian, by columns, of its Jacobian by rows."""
    return jacfwd(jacrev(func, argnums), argnums)
