"""The graph: nodes, edges and the values that nodes keep for the backward pass.

A Node is made when an operator runs on an input that requires grad. Its edges lead to the nodes that made the inputs
(AccumulateGrad for a leaf); what it saves is what the gradient formulas name, with the version each tensor had.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tensorcli.engine import addresses, events, messages
from tensorcli.engine.autograd import saving
from tensorcli.engine.autograd.anomaly import anomaly
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.devices import CPU
from tensorcli.engine.dtypes import FLOATING
from tensorcli.engine.tensor import Tensor, alias, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

Edge = tuple[Any, int]
"""A node and which of its outputs; (None, 0) where no gradient flows."""

NO_EDGE: Final[Edge] = (None, 0)
_UNSIGNED: Final = 1 << 64
_sequence = count()


class Node:
    """One step of the graph. `edges` are PyTorch's next_functions; gradients of the outputs in, of the inputs out."""

    op: ClassVar["Op"]
    title: ClassVar[str] = ""

    outputs: tuple[Any, ...] = ()
    """(geometry, dtype, device) of each output: what gradients must match."""
    hooks: Any = None
    released = False
    freed: frozenset[str] = frozenset()
    """The names of the saved values that a backward pass dropped."""
    sequence: float

    def __init__(self, edges: tuple[Edge, ...], saved: dict[str, Any]) -> None:
        self.edges = edges
        self.saved = saved
        self.sequence = next(_sequence)

    # ---- what PyTorch's users see

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's own notes."""
        return {}

    def name(self) -> str:
        """PyTorch's name of this node (`MulBackward0`)."""
        return type(self).title or type(self).__name__

    @property
    def next_functions(self) -> tuple[Edge, ...]:
        return self.edges

    def _sequence_nr(self) -> float:
        return self.sequence

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call `hook(grad_inputs, grad_outputs)` after this node ran; what it returns replaces grad_inputs."""
        return _register(self, "after", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call `hook(grad_outputs)` before this node runs; what it returns replaces grad_outputs."""
        return _register(self, "before", hook)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            wanted = name[7:].replace("_sym_", "_")
            names = type(self).savable()
            if wanted in names:
                return self._as_shown(wanted, self.unpack(wanted))
            stem = wanted.removesuffix("_numel")
            if stem != wanted and f"{stem}_sizes" in names:
                return prod(self.unpack(f"{stem}_sizes"))
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _as_shown(self, name: str, value: Any) -> Any:
        """A saved value as PyTorch shows it: integers that are no Scalar as unsigned numbers."""
        kind = next((a.type.base for a in self.op.schema.arguments if a.name == name), "")
        if kind not in ("int", "SymInt"):
            return value
        if isinstance(value, (tuple, list)):
            return tuple(v % _UNSIGNED if type(v) is int else v for v in value)
        return value % _UNSIGNED if type(value) is int else value

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        """The names that `_saved_NAME` answers to."""
        return tuple(dict.fromkeys(n for g in cls.op.gradients for n in g.names if n != "needs"))

    # ---- saved values

    def unpack(self, name: str) -> Any:
        """The saved value. Errors: RuntimeError when it was freed, or when its version moved since."""
        value = self.saved.get(name)
        if isinstance(value, SAVED):
            return value.unpack(self)
        if isinstance(value, tuple) and any(isinstance(v, SAVED) for v in value):
            return tuple(v.unpack(self) if isinstance(v, SAVED) else v for v in value)
        if name in self.freed:
            raise RuntimeError(messages.FREED)
        return value

    def saved_tensors_of(self) -> list[tuple[str, "SavedTensor"]]:
        """All saved tensors with their names, looked at without effect."""
        found = []
        for name, value in self.saved.items():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, SavedTensor):
                    found.append((name, one))
        return found

    def release(self) -> None:
        """Drop the saved tensors, as PyTorch does after a backward pass without retain_graph."""
        if self.released:
            return
        self.released = True
        saved = self.saved
        if not saved:
            return
        kept = {}
        for name, value in saved.items():
            if isinstance(value, SAVED):
                continue
            if isinstance(value, tuple) and any(isinstance(v, SAVED) for v in value):
                continue
            kept[name] = value
        if len(kept) != len(saved):
            if events.observer is not None:
                events.observer.freed(self)
            self.freed = frozenset(saved.keys() - kept.keys())
            self.saved = kept

    # ---- the gradient

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        """The gradient for each edge, None where there is none. `needed(edge)` says which edges anybody wants."""
        edges = self.edges
        result: list[Any] = [None] * len(edges)
        gradients = self.op.plan.gradients
        saved = self.saved
        if self.freed:
            raise RuntimeError(messages.FREED)
        first = grads[0]
        if first is None and all(g is None for g in grads):
            return result
        values: dict[str, Any] = {
            name: self.unpack(name) if value.__class__ in UNPACKED else value for name, value in saved.items()
        }
        for formula, takes_all, slots, names in gradients:
            if needed is None and len(slots) == 1:
                start, stop = slots[0]
                if stop is not None:
                    # The common case: one tensor, everything wanted.
                    if edges[start][0] is not None:
                        incoming = grads if takes_all else first
                        if incoming is not None:
                            if "needs" in names:
                                values["needs"] = (True,)
                            result[start] = formula(incoming, *[values[name] for name in names])
                    continue
            wanted = [self._wants(s, needed) for s in slots]
            if not any(wanted):
                continue
            if "needs" in names:
                values["needs"] = tuple(wanted)
            incoming = grads if takes_all else first
            if incoming is None:
                continue
            gradient_of = formula(incoming, *[values[name] for name in names])
            if len(slots) > 1:
                for s, one, want in zip(slots, gradient_of, wanted, strict=True):
                    if want:
                        result[s[0]] = one
                continue
            start, stop = slots[0]
            if stop is None:
                result[start:] = gradient_of
            else:
                result[start] = gradient_of
        return result

    def _wants(self, span: tuple[int, int | None], needed: Any) -> bool:
        start, stop = span
        edges = self.edges[start:stop] if stop is not None else self.edges[start:]
        return any(edge[0] is not None and (needed is None or needed(edge)) for edge in edges)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {addresses.of_object(self)}>"


def _register(node: Node, kind: str, hook: Callable[..., Any]) -> Any:
    from tensorcli.engine.autograd.hooks import RemovableHandle, hooks_of

    table = getattr(hooks_of(node), kind)
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def __getattr__(name: str) -> Any:
    # `torch.autograd.graph` is PyTorch's name for what stands in `saving`.
    if name in saving.PUBLIC:
        return getattr(saving, name)
    raise AttributeError(f"module 'torch.autograd.graph' has no attribute '{name}'")


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


class SavedTensor:
    """A tensor that a node keeps, and the version it had.

    The node's own output is kept as a bare alias (a reference to the output itself would be a cycle through its
    grad_fn); unpacking it makes a new tensor of the same history.
    """

    __slots__ = ("output_nr", "tensor", "version")

    def __init__(self, tensor: Tensor, output_nr: int | None = None) -> None:
        if tensor.inference:
            raise RuntimeError(messages.INFERENCE_SAVED)
        self.tensor = tensor if output_nr is None else alias(tensor)
        self.output_nr = output_nr
        counter = tensor._counter
        self.version = tensor.counter.count if counter is None else counter.count

    def unpack(self, node: Node) -> Tensor:
        """The tensor as it was saved. Errors: RuntimeError when it was written since, with PyTorch's text."""
        tensor = self.tensor
        found = tensor.counter.count
        if found != self.version:
            raise RuntimeError(self._modified(node, found))
        if self.output_nr is None:
            return tensor
        output = alias(tensor)
        output.node = node
        output.output_nr = self.output_nr
        return output

    def _modified(self, node: Node, found: int) -> str:
        tensor = self.tensor
        producer = node if self.output_nr is not None else tensor.grad_fn
        number = self.output_nr if self.output_nr is not None else tensor.output_nr
        words = "" if producer is None else f", which is output {number} of {plain_name(producer)},"
        hint = messages.ANOMALY_FOUND if anomaly.enabled else messages.ANOMALY_HINT
        return messages.modified(type_name(tensor), tensor.geometry.sizes, words, found, self.version, hint)


class SavedNumber:
    """A Python number given where the schema says Tensor: PyTorch saves the tensor that it stands for."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def unpack(self, node: Node) -> Tensor:
        """The number as a zero-dimensional tensor."""
        return wrapped_number(self.value)


SAVED: Final = (SavedTensor, SavedNumber, saving.SavedPacked)
UNPACKED: Final = (*SAVED, tuple)


def plain_name(node: Node) -> str:
    """A node's name as the version error says it: without `Backward0`."""
    name = node.name()
    return name.partition("Backward")[0] if name[-1].isdigit() and "Backward" in name else name


def type_name(tensor: Tensor) -> str:
    """`torch.FloatTensor`, as C++ calls it in errors: CPUBoolType and the like for the newer dtypes."""
    kind = tensor._dtype
    prefix = "CUDA" if tensor.is_cuda else "Meta" if tensor.is_meta else "CPU"
    if kind.name in _LEGACY_TYPES and prefix == "CPU":
        return kind.tensor_type
    if kind.name in _LEGACY_TYPES and prefix == "CUDA":
        return kind.tensor_type.replace("torch.", "torch.cuda.")
    return f"{prefix}{kind.scalar_type}Type"


_LEGACY_TYPES: Final = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def gradient_edge(tensor: Tensor) -> Edge:
    """Where the gradient of `tensor` goes: its grad_fn, or the AccumulateGrad of a leaf."""
    node = tensor.grad_fn
    if node is not None:
        return node, tensor.output_nr
    if tensor.leaf_requires_grad:
        reference = tensor.accumulator
        found = None if reference is None else reference()
        return (make_accumulator(tensor) if found is None else found), 0
    return NO_EDGE


make_accumulator: Callable[[Tensor], Node] = None  # type: ignore[assignment]
"""Makes the AccumulateGrad of a leaf (set by `accumulate`, which builds on this module)."""


def node_class(op: "Op") -> type[Node]:
    """The class of an operator's nodes, named as PyTorch names it."""
    found = _classes.get(op.name)
    if found is None:
        if not op.gradients:
            from tensorcli.engine.autograd.views import NotImplementedNode

            found = type("NotImplemented", (NotImplementedNode,), {"op": op, "__module__": "builtins"})
        else:
            found = type(op.node_name, (Node,), {"op": op, "__module__": "builtins"})
        _classes[op.name] = found
    return found


_classes: dict[str, type[Node]] = {}


class Plan:
    """What the nodes of one operator need, worked out once from its schema and formulas."""

    __slots__ = ("differentiable", "gradients", "inputs", "outputs")

    def __init__(self, op: "Op") -> None:
        names, returns, slots = op.names, op.returns, _slots(op)
        self.differentiable = op.differentiable
        self.gradients = tuple(
            (formula, formula.__code__.co_varnames[0] == "grads", tuple(slots[p] for p in positions), needed)
            for positions, formula, needed in op.gradients
        )
        self.inputs: list[tuple[tuple[Any, ...], list[tuple[str, int, str]]]] = []
        """By gradient: its slots, and the (name, position, fact) it needs of the inputs."""
        self.outputs: list[tuple[tuple[Any, ...], list[tuple[str, int, str]]]] = []
        for positions, _, needed in op.gradients:
            inputs, outputs = [], []
            for name in needed:
                stem, _, fact = name.rpartition("_")
                if name == "needs":
                    continue
                if name in names:
                    inputs.append((name, names.index(name), ""))
                elif name == "result" or name in returns:
                    outputs.append((name, 0 if name == "result" else returns.index(name), ""))
                elif stem in names:
                    inputs.append((name, names.index(stem), fact))
                else:
                    outputs.append((name, 0 if stem == "result" else returns.index(stem), fact))
            wanted = tuple(slots[p] for p in positions)
            self.inputs.append((wanted, inputs))
            if outputs:
                self.outputs.append((wanted, outputs))


def wants_grad(op: "Op", values: Sequence[Any]) -> bool:
    """Whether grad mode is on and some differentiable input requires grad."""
    if not mode.enabled:
        return False
    for i in op.differentiable:
        value = values[i]
        if isinstance(value, Tensor):
            if value.requires_grad:
                return True
        elif type(value) in (list, tuple):
            for one in value:
                if isinstance(one, Tensor) and one.requires_grad:
                    return True
    return False


def make_node(op: "Op", values: Sequence[Any], original: Tensor | None = None) -> Node:
    """The node of a call, its edges, and its saved inputs (outputs are saved by `save_outputs`, when they are there).

    `original` stands for `self` of an in-place call: a recorded clone from before the write.
    """
    plan = op.plan
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
                edges.append((make_accumulator(value) if found is None else found, 0))
            else:
                edges.append(NO_EDGE)
        elif type(value) in (list, tuple):
            edges.extend([gradient_edge(v) if isinstance(v, Tensor) else NO_EDGE for v in value])
        else:
            edges.append(NO_EDGE)
    saved: dict[str, Any] = {}
    stack = saving.state.stack
    node: Node = op.node_class(tuple(edges), saved)
    if anomaly.enabled:
        node.metadata["traceback_"] = [anomaly.where()]
    for slots, needs in plan.inputs:
        if not needs or not _any_edge(edges, slots):
            continue
        for name, position, fact in needs:
            if name in saved:
                continue
            value = values[position]
            if fact:
                saved[name] = (
                    value.geometry.sizes
                    if fact == "sizes" and value.__class__ is Tensor
                    else _fact(value, fact)
                )
            else:
                if original is not None and name == "self":
                    value = original
                if value.__class__ is Tensor and events.observer is None and not stack:
                    saved[name] = SavedTensor(value)
                else:
                    saved[name] = _save(node, name, value, op, position)
    return node


def _any_edge(edges: Sequence[Edge], slots: tuple[Any, ...]) -> bool:
    """Whether some edge of these inputs leads anywhere."""
    for start, stop in slots:
        if stop is not None:
            if edges[start][0] is not None:
                return True
        elif any(edge[0] is not None for edge in edges[start:]):
            return True
    return False


def save_outputs(op: "Op", node: Node, results: Sequence[Tensor]) -> None:
    """Save what the formulas name of the results, which now have their history."""
    for slots, needs in op.plan.outputs:
        if not _any_edge(node.edges, slots):
            continue
        for name, at, fact in needs:
            if name in node.saved:
                continue
            result = results[at]
            if fact:
                node.saved[name] = _fact(result, fact)
                continue
            number = at if result.node is node else None
            saved = saving.SavedPacked(result, number) if saving.state.stack else SavedTensor(result, number)
            node.saved[name] = saved
            if events.observer is not None:
                events.observer.saved(node, name, saved)


def _save(node: Node, name: str, value: Any, op: "Op", position: int) -> Any:
    if isinstance(value, Tensor):
        saved = saving.SavedPacked(value) if saving.state.stack else SavedTensor(value)
        if events.observer is not None:
            events.observer.saved(node, name, saved)
        return saved
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
            return None
        value = wrapped_number(value)
    if fact == "sizes":
        return value.geometry.sizes
    if fact == "strides":
        return value.geometry.strides
    if fact == "geometry":
        return value.geometry
    if fact == "ndim":
        return len(value.geometry.sizes)
    return value.dtype if fact == "dtype" else value.device


def set_history(node: Node, results: Sequence[Any]) -> None:
    """Make `node` the grad_fn of the results (those of floating or complex dtype), each with its number."""
    if len(results) == 1:
        result = results[0]
        if result._dtype.category >= FLOATING:
            result.node = node
            storage = result._storage
            node.outputs = ((result.geometry, result._dtype, CPU if storage is None else storage.device),)
            return
    outputs: list[Any] = []
    constants = node.op.constants if len(results) > 1 else ()
    for number, result in enumerate(results):
        if (
            result is None
            or number in constants
            or not (result.dtype.is_floating_point or result.dtype.is_complex)
        ):
            outputs.append(None)
            continue
        result.node = node
        if number:
            result.output_nr = number
        outputs.append((result.geometry, result.dtype, result.device))
    node.outputs = tuple(outputs)
