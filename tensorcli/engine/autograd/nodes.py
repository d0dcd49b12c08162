"""Nodes: what the graph is made of.

A Node is made when an operator runs on an input that requires grad (recording.py). Its edges lead to the nodes that made the
inputs (AccumulateGrad for a leaf); what it keeps for the backward pass is in saved.py.
"""

import re
from collections.abc import Callable
from functools import cached_property
from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tensorcli.engine import addresses, events, messages
from tensorcli.engine.autograd.anomaly import anomaly, remember
from tensorcli.engine.autograd.edges import Edge
from tensorcli.engine.autograd.hooks import RemovableHandle, hooks_of
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.saved import SAVED, UNPACKED, RawSaved, SavedTensor
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_UNSIGNED: Final = 1 << 64
_sequence = count()


def next_number() -> int:
    """The number in sequence that the next node gets; looking takes none."""
    return int(repr(_sequence)[6:-1])  # `count(5)`: nothing else tells it without taking it


_COMPLEX_AS_IT_IS: Final = frozenset(
    "WhereBackward0 MaskedFillBackward1 FillBackward1 FillBackward3 LdexpBackward0 SumBackward0 SumBackward1 MeanBackward0 "
    "MeanBackward1 ProdBackward0 ProdBackward1 CumprodBackward0".split()
)
"""The nodes whose complex gradients PyTorch refuses to real inputs."""


_FACTS: Final = ("sizes", "strides", "geometry", "dtype", "device", "ndim")
_SIZES: Final = "_(?=((sizes|strides|numel)(_opt)?|argsize(_minus)?_[0-9])$)"
"""Before what of a name PyTorch says that it may be symbolic."""


def fact_of(name: str) -> tuple[str, str]:
    """What a formula asks of an input without saving it, as (input, fact): `self_sizes`, the size of its last dimension
    `self_argsize_minus_1`. ("", "") for a name that asks for no fact.
    """
    stem, found, place = name.rpartition("_argsize_")
    if found:
        return stem, f"argsize_{place}"
    stem, _, fact = name.removesuffix("_opt").rpartition("_")
    return (stem, name[len(stem) + 1 :]) if stem and fact in _FACTS else ("", "")


_UNSEEN: Final = ("_dtype", "_device", "_geometry", "_ndim")
"""The ends of the names of what nodes keep and do not show."""


class Node:
    """One step of the graph. `edges` are PyTorch's next_functions; gradients of the outputs in, of the inputs out."""

    __module__ = "torch.autograd.graph"

    op: ClassVar["Op"]
    title: ClassVar[str] = ""
    between: ClassVar[bool] = False
    """Whether it only stands between two nodes that PyTorch links directly."""

    calls_user = False
    """Whether its gradients are those of a function of the user's, which may keep them."""
    tensor_inputs: tuple[int, ...] | None = None
    """The places of the edges that PyTorch's node has, where it does not have all of them."""
    outputs: tuple[Any, ...] = ()
    """(geometry, dtype, device) of each output: what gradients must match."""
    hooks: Any = None
    released = False
    freed: frozenset[str] = frozenset()
    """The names of the saved values that a backward pass dropped."""
    sequence: int

    def __init__(self, edges: tuple[Edge, ...], saved: dict[str, Any]) -> None:
        self.edges = edges
        self.saved = saved
        self.sequence = next(_sequence)
        if anomaly.enabled:
            remember(self)

    # ---- what PyTorch's users see

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's own notes."""
        return {}

    def name(self) -> str:
        """PyTorch's name of this node (`MulBackward0`)."""
        return type(self).title or type(self).__name__

    @property
    def shown_name(self) -> str:
        """What a tensor's repr says: the class, or the name of a node that has no class of its own."""
        kind = type(self).__name__
        return self.name().rpartition("::")[2] if kind == "CppFunction" else kind

    def plain_name(self) -> str:
        """The name as the version error says it: without its last `Backward` and a 0 behind that (`Pow1`)."""
        name = self.name()
        stem, found, number = name.rpartition("Backward")
        return stem + number.removesuffix("0") if found and (number.isdigit() or not number) else name

    @property
    def next_functions(self) -> tuple[Edge, ...]:
        """The edges, without the nodes that PyTorch has none of."""
        return tuple(map(_seen, self.edges))

    def _sequence_nr(self) -> int:
        return self.sequence

    def _set_sequence_nr(self, number: int) -> None:
        if not isinstance(number, int):
            raise TypeError("an integer is required")
        if number < 0:
            raise OverflowError("can't convert negative int to unsigned")
        self.sequence = number

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call `hook(grad_inputs, grad_outputs)` after this node ran; what it returns replaces grad_inputs."""
        return _register(self, "after", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call `hook(grad_outputs)` before this node runs; what it returns replaces grad_outputs."""
        return _register(self, "before", hook)

    @property
    def _input_metadata(self) -> tuple[Any, ...]:
        return tuple(InputMetadata(*facts) for facts in self.outputs if facts is not None)

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the results that are floating and yet no outputs of the node."""
        return self.op.constants

    @property
    def takes_real_parts(self) -> bool:
        """Whether a complex gradient of a real input is one of its real part: some of PyTorch's formulas do not see to it."""
        return self.name() not in _COMPLEX_AS_IT_IS

    requires_grad = True

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A node is neither copied nor pickled. Errors: TypeError."""
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    def __call__(self, *grads: Any, **named: Any) -> Any:
        """The gradients of the inputs for these of the outputs, without hooks and checks. Errors: TypeError."""
        if named:
            raise TypeError("keyword arguments are not supported")
        if len(grads) != len(self.outputs):
            raise TypeError(f"expected {len(self.outputs)} arguments, got {len(grads)} instead")
        for place, grad in enumerate(grads):
            if grad is not None and not isinstance(grad, Tensor):
                raise TypeError(f"argument {place} is not a Variable")
        found = tuple(self.apply(list(grads)))
        return found[0] if len(found) == 1 else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_raw_saved_"):
            wanted = name[11:]
            several = self.saved.get(wanted)
            if type(several) is tuple and any(isinstance(one, SAVED) for one in several):
                return tuple(RawSaved(self, wanted, place) for place in range(len(several)))
            if wanted in self.freed or isinstance(several, SAVED) or self._would_keep(wanted):
                return RawSaved(self, wanted)
        if name.startswith("_saved_"):
            wanted = name[7:].replace("_sym_", "_")
            names = type(self).savable()
            if wanted in names and not wanted.endswith(_UNSEEN):
                kept = self.saved.get(wanted)
                if isinstance(kept, SavedTensor):
                    return kept.shown(self)
                return self._as_shown(wanted, self.unpack(wanted))
            stem = wanted.removesuffix("_numel")
            if stem != wanted and f"{stem}_sizes" in names:
                return prod(self.unpack(f"{stem}_sizes"))
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _would_keep(self, name: str) -> bool:
        """Whether it has room for a tensor of this name, where none was saved because no gradient needs it."""
        op = getattr(self, "op", None)
        if op is None or name not in type(self).savable():
            return False
        return any(
            a.name == name and a.type.base == "Tensor" and not a.type.is_list for a in op.schema.arguments
        )

    def _as_shown(self, name: str, value: Any) -> Any:
        """A saved value as PyTorch shows it: integers that are no Scalar as unsigned numbers."""
        kind = next((a.type.base for a in self.op.schema.arguments if a.name == name), "")
        if kind not in ("int", "SymInt"):
            return value
        if isinstance(value, (tuple, list)):
            return tuple(v % _UNSIGNED if type(v) is int else v for v in value)
        return value % _UNSIGNED if type(value) is int else value

    def __dir__(self) -> list[str]:
        # The dtypes and devices of inputs are kept by PyTorch's nodes too, where nobody sees them.
        names = (name for name in type(self).savable() if not name.endswith(_UNSEEN))
        own = type(self).op.names if hasattr(type(self), "op") else ()
        saved = {f"_saved_{name if name in own else re.sub(_SIZES, '_sym_', name)}" for name in names}
        raw = {f"_raw_saved_{name}" for name, one in self.saved.items() if self._keeps_tensors(name, one)}
        return [*object.__dir__(self), *saved, *raw]

    def _keeps_tensors(self, name: str, value: Any) -> bool:
        """Whether what is saved by this name is one tensor or several, or was."""
        several = value if isinstance(value, tuple) else (value,)
        return name in self.freed or any(isinstance(one, SAVED) for one in several)

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
        return [
            (name, one)
            for name, value in self.saved.items()
            for one in (value if isinstance(value, tuple) else (value,))
            if isinstance(one, SavedTensor)
        ]

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
        saved = self.saved
        if self.freed:
            raise RuntimeError(messages.FREED)
        values: dict[str, Any] = {
            name: self.unpack(name) if value.__class__ in UNPACKED else value for name, value in saved.items()
        }
        if grads[0] is None and all(g is None for g in grads):
            return result
        before, mode.native = mode.native, mode.enabled
        try:
            self._fill(result, grads, values, needed)
        finally:
            mode.native = before
        return result

    def _fill(self, result: list[Any], grads: list[Any], values: dict[str, Any], needed: Any) -> None:
        """Evaluate the formulas: a gradient into the place of each edge that anybody wants."""
        edges, first, get = self.edges, grads[0], values.get
        for formula, takes_all, slots, names in self.op.plan.gradients:
            incoming = grads if takes_all else first
            if incoming is None:
                continue
            start, stop = slots[0]
            if needed is None and len(slots) == 1 and stop is not None:
                # The common case: one tensor, everything wanted.
                if edges[start][0] is None:
                    continue
                wanted: tuple[bool, ...] = (True,)
            else:
                wanted = tuple([self._wants(s, needed) for s in slots])
                if True not in wanted:
                    continue
            if "needs" in names:
                values["needs"] = wanted
            found = formula(incoming, *[get(name) for name in names])
            if len(slots) > 1:
                for (place, _), one, want in zip(slots, found, wanted, strict=True):
                    if want:
                        result[place] = one
            elif stop is None:
                result[start:] = found
            else:
                result[start] = found

    def _wants(self, span: tuple[int, int | None], needed: Any) -> bool:
        start, stop = span
        edges = self.edges[start:stop] if stop is not None else self.edges[start:]
        return any(edge[0] is not None and (needed is None or needed(edge)) for edge in edges)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {addresses.of_object(self)}>"


def _seen(edge: Edge) -> Edge:
    while edge[0] is not None and edge[0].between:
        edge = edge[0].edges[0]
    return edge


class Passing(Node):
    """A node that hands its gradient on as it is."""

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        """The gradient, as it is."""
        return [grads[0]]

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


class NotImplementedNode(Node):
    """The node of an operator that has no gradient: running it is an error."""

    title: ClassVar[str] = "torch::autograd::NotImplemented"

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        name = self.op.base if self.op.base == "set_" else f"aten::{self.op.base}"
        raise RuntimeError(f"derivative for {name} is not implemented")

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


class InputMetadata:
    """What a gradient that arrives at a node must look like."""

    __module__ = "torch._C._autograd"
    __slots__ = ("__weakref__", "device", "dtype", "shape")

    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, geometry: Any, kind: Any, device: Any) -> None:
        self.shape = list(geometry.sizes)
        self.dtype = kind
        self.device = device

    def __repr__(self) -> str:
        return f"<torch._C._autograd._InputMetadata object at {addresses.of_object(self)}>"


InputMetadata.__name__ = "_InputMetadata"


def _register(node: Node, kind: str, hook: Callable[..., Any]) -> Any:
    table = getattr(hooks_of(node), kind)
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def node_class(op: "Op") -> type[Node]:
    """The class of an operator's nodes, named as PyTorch names it."""
    found = _classes.get(op.name)
    if found is None:
        if not op.gradients:
            found = type("NotImplemented", (NotImplementedNode,), {"op": op, "__module__": "builtins"})
        else:
            found = type(op.node_name, (Node,), {"op": op, "__module__": "builtins"})
        _classes[op.name] = found
    return found


_classes: dict[str, type[Node]] = {}
