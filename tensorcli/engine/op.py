"""Op: what an operator is, and what follows from its declaration.

An operator is PyTorch's schema line, one gradient formula for each differentiable input, and a kernel (declare.py).
Everything else (function, method, in-place twin, `out=`, command, completion, help) reads the one table `OPS`. Reading a
declaration costs almost nothing: the line is parsed, the binder of the arguments compiled and the method attached when they
are first used.
"""

import re
from collections.abc import Callable, Container, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from tensorcli.engine import effects, schema
from tensorcli.engine.autograd import nodes
from tensorcli.engine.autograd.recording import Plan
from tensorcli.engine.dtypes import PROMOTE
from tensorcli.engine.effects import inner

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
    """An operator: what was declared, and what follows from it.

    The attributes set in `__init__` are the declaration; whatever can be worked out from them is a cached property.
    """

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
        """Of a view: whether the result is a view for autograd, too (`detach` shares storage and counter, and is not)."""
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
    def writes(self) -> bool:
        """Whether it writes its first argument, and returns it."""
        return "(a!)" in self.line

    @cached_property
    def is_hidden(self) -> bool:
        """Whether it is one of the halves of operators that PyTorch shows nobody (`sigmoid_backward`)."""
        return self.base.endswith(("_backward", "_forward"))

    @cached_property
    def is_composed(self) -> bool:
        """Whether it only calls others, or is another name of one: what surrounds operators surrounds those instead."""
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
        return inner.COMPOSED.get(self.base) or inner.WRITES.get(self.name) or inner.WRITES.get(self.base, 0)

    @cached_property
    def run(self) -> Callable[[tuple[Any, ...]], Any]:
        """What runs the operator on the values of its schema: its effect, or a faster way compiled for it."""
        found = effects.compiled(self)
        return found if surrounding is None else surrounding(self, found)

    @cached_property
    def node_class(self) -> Any:
        """The class of its nodes."""
        return nodes.node_class(self)

    @cached_property
    def plan(self) -> Any:
        """What its nodes save (autograd.recording.Plan)."""
        return Plan(self)

    @cached_property
    def node_name(self) -> str:
        """PyTorch's name of the node: `mul` gives MulBackward0, `nll_loss_forward` NllLossBackward0."""
        words = self.base.removesuffix("_forward").strip("_").split("_")
        return f"{''.join(word.title() for word in words)}Backward{self.node_index}"

    def _knows(self, name: str) -> bool:
        if name in self.names or name in self.returns or name in ("result", "needs"):
            return True
        stem, _ = nodes.fact_of(name)
        return stem in self.names or stem in self.returns

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
