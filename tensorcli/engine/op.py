"""Op: what the declaration of an operator is, and what derives from it.

An operator is PyTorch's schema line, one gradient formula for each differentiable input, and a kernel. Everything else —
function, method, in-place twin, `out=`, command verb, completion, help — reads the one table `OPS`. Reading a declaration
costs almost nothing: the line is parsed, the arguments' binder compiled and the method attached when first used.

The four kinds of declaration:

* `@op`: arrays in, array out. With `dtype=` (a rule of dtypes.py) it is element-wise: inputs promote and broadcast.
* `@view`: geometry in, geometry out; the result shares storage and version counter.
* `@factory`: sizes in, array out, no tensor among the inputs.
* `@composite`: made of other operators, whose gradients are its gradient.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cached_property, wraps
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tensorcli.engine import effects, schema
from tensorcli.engine.autograd.nodes import FACT
from tensorcli.engine.dtypes import COMMON, PROMOTE
from tensorcli.engine.table import Table

OPS: Final[dict[str, "Op"]] = Table()
"""All operators by their full name (`mul.Tensor`), in the order of declaration, which is the order of the help page."""
PACKETS: Final[dict[str, list["Op"]]] = Table()
"""The overloads of each base name (`mul`)."""

surrounding: Callable[["Op", Callable[..., Any]], Callable[..., Any]] | None = None
"""What is put around whatever runs an operator (`callers.surround_all`)."""
Formula = Callable[..., Any]
Effect = Callable[["Op", tuple[Any, ...]], Any]
"""What becomes of bound values: most are of a kind (effects/)."""


class Gradient(NamedTuple):
    """One formula: the positions of the inputs it gives gradients for, and the names of the values it needs."""

    positions: tuple[int, ...]
    formula: Formula
    names: tuple[str, ...]


class Op:
    """An operator, declared once. Whatever can be worked out from these fields is a cached property, not a field."""

    def __init__(
        self,
        line: str,
        kernel: Callable[..., Any],
        effect: Effect,
        *,
        rule: Any = None,
        formulas: dict[str, Formula | None] | None = None,
        node_index: int = 0,
        variants: str = "",
        chapter: str = "",
        namespace: str = "",
        has_out: bool = True,
        twin_of: "Op | None" = None,
        check: Callable[..., None] | None = None,
        alias_of: "Op | None" = None,
        tracked: bool = True,
        notation: str = "",
        row_major: bool | Callable[..., bool] = False,
        alike: str = "",
        into_self: bool = False,
        stepwise: Container[Any] | Callable[..., Container[Any]] = (),
        tangents: Callable[..., Any] | None = None,
    ) -> None:
        self.line = line
        self.kernel = kernel
        self.effect = effect
        self.rule = rule
        """For element-wise operators: a rule of dtypes.py, or a function of the values that names one."""
        self.formulas = formulas
        self.node_index = node_index
        self.variants = variants
        self.chapter = chapter
        self.namespace = namespace
        self.twin_of = twin_of
        self.check = check
        """Refuses what the kernel could not see: it gets the values as they were passed, before promotion."""
        self.alias_of = alias_of
        self.tracked = tracked
        """Of a view: whether the result is one for autograd (`detach` shares storage and counter and is none)."""
        self.notation = notation
        """The Python signature, in PyTorch's notation, of a method whose parser PyTorch wrote by hand."""
        self.row_major = row_major
        """Of an element-wise operator: its result is row-major whatever the inputs' strides are. Also a function
        of the values that says so."""
        self.alike = tuple(alike.split())
        """The arguments that the kernel reads as the dtype of the first tensor: another one is refused."""
        self.into_self = into_self
        """Of an operator with the rule COMMON: the result has self's dtype, which must be able to hold the common one."""
        self.stepwise = stepwise
        """The reduced dtypes that PyTorch's kernel computes in, rounding after each step: the kernel gets them as they are.
        Also a function of the values that names them."""
        self.tangents = tangents
        """The formula of the results' tangents, where PyTorch's is not what the gradients' formulas say (autograd.dual)."""
        self.name = line.partition("(")[0]
        self.base, _, self.overload = self.name.partition(".")
        self.has_out = has_out and not self.is_hidden

    def steps_in(self, values: Sequence[Any]) -> Container[Any]:
        """The reduced dtypes that the kernel gets as they are, for these values."""
        return self.stepwise(*values) if callable(self.stepwise) else self.stepwise

    @cached_property
    def schema(self) -> schema.Schema:
        """The parsed line."""
        return schema.parse(self.line)._replace(has_out=self.has_out)

    @cached_property
    def retypes(self) -> bool:
        """Of a view: whether its kernel takes and gives a Viewed, which has a dtype and lazy bits, and not a geometry."""
        return self.kernel.__code__.co_varnames[0] == "viewed"

    @cached_property
    def tensors(self) -> tuple[int, ...]:
        """Positions of the arguments that hold tensors."""
        return self.schema.tensors

    @cached_property
    def arity(self) -> int:
        """How many arguments the schema has."""
        return len(self.schema.arguments)

    @cached_property
    def is_hidden(self) -> bool:
        """Whether it is one of the halves of operators that PyTorch shows nobody (`sigmoid_backward`)."""
        return self.base.endswith(("_backward", "_forward"))

    @cached_property
    def is_composed(self) -> bool:
        """Whether it is others, or another name of one: what surrounds operators asks those."""
        return self.effect in (effects.compose, effects.compose_in_place, effects.forward)

    @cached_property
    def is_function(self) -> bool:
        """Whether `torch` shows it under its name."""
        if self.is_hidden or (self.base.endswith("_") and self.base not in IN_PLACE_FUNCTIONS):
            return False
        return self.variants != "method" and not self.namespace

    @cached_property
    def is_method(self) -> bool:
        """Whether a tensor shows it under its name."""
        if self.is_hidden:
            return False
        if self.variants or self.namespace:
            return "method" in self.variants
        return any(argument.name == "self" for argument in self.schema.arguments)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(argument.name for argument in self.schema.arguments)

    @cached_property
    def returns(self) -> tuple[str, ...]:
        """The names of the outputs; "result" for a single unnamed one."""
        returned = self.schema.returns
        if len(returned) == 1:
            return (returned[0].name or "result",)
        return tuple(result.name or f"result{i}" for i, result in enumerate(returned))

    @cached_property
    def gradients(self) -> tuple[Gradient, ...]:
        """The formulas with what they need. Errors: NameError for a name that the operator does not have."""
        if self.twin_of is not None and self.formulas is None:
            return self.twin_of.gradients
        found = []
        for key, formula in (self.formulas or {}).items():
            if formula is None:
                continue
            inputs = tuple(self.names.index(name) for name in re.split("__(?!_)", key))
            code = formula.__code__
            names = code.co_varnames[: code.co_argcount]
            for name in names[1:]:
                if not self._knows(name):
                    raise NameError(
                        f"{self.name}: the gradient of {key} names {name!r}, which the operator has not"
                    )
            found.append(Gradient(inputs, formula, names[1:]))
        return tuple(found)

    @cached_property
    def operands(self) -> tuple[int, ...]:
        """Positions of the arguments that decide the dtype of an element-wise result: the tensors but for selectors,
        and the numbers (type Scalar) unless the rule is PROMOTE, where they are mere parameters."""
        numbers = self.rule is not None and self.rule != PROMOTE
        return tuple(
            i
            for i, argument in enumerate(self.schema.arguments)
            if (argument.type.is_tensor and argument.name not in SELECTORS)
            or (numbers and argument.type.base == "Scalar")
        )

    @cached_property
    def differentiable(self) -> tuple[int, ...]:
        """Positions of the inputs that have an edge in the graph (those whose formula is None have none)."""
        without = {name for name, formula in (self._declared or {}).items() if formula is None}
        return tuple(i for i in self.tensors if self.names[i] not in without)

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """Positions of the outputs that are not differentiable although they are floating: declared as `P=None`, and all but the
        first where no formula takes the gradients of several (`grads`)."""
        declared = self._declared or {}
        alone = bool(self.gradients) and not any(takes_all for _, takes_all, _, _ in self.plan.gradients)
        return tuple(
            i
            for i, name in enumerate(self.returns)
            if (alone and i) or (name in declared and name not in self.names)
        )

    @property
    def _declared(self) -> dict[str, Formula | None] | None:
        return self.twin_of.formulas if self.twin_of is not None and self.formulas is None else self.formulas

    @cached_property
    def compiled_for(self) -> tuple[str, frozenset[Any]] | None:
        """The kernel that PyTorch calls and the dtypes it takes, where those are few (effects.dispatch)."""
        from tensorcli.engine.effects.dispatch import compiled_for

        return compiled_for(self)

    @cached_property
    def inner_writes(self) -> Any:
        """How often PyTorch's kernel writes into its own result (effects.inner); 0 for most."""
        from tensorcli.engine.effects.inner import COMPOSED, WRITES

        return COMPOSED.get(self.base) or WRITES.get(self.name) or WRITES.get(self.base, 0)

    @cached_property
    def run(self) -> Callable[[tuple[Any, ...]], Any]:
        """What runs the operator on bound values: its effect, compiled for it where that pays."""
        found = effects.compiled(self)
        return found if surrounding is None else surrounding(self, found)

    @cached_property
    def node_class(self) -> Any:
        """The class of its nodes."""
        from tensorcli.engine.autograd.nodes import node_class

        return node_class(self)

    @cached_property
    def plan(self) -> Any:
        """What its nodes save, worked out once (autograd.recording.Plan)."""
        from tensorcli.engine.autograd.recording import Plan

        return Plan(self)

    @cached_property
    def node_name(self) -> str:
        """PyTorch's name of the node: `mul` gives MulBackward0, `nll_loss_forward` NllLossBackward0."""
        words = self.base.removesuffix("_forward").strip("_").split("_")
        return f"{''.join(word.title() for word in words)}Backward{self.node_index}"

    def _knows(self, name: str) -> bool:
        if name in self.names or name in self.returns or name in ("result", "needs"):
            return True
        fact = FACT.fullmatch(name)
        return fact is not None and (fact[1] in self.names or fact[1] in self.returns)

    def __repr__(self) -> str:
        return f"<operator {self.line}>"


IN_PLACE_FUNCTIONS: Final = frozenset(
    "abs_ acos_ acosh_ addmv_ alpha_dropout_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ "
    "atanh_ ceil_ celu_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ dropout_ "
    "embedding_renorm_ erf_ erfc_ exp2_ exp_ expm1_ feature_alpha_dropout_ feature_dropout_ fill_ fix_ floor_ frac_ gcd_ i0_ "
    "index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ resize_as_ "
    "round_ rrelu_ rsqrt_ selu_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ threshold_ trunc_ xlogy_ zero_".split()
)
"""The in-place operators that PyTorch shows as functions too; the others are methods only."""
SELECTORS: Final = ("condition", "mask", "sorter")
"""Tensor arguments that choose elements and do not promote."""


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
    arguments, results, and tangents of arguments (`self_t`; zeros where there is none). None is no tangent, NotImplemented leaves
    it to the gradients.
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
        from tensorcli.engine.autograd.recording import refuse_gradient

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
