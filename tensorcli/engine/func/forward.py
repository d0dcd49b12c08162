"""`torch.func.jvp`, `jacfwd`, `hessian`, `linearize`: products of the Jacobian with tangents, by dual tensors.

A running `jvp` is a level of forward-mode differentiation (autograd.dual) among the transforms: the function gets views of its
inputs with the tangents beside them, and what it gives has its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.dual import open_level
from tensorcli.engine.autograd.modes import mode, opened, pushed_through, set_as_outside
from tensorcli.engine.autograd.nodes import next_number
from tensorcli.engine.autograd.tangents import ForwardLevel
from tensorcli.engine.batch.layer import lifted
from tensorcli.engine.callers import functions
from tensorcli.engine.decorators import like
from tensorcli.engine.func.levels import Level, Transform
from tensorcli.engine.func.reverse import (
    aux_outside,
    bases,
    check_real,
    chosen,
    gradients,
    jacrev,
    marked,
    split_aux,
    tensors_of,
)
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import Tree, flatten, mapped, unflatten

Function = Callable[..., Any]
_NAME = "jvp(f, primals, tangents)"


class Pushing(Transform):
    """A transform that pushes tangents forward. Errors: RuntimeError in a `dual_level`."""

    level: ForwardLevel

    def __enter__(self) -> Self:
        if opened and not opened[-1].nests:
            raise RuntimeError("Nested forward mode AD is not supported at the moment")
        self.level = open_level(nests=True)
        super().__enter__()
        self.before = None, mode.inference
        mode.set(mode.grad, False)
        return self

    def __exit__(self, *error: Any) -> None:
        set_as_outside((self,))
        super().__exit__(*error)
        self.level.close()

    def dual(self, primal: Tensor, tangent: Tensor) -> Tensor:
        """What the function gets for an input: a view of it, with the tangent. Errors: RuntimeError for one that does not fit."""
        with self.level.below():
            found = lifted(functions.alias(primal))
        found.levels = (*primal.levels, self)
        self.level.set_tangent(found, tangent)
        self.give(found)
        return found

    def other(self, argument: Any) -> Any:
        """What a function gets for an argument without a tangent: a view of a tensor, which it may write into."""
        if not isinstance(argument, Tensor):
            return argument
        with self.level.below():
            found = lifted(functions.alias(argument))
        found.levels = (*argument.levels, self)
        self.give(found)
        return found

    def tangent(self, output: Tensor, strict: bool) -> Tensor:
        """The tangent of an output: zeros where it has none, which is refused with `strict` (RuntimeError)."""
        if strict and self.level.tangent_of(output) is None:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
                "with strict=True."
            )
        return self.level.tangent_or_zeros(output)


def _push(
    func: Function,
    inputs: Sequence[Tensor],
    shape: Tree,
    tangents: Sequence[Tensor],
    has_aux: bool,
    strict: bool,
    others: Sequence[Any] = (),
) -> tuple[list[Tensor], list[Tensor], Tree, Any]:
    """The outputs of a function, their tangents, how it holds them, and what it gives beside them. It is called with `others`
    behind its inputs.
    """
    with Pushing() as pushing:
        given = [pushing.dual(*pair) for pair in zip(inputs, tangents, strict=True)]
        output = func(*unflatten(given, shape), *(mapped(pushing.other, one) for one in others))
        aux = None
        if has_aux:
            output, aux = split_aux(output, _NAME)
            aux = aux_outside(pushing, aux)
        outputs, form = tensors_of(output, _NAME)
        found = [pushing.tangent(one, strict) for one in outputs]
    return [functions.alias(one) for one in outputs], found, form, aux


def _check_floating(name: str, values: Any) -> None:
    for one in values:
        if isinstance(one, Tensor) and one.dtype.category < dtypes.FLOATING:
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {one.dtype}")


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of `func`, and the product of its Jacobian with the tangents (with `has_aux`: and what else it gives).

    Errors: RuntimeError for what do not fit, and with `strict` for an output that does not depend on the inputs.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{_NAME}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
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
    _check_floating("primal", inputs)
    _check_floating("tangent", given)
    outputs, found, tree, aux = _push(func, inputs, shape, given, has_aux, strict)
    value, product = unflatten(outputs, tree), unflatten(found, tree)
    return (value, product, aux) if has_aux else (value, product)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of `func`, and the function that gives the products of its Jacobian there with tangents.

    `func` runs twice. The tangents that it gives the second time are linear in those that come in: the gradient by them is linear
    in its seeds, and its gradient by those is the same map again.
    """
    value = func(*primals)
    inputs, shape = flatten(primals)
    zeros = [one.new_empty(()).zero_().expand_as(one) for one in inputs]
    _check_floating("primal", inputs)
    with Level() as level, pushed_through():
        leaves = [level.leaf(one) for one in zeros]
        with Pushing() as pushing:
            duals = [pushing.dual(*pair) for pair in zip(inputs, leaves, strict=True)]
            outputs, tree = flatten(func(*unflatten(duals, shape)))
            pushed = [pushing.tangent(one, False) if isinstance(one, Tensor) else one for one in outputs]
        # What has no tangents is given as it is: zeros of whole numbers, and what is no tensor.
        moving = [
            i
            for i, one in enumerate(pushed)
            if isinstance(one, Tensor) and one.dtype.category >= dtypes.FLOATING
        ]
        seeds = [level.leaf(functions.ones_like(pushed[i])) for i in moving]
        transposed = gradients([pushed[i] for i in moving], leaves, seeds, create_graph=True)
    pushed = [level.outside(one) for one in pushed]

    def jvp_fn(*tangents: Any) -> Any:
        given, form = flatten(tangents)
        if form != shape:
            raise RuntimeError(
                f"Expected the tangents {form} to have the same argspec as the primals {shape}"
            )
        for i, (primal, tangent) in enumerate(zip(inputs, given, strict=True)):
            for what in ("shape", "device", "dtype"):
                if getattr(tangent, what) != getattr(primal, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(tangent, what)} in flattened pytree doesn't match the {what} "
                        f"{getattr(primal, what)} of the corresponding primal."
                    )
        first = next_number()
        # Copies, as the result may be a tangent itself.
        copies = [functions.clone(one) for one in given]
        found = gradients(transposed, seeds, copies, create_graph=mode.enabled)
        found = [level.outside(marked(one, level)) for one in found]
        level.trim(found, first)
        places = dict(zip(moving, found, strict=True))
        return unflatten([places.get(i, one) for i, one in enumerate(pushed)], tree)

    jvp_fn.__qualname__ = "linearize.<locals>.jvp_fn"
    return value, jvp_fn


def jacfwd(func: Function, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """A function that gives the Jacobian of `func`, column by column: for each output and input `output.shape + input.shape`.

    An input that is chosen from the end has its tangents, but `func` gets it without: the Jacobian by it is zero, as PyTorch's.
    """

    from tensorcli.engine.batch import vmap

    @like(func)
    def wrapper(*args: Any) -> Any:
        check_real("jacfwd", "inputs", args)
        numbers = chosen(argnums, len(args))
        chosen_inputs = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers)
        leaves, shape = flatten(tuple(args[i] for i in numbers))
        _, tree = flatten(chosen_inputs)
        vmap.check_randomness(randomness)
        _check_floating("primal", leaves)

        asked = (argnums,) if isinstance(argnums, int) else argnums
        rest = [i for i in range(len(args)) if i not in asked]

        def called(*given: Any) -> Any:
            places = dict(zip((*asked, *rest), given, strict=True))
            return func(*(places[i] for i in range(len(args))))

        def columns_of(*tangents: Tensor) -> tuple[Any, Any]:
            others = [args[i] for i in rest]
            outputs, found, form, aux = _push(called, leaves, shape, tangents, has_aux, False, others)
            check_real("jacfwd", "outputs", outputs)
            return unflatten(found, form), aux if has_aux else ()

        tangents = next(bases(leaves), [one.new_zeros((0, *one.shape)) for one in leaves])
        columns, aux = vmap.mapped(columns_of, 0, 0, randomness, None, tuple(tangents), {})
        found, form = flatten(columns)
        result = unflatten([_matrix(one, leaves, tree) for one in found], form)
        return (result, mapped(lambda one: one[0], aux)) if has_aux else result

    return wrapper


def _matrix(column: Any, leaves: list[Tensor], tree: Tree) -> Any:
    """The Jacobians of one output: its tangents, one for each element of the inputs, put behind its own dimensions."""
    parts = column.movedim(0, -1).split([one.geometry.numel for one in leaves], -1)
    return unflatten(
        [part.view((*column.shape[1:], *leaf.shape)) for part, leaf in zip(parts, leaves, strict=True)], tree
    )


def hessian(func: Function, argnums: Any = 0) -> Function:
    """A function that gives the Hessian of `func`: the Jacobian, by columns, of its Jacobian by rows."""
    return jacfwd(jacrev(func, argnums), argnums)
