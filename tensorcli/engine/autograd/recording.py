"""Recording a call: whether it gets a node, the node's edges, and the values that it saves.

What the gradient formulas name is what a node saves; a Plan works that out once an operator.
"""

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import events, messages
from tensorcli.engine.autograd.edges import NO_EDGE, Edge, gradient_edge
from tensorcli.engine.autograd.modes import aside, forward, mode, transforms
from tensorcli.engine.autograd.nodes import Node, fact_of
from tensorcli.engine.autograd.saved import SavedNumber, SavedPacked, SavedTensor, hooks
from tensorcli.engine.devices import CPU
from tensorcli.engine.dtypes import COMPARE, FLOATING, LOGICAL, dtype
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor, alias, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def _slots(op: "Op") -> dict[Any, tuple[int, int | None]]:
    """Where each differentiable input's edges stand: (start, stop); stop None for a list of tensors at the end."""
    found = _slot_tables.get(op.name)
    if found is None:
        found = {}
        at = 0
        for position in op.differentiable:
            is_list = op.schema.arguments[position].type.is_list
            found[position] = (at, None if is_list else at + 1)
            at += 1
        found[None] = (0, at)
        _slot_tables[op.name] = found
    return found


_slot_tables: dict[str, dict[Any, tuple[int, int | None]]] = {}


_REAL_ONLY: Final = frozenset(
    "nan_to_num slice_scatter select_scatter slice_copy silu embedding geqrf scatter_reduce index_reduce "
    "cummax cummin conv_tbc".split()
)
"""Operators whose formulas PyTorch does not trust with complex numbers."""


_WRAPPED: Final = {"_trilinear": {"i1": ("i2", "i3"), "i2": ("i1", "i3"), "i3": ("i1", "i2")}}
"""What formulas for several inputs say themselves that they need for some alone (wrap_opt_if in derivatives.yaml)."""


class Plan:
    """What the nodes of one operator need, worked out once from its schema and formulas."""

    __slots__ = ("differentiable", "gradients", "inputs", "outputs", "real_only")

    def __init__(self, op: "Op") -> None:
        names, returns, slots = op.names, op.returns, _slots(op)
        self.differentiable = op.differentiable
        self.real_only = op.base in _REAL_ONLY
        self.gradients = tuple(
            (formula, formula.__code__.co_varnames[0] == "grads", tuple(slots[p] for p in positions), needed)
            for positions, formula, needed in op.gradients
        )
        inputs: dict[tuple[str, int, str], list[Any]] = {}
        outputs: set[tuple[str, int, str]] = set()
        for positions, _, needed in op.gradients:
            wanted = tuple(slots[p] for p in positions)
            for name in needed:
                stem, fact = fact_of(name)
                if name == "needs":
                    continue
                if name in names:
                    inputs.setdefault((name, names.index(name), ""), []).append(wanted)
                elif name == "result" or name in returns:
                    outputs.add((name, 0 if name == "result" else returns.index(name), ""))
                elif stem in names:
                    inputs.setdefault((name, names.index(stem), fact), []).append(wanted)
                else:
                    outputs.add((name, 0 if stem == "result" else returns.index(stem), fact))
        self.inputs = [(_left_out_without(op, need, used), *need) for need, used in sorted(inputs.items())]
        """What the gradients need of the inputs, in the order of the names, in which PyTorch's nodes pack and unpack it: the
        slots without whose edge it is left out (None: never), its name, the input's position, and the fact that it is.
        """
        self.outputs = sorted(outputs)
        """What they need of the results: (name, position, fact)."""


def _left_out_without(
    op: "Op", need: tuple[str, int, str], used: list[tuple[Any, ...]]
) -> tuple[Any, ...] | None:
    """The slots of the inputs without whose edge nodes leave out what formulas need of an input: a tensor that only one input's
    gradient needs, as in PyTorch. It does not look where there is one input, or a list of them, nor in what is itself a
    gradient, nor at what one formula needs for several (guard_for in gen_variable_type.py). `used`: the slots of the inputs of
    each formula that needs it.
    """
    slots, arguments = _slots(op), op.schema.arguments
    name, position, fact = need
    if name in _WRAPPED.get(op.base, ()):
        return tuple(slots[op.names.index(one)] for one in _WRAPPED[op.base][name])
    looks = len(slots) > 2 and not any(arguments[p].type.is_list for p in op.differentiable)
    looks = looks and "backward" not in op.base and not fact and arguments[position].type.is_tensor
    if looks and len(used) == 1 and len(used[0]) == 1 and not arguments[position].type.optional:
        return used[0]
    return None


def wants_grad(op: "Op", values: Sequence[Any]) -> bool:
    """Whether grad mode is on and some differentiable input requires grad."""
    if not mode.enabled:
        return False
    for i in op.differentiable:
        value = values[i]
        if isinstance(value, Tensor):
            if value.requires_grad:
                return not value.inference or _tracked(op, values)
        elif type(value) in (list, tuple):
            for one in value:
                if isinstance(one, Tensor) and one.requires_grad:
                    return not one.inference or _tracked(op, values)
    return False


_ANSWERS: Final = (COMPARE, LOGICAL)
"""The rules of operators whose results ask for no history, whatever they are given."""


def check_differentiable(op: "Op", values: Sequence[Any], kinds: Sequence[dtype]) -> None:
    """Refuse results that are whole numbers, of these dtypes, where self is of one too and is to get elements with a history.
    Errors: RuntimeError.
    """
    own = getattr(values[0], "dtype", None) if values else None
    if own in kinds[:1] and op.rule not in _ANSWERS and wants_grad(op, values):
        raise messages.no_gradient_of(kinds[0].scalar_type)


def refuse_gradient(function: str, given: dict[str, Any]) -> None:
    """Errors: RuntimeError where one of some arguments asks for a gradient that the function does not give."""
    if not mode.enabled:
        return
    for name, value in given.items():
        if isinstance(value, Tensor) and value.requires_grad:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This input cannot have "
                "requires_grad True."
            )


def save_first(op: "Op", values: Sequence[Any], written: Tensor | None = None) -> None:
    """After a call that failed, save its inputs all the same: PyTorch does so before its kernel runs, and what saving them
    raises comes first. `written` is the tensor of an in-place call, of which a copy is saved. Errors: what a pack hook raises,
    RuntimeError for inference tensors and for views that may not be used.
    """
    try:
        # What has no gradient for complex numbers is refused after the kernel.
        refused = op.plan.real_only and values[0].dtype.is_complex
        if wants_grad(op, values) and not refused:
            make_node(op, values, None if written is None else written.clone())
    except Exception as refusal:
        raise refusal from None


def _tracked(op: "Op", values: Sequence[Any]) -> bool:
    """Whether a call on an inference tensor that requires grad is recorded: by the normal tensors that it is given, numbers
    that stand for tensors included."""
    for argument, value in zip(op.schema.arguments, values, strict=False):
        several = value if type(value) in (list, tuple) else (value,)
        for one in several:
            if isinstance(one, Tensor):
                if not one.inference:
                    return True
            elif one is not None and argument.type.is_tensor:
                return True
    return False


def original_of(target: Tensor) -> Tensor:
    """A recorded clone of what an operator is about to write, with its tangents at all levels."""
    beside = aside[:]
    del aside[:]
    forward.extend(beside)
    try:
        found: Tensor = target.clone()
        return found
    finally:
        del forward[len(forward) - len(beside) :]
        aside[:] = beside


def make_node(op: "Op", values: Sequence[Any], original: Tensor | None = None) -> Node:
    """The node of a call, its edges, and its saved inputs (outputs are saved by `save_outputs`, when they are there).

    `original` stands for `self` of an in-place call: a recorded clone from before the write.
    """
    if mode.native:
        op, values = _in_cpp(op, values)
    plan = op.plan
    if plan.real_only and values[0].dtype.is_complex:
        raise RuntimeError(
            f"{op.base} does not support automatic differentiation for outputs with complex dtype."
        )
    edges: list[Edge] = []
    for i in plan.differentiable:
        value = values[i]
        if isinstance(value, Tensor):
            # gradient_edge, with the common cases here: a third of the cost of recording.
            if value.view_of is not None:
                edges.append(gradient_edge(value))
            elif value.node is not None:
                edges.append((value.node, value.output_nr))
            elif value.leaf_requires_grad:
                reference = value.accumulator
                found = None if reference is None else reference()
                edges.append(gradient_edge(value) if found is None else (found, 0))
            else:
                edges.append(NO_EDGE)
        elif type(value) in (list, tuple):
            edges.extend([gradient_edge(v) if isinstance(v, Tensor) else NO_EDGE for v in value])
        else:
            edges.append(NO_EDGE)
    if not op.gradients and op.base != "set_":
        # PyTorch's fallback lists what asks for gradients alone.
        edges = [edge for edge in edges if edge is not NO_EDGE]
    saved: dict[str, Any] = {}
    stack = hooks.stack
    node: Node = op.node_class(tuple(edges), saved)
    for slots, name, position, fact in plan.inputs:
        if slots is not None and not _any_edge(edges, slots):
            continue
        value = values[position]
        if fact:
            saved[name] = (
                value.geometry.sizes if fact == "sizes" and value.__class__ is Tensor else _fact(value, fact)
            )
        else:
            if original is not None and name == "self":
                value = original
            if value.__class__ is Tensor and events.observer is None and not stack and not value.inference:
                saved[name] = SavedTensor(value)
            else:
                saved[name] = _save(node, name, value, op, position)
    return node


_WITH_NUMBER: Final = {
    f"{name}{mark}.Tensor": f"_{name}{mark}.Scalar"
    for name in ("add", "sub", "mul", "div")
    for mark in ("", "_")
}
"""The operators of a tensor and a number in C++. In Python the number is taken for a tensor without dimensions."""


def _in_cpp(op: "Op", values: Sequence[Any]) -> tuple["Op", Sequence[Any]]:
    """The operator, and its values, as which PyTorch's C++ records arithmetic with a number."""
    if len(values) < 2 or isinstance(values[1], Tensor):
        return op, values
    if op.base == "rsub":
        return OPS["sub.Tensor"], (values[1], values[0], *values[2:])
    twin = _WITH_NUMBER.get(op.name)
    return (op, values) if twin is None else (OPS[twin], values)


def drop_unneeded(node: Node) -> None:
    """Forget what a node of an operator saved for edges that it has no more."""
    op = getattr(type(node), "op", None)
    if op is None or not node.saved:
        return
    dropped = {
        name for slots, name, *_ in op.plan.inputs if slots is not None and not _any_edge(node.edges, slots)
    }
    node.saved = {name: value for name, value in node.saved.items() if name not in dropped}


def _any_edge(edges: Sequence[Edge], slots: tuple[Any, ...]) -> bool:
    """Whether some edge of these inputs leads anywhere."""
    for start, stop in slots:
        if stop is not None:
            if edges[start][0] is not None:
                return True
        elif any(edge[0] is not None for edge in edges[start:]):
            return True
    return False


def keep(node: Node, name: str, tensor: Tensor, output_nr: int | None = None) -> SavedTensor | SavedPacked:
    """What `node` keeps of `tensor` under `name`; `output_nr` where it is that output of the node itself."""
    if tensor.inference and _is_of_transforms(node):
        # A transform wraps what it is given: the wrapper is not an inference tensor.
        tensor = alias(tensor)
        tensor.inference = False
    if hooks.stack:
        # What a hook made of the tensor is nobody's to look at: no version is checked, no bytes are kept.
        pack_hook, unpack_hook = hooks.stack[-1]
        packed = SavedPacked(tensor, output_nr, unpack_hook)
        packed.pack(pack_hook, tensor)
        return packed
    saved = SavedTensor(tensor, output_nr)
    if events.observer is not None:
        events.observer.saved(node, name, saved)
    return saved


def _is_of_transforms(node: Node) -> bool:
    """Whether transforms alone record a node, since nothing that it leads to asks for a gradient outside."""
    if all(each.batched for each in transforms):
        return False
    from tensorcli.engine.autograd.reach import reach

    return not reach([node], lambda leaf: not leaf.levels).get(node)


def save_outputs(op: "Op", node: Node, results: Sequence[Tensor]) -> None:
    """Save what the formulas name of the results, which now have their history."""
    for name, at, fact in op.plan.outputs:
        result = results[at]
        if fact:
            node.saved[name] = _fact(result, fact)
            continue
        own = result.node is node
        written_view = not own and result.view_of is not None and result.node is not None
        node.saved[name] = saved = keep(node, name, result, result.output_nr if own or written_view else None)
        if written_view and isinstance(saved, SavedTensor):
            saved.maker = weakref.ref(result.node)


def _save(node: Node, name: str, value: Any, op: "Op", position: int) -> Any:
    if isinstance(value, Tensor):
        return keep(node, name, value)
    if type(value) in (list, tuple):
        return (
            tuple(_save(node, name, v, op, position) for v in value)
            if op.schema.arguments[position].type.is_tensor
            else value
        )
    if isinstance(value, (int, float, complex)) and op.schema.arguments[position].type.is_tensor:
        return SavedNumber(value)
    return value


def _fact(value: Any, fact: str) -> Any:
    """A fact about a tensor (or of each of a list) that needs no saved bytes."""
    if type(value) in (list, tuple):
        return tuple(_fact(v, fact) for v in value)
    if not isinstance(value, Tensor):
        if value is None:
            return (0,) if fact == "sizes_opt" else None
        value = wrapped_number(value)
    if fact in ("sizes", "sizes_opt"):
        return value.geometry.sizes
    if fact.startswith("argsize"):
        place, sizes = int(fact[8:].replace("minus_", "-")), value.geometry.sizes
        if not sizes:
            raise IndexError(f"Dimension specified as {place} but tensor has no dimensions")
        return sizes[place]
    if fact == "strides":
        return value.geometry.strides
    if fact == "geometry":
        return value.geometry
    if fact == "ndim":
        return len(value.geometry.sizes)
    return value.dtype if fact == "dtype" else value.device


def set_history(node: Node, results: Sequence[Any]) -> None:
    """Make `node` the grad_fn of the results that are differentiable, and number these.

    The others (integers, and what the operator declares constant) are no outputs of the node.
    """
    if len(results) == 1:
        result = results[0]
        if result._dtype.category >= FLOATING:
            result.node = node
            storage = result._storage
            node.outputs = ((result.geometry, result._dtype, CPU if storage is None else storage.device),)
            return
    outputs: list[Any] = []
    constants = node.constants if len(results) > 1 else ()
    for place, result in enumerate(results):
        if result is None:
            outputs.append(None)
            continue
        if place in constants or not (result.dtype.is_floating_point or result.dtype.is_complex):
            continue
        result.node = node
        if outputs:
            result.output_nr = len(outputs)
        outputs.append((result.geometry, result.dtype, result.device))
    node.outputs = tuple(outputs)
