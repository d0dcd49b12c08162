"""How an operator is declared: `@op`, `@view`, `@factory`, `@composite`, and `alias` for another name of one.

* `@op`: arrays in, array out. With `dtype=` (a rule of dtypes.py) it is element-wise: inputs promote and broadcast.
* `@view`: geometry in, geometry out; the result shares storage and version counter.
* `@factory`: sizes in, array out, no tensor among the inputs.
* `@composite`: made of other operators, whose gradients are its gradient.

Each puts one `Op` (op.py) into the table, and its in-place twin where there is one.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any

from tensorcli.engine import effects
from tensorcli.engine.autograd.recording import refuse_gradient
from tensorcli.engine.dtypes import COMMON
from tensorcli.engine.op import Effect, Formula, Op
from tensorcli.engine.table import OPS, PACKETS


def _chapter(function: Callable[..., Any]) -> str:
    return function.__module__.rpartition(".")[2]


def _register(found: Op) -> Op:
    if OPS.setdefault(found.name, found) is not found:
        raise ValueError(f"{found.name} is declared twice")
    PACKETS.setdefault(found.base, []).append(found)
    return found


def op(
    line: str,
    /,
    *,
    dtype: str | Callable[..., str] | None = None,
    inplace: bool | Mapping[str, Any] = False,
    node: int = 0,
    variants: str = "",
    namespace: str = "",
    notation: str = "",
    out: bool = True,
    check: Callable[..., None] | None = None,
    row_major: bool | Callable[..., bool] = False,
    alike: str = "",
    into_self: bool = False,
    stepwise: Container[Any] | Callable[..., Container[Any]] = (),
    tangents: Callable[..., Any] | None = None,
    constant: str = "",
    effect: Effect | None = None,
    **formulas: Formula | None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operator by its schema line, its formulas and the kernel below.

    The kernel takes the array module and the values of the arguments, tensors as arrays; it returns a new array (or a
    tuple of them). When the schema writes an argument (`Tensor(a!) self`), the kernel writes into that array.
    `inplace=True` derives the in-place twin; a mapping says in what it differs: its `name`, `node`, `check`, and formulas of
    its own. `node` is the number at the end of the node's name. `check` is called with the values before promotion.
    `out` says whether the function takes `out=`.
    `row_major` says that the result is row-major whatever the inputs' strides are. `alike` names the arguments that must
    have the dtype of the first tensor. `into_self` says that the result has self's dtype, whatever the inputs promote to.
    `stepwise` names the reduced dtypes that the kernel gets as they are, not widened to float32.
    `tangents` gives the tangents of the results where PyTorch's are not what the gradients' formulas say: its parameters name
    arguments, results, tangents of arguments (`self_t`; zeros where there is none), and whether an argument has one
    (`self_dual`). None is no tangent, NotImplemented leaves it to the gradients.
    `constant` names the arguments that have no formula and are refused where they require grad; one whose formula is None is
    taken all the same.
    `effect` is for the few operators that are of no kind: it gets the declaration and the values, and does all; the function
    below gives the help.
    """

    def declare(kernel: Callable[..., Any]) -> Callable[..., Any]:
        writes = "(a!)" in line
        kind = effects.write if writes else effects.pointwise if dtype and dtype != COMMON else effects.fresh
        declared = Op(
            line,
            kernel,
            effect or kind,
            rule=dtype,
            formulas=formulas | dict.fromkeys(constant.split()),
            node_index=node,
            variants=variants,
            chapter=_chapter(kernel),
            namespace=namespace,
            has_out=out and not writes,
            check=check,
            notation=notation,
            row_major=row_major,
            alike=alike,
            into_self=into_self,
            stepwise=stepwise,
            tangents=tangents,
        )
        if constant:
            declared.check = _refusing(declared, constant.split())
        _register(declared)
        if inplace:
            _register(_twin(declared, {} if inplace is True else inplace))
        return kernel

    return declare


def _refusing(declared: Op, constant: Sequence[str]) -> Callable[..., None]:
    """The check of an operator, before which it refuses what requires grad among some arguments."""
    check = declared.check

    def refusing(*values: Any) -> None:
        refuse_gradient(declared.base, {name: values[declared.names.index(name)] for name in constant})
        if check is not None:
            check(*values)

    return refusing


def _twin(origin: Op, differs: Mapping[str, Any] = MappingProxyType({})) -> Op:
    """The in-place twin: `mul.Tensor(Tensor self, …) -> Tensor` gives `mul_.Tensor(Tensor(a!) self, …) -> Tensor(a!)`."""
    name, _, rest = origin.line.partition("(")
    base, dot, overload = name.partition(".")
    name = differs.get("name", f"{base}_{dot}{overload}")
    arguments, _, _ = rest.rpartition(") -> ")
    arguments = arguments.replace("Tensor(a) self", "Tensor self").replace(
        "Tensor self", "Tensor(a!) self", 1
    )
    line = f"{name}({arguments}) -> Tensor(a!)"
    formulas = {
        key: value for key, value in differs.items() if key not in ("name", "node", "check", "kernel")
    } or None
    return Op(
        line,
        differs.get("kernel", origin.kernel),
        effects.write_twin,
        rule=origin.rule,
        formulas=formulas,
        node_index=differs.get("node", origin.node_index),
        variants=origin.variants,
        chapter=origin.chapter,
        namespace=origin.namespace,
        has_out=False,
        twin_of=origin,
        check=differs.get("check", origin.check),
    )


def view(
    line: str,
    /,
    *,
    inplace: bool | Mapping[str, Any] = False,
    node: int = 0,
    variants: str = "",
    namespace: str = "",
    tracked: bool = True,
    **formulas: Formula | None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a view: the kernel maps a geometry (and the other arguments) to a geometry, or to a list of them.

    A kernel that changes the dtype or the lazy bits takes a Viewed (geometry, dtype, lazy) where its first parameter is
    called `viewed`, and returns one. The kernel is at the same time the replay that in-place writes through views need.
    `inplace` derives the twin that moves its own handle, as in `op`.
    """

    def declare(kernel: Callable[..., Any]) -> Callable[..., Any]:
        declared = Op(
            line,
            kernel,
            effects.view,
            formulas=formulas,
            node_index=node,
            variants=variants,
            chapter=_chapter(kernel),
            namespace=namespace,
            has_out=False,
            tracked=tracked,
        )
        _register(declared)
        if inplace:
            twin = _twin(declared, {} if inplace is True else inplace)
            twin.effect = effects.restride
            twin.variants = "method"
            _register(twin)
        return kernel

    return declare


def factory(
    line: str, /, *, out: bool = True, namespace: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a factory: the kernel takes the array module and the arguments up to `dtype`, which arrives resolved."""

    def declare(kernel: Callable[..., Any]) -> Callable[..., Any]:
        _register(
            Op(line, kernel, effects.create, chapter=_chapter(kernel), namespace=namespace, has_out=out)
        )
        return kernel

    return declare


def composite(
    line: str,
    /,
    *,
    variants: str = "",
    namespace: str = "",
    out: bool = False,
    inplace: bool = False,
    notation: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operator that is made of others: the function below takes tensors and returns a tensor, or as many
    as the line has results.

    `notation` is the signature of a method that PyTorch parses by hand (`"to(ScalarType dtype, bool copy=False)"`): the
    function takes self and the values of that signature.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        declared = Op(
            line,
            function,
            effects.compose,
            variants=variants,
            chapter=_chapter(function),
            namespace=namespace,
            has_out=out,
            notation=notation,
        )
        if line.endswith(")"):
            declared.kernel = _naming(declared)
        _register(declared)
        if inplace:
            twin = _twin(declared)
            twin.effect = effects.compose_in_place
            _register(twin)
        return function

    return declare


def _naming(declared: Op) -> Callable[..., Any]:
    """The function of a composite with several results, which get the names that its line has for them."""
    function = declared.kernel

    @wraps(function)
    def naming(*values: Any) -> Any:
        return effects.named(declared, function(*values))

    return naming


def alias(
    name: str,
    origin: str,
    /,
    *overloads: str,
    namespace: str = "",
    twin: bool = True,
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Declare another name of an operator and of its in-place twin (all overloads, unless some are named).

    `renamed` says which overloads have another name too.
    """
    for base, new in ((origin, name), (f"{origin}_", f"{name}_"))[: 2 if twin else 1]:
        for found in tuple(PACKETS.get(base, ())):
            if overloads and found.overload not in overloads:
                continue
            overload = renamed.get(found.overload, found.overload)
            line = f"{new}{overload and '.'}{overload}{found.line[len(found.name) :]}"
            _register(
                Op(
                    line,
                    found.kernel,
                    effects.forward,
                    variants="" if namespace else found.variants,
                    chapter=found.chapter,
                    namespace=namespace,
                    has_out=found.has_out,
                    alias_of=found,
                )
            )
