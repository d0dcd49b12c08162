"""Facts of the embedded engine, read without any effect.

`Tensor.grad_fn`, `.grad`, `.memory` and repr all do something when they are read (a node made anew, a
warning, an object made); here the fields beneath them are read instead, and what `grad_fn` would be is said
without making it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import addresses, devices, dtypes, effects, events, messages, printing
from tensorcli.engine.autograd import anomaly, modes, nodes
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.saved import SavedNumber
from tensorcli.engine.callers import PROPERTIES
from tensorcli.engine.devices import Device
from tensorcli.engine.geometry import Geometry, contiguous
from tensorcli.engine.op import PACKETS
from tensorcli.engine.operators import printable
from tensorcli.engine.schema import REQUIRED
from tensorcli.engine.storage import MetaBuffer, Storage
from tensorcli.engine.tensor import Tensor, fresh_tensor
from tensorcli.explorer.engines import FailedModule, Hook, Kind, Look, Saved, Taken, Walk, arrays
from tensorcli.explorer.engines.members import failed_module, parts
from tensorcli.explorer.reach import TENSOR_INTERNALS, Modules, policy, torch_namespaces
from tensorcli.language.limits import Guards
from tensorcli.language.policy import Policy
from tensorcli.language.syntax import Verb

if TYPE_CHECKING:
    from tensorcli.explorer.results import Help


PLAIN = frozenset({type(None), bool, int, float, complex, str, tuple, list, dict})
"""What most values are that are no tensors."""


def present_node(tensor: Tensor) -> tuple[Any, str | None]:
    """The node that `grad_fn` would answer with, where it is there already, and its name in any case."""
    node = tensor.node
    view = tensor.view_of
    if view is None:
        return node, None if node is None else type(node).__name__
    base = view.base
    if node is None and not base.requires_grad:
        return None, None
    if not (tensor.inference or base.inference) and tensor.counter.count != view.version:
        if view.kind != "normal":
            return None, "Invalid"
        if view.retype is None:
            return None, "AsStridedBackward0"
    return node, None if node is None else type(node).__name__


class Embedded:
    """Reads the objects of `tensorcli.engine`."""

    name = "embedded"
    tells_nodes = True

    # ---- the session's side

    def modules(self, guards: Callable[[], Guards], seed: Callable[[], int]) -> Modules:
        from importlib import import_module

        import tensorcli.engine

        def load(path: str) -> ModuleType:
            return import_module(f"tensorcli.engine.{path}") if path else tensorcli.engine

        def listing() -> Iterable[str]:
            # `dir` reads the schema line of every operator; their names are enough here.
            package = load("")
            return {*vars(package), *package._PUBLIC, *PACKETS}

        return Modules(torch_namespaces("tensorcli.engine", load, listing), guards, seed)

    def policy(self) -> Policy:
        return policy()

    def begin(self, seed: int, max_bytes: int | None) -> None:
        self.limit(max_bytes)
        modes.mode.set(True, False)
        dtypes.default.floating = dtypes.float32
        printing.set_printoptions(profile="default")
        messages.forget_warnings()
        flags = sys.modules.get("tensorcli.engine.backend_flags")
        if flags is not None:
            flags.reset()
        autocast = sys.modules.get("tensorcli.engine.amp.autocast")
        if autocast is not None:
            autocast.state.reset()
        anomaly.anomaly.enabled, anomaly.anomaly.check_nan = False, True
        devices.reset()
        addresses.reset()
        self.seed(seed)

    def limit(self, max_bytes: int | None) -> None:
        effects.limit.nbytes = max_bytes

    def listen(self, observer: Any) -> None:
        events.observer = observer

    def trace_calls(self, where: Callable[[], str]) -> None:
        anomaly.anomaly.where = where

    @contextmanager
    def aside(self) -> Iterator[None]:
        from tensorcli.engine import random

        observer, limit = events.observer, effects.limit.nbytes
        mode, floating = (modes.mode.grad, modes.mode.inference), dtypes.default.floating
        options, said = printing.get_printoptions(), set(messages._said)
        checks = anomaly.anomaly.enabled, anomaly.anomaly.check_nan
        shown = addresses.state()
        places = devices.state()
        autocast = sys.modules.get("tensorcli.engine.amp.autocast")
        cast = None if autocast is None else autocast.state.copy()
        stream = random.default_generator.stream
        state = stream.get_state()
        events.observer = None
        try:
            with arrays.random_state():
                yield
        finally:
            events.observer, effects.limit.nbytes = observer, limit
            modes.mode.set(*mode)
            dtypes.default.floating = floating
            for name, value in options.items():
                setattr(printing.options, name, value)
            devices.put_back(places)
            autocast = sys.modules.get("tensorcli.engine.amp.autocast")  # it may have been imported within
            if autocast is not None and cast is None:
                autocast.state.reset()
            elif autocast is not None:
                autocast.state.take(cast)
            messages._said.clear()
            messages._said.update(said)
            anomaly.anomaly.enabled, anomaly.anomaly.check_nan = checks
            addresses.put_back(shown)
            stream.set_state(state)

    def zeroing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def recording(self) -> bool:
        return modes.mode.enabled

    def failed_node(self, raised: BaseException) -> Any:
        found = None
        traceback = raised.__traceback__
        while traceback is not None:
            local = traceback.tb_frame.f_locals
            owner = local.get("self")
            # In hooks there is no method of the node's on the way.
            owner = owner if isinstance(owner, Node) else local.get("node")
            if isinstance(owner, Node):
                found = owner
            traceback = traceback.tb_next
        return found

    def failed_module(self, raised: BaseException) -> FailedModule | None:
        return failed_module(raised)

    def method_names(self) -> Iterable[str]:
        hidden = set(TENSOR_INTERNALS.split())
        methods = (name for name, overloads in PACKETS.items() if any(each.is_method for each in overloads))
        names = {*methods, *PROPERTIES, *dir(Tensor)}
        return sorted(name for name in names if not name.startswith("_") and name not in hidden)

    def seed(self, number: int) -> None:
        from tensorcli.engine import random

        random.manual_seed(number)

    def devices(self) -> Iterable[tuple[str, bool, str]]:
        from tensorcli.engine.backends.inventory import inventory

        return inventory(memory=False)  # a session prints the same whatever the machine has free

    def help(self, name: str) -> Help | None:
        from tensorcli.explorer.engines.pages import operator_page

        return operator_page(name)

    def takes(self, function: Any) -> Sequence[Sequence[Taken]]:
        from tensorcli.explorer.engines.signatures import takes

        return takes(function, lambda value: isinstance(value, Tensor))

    def verb(self, name: str) -> Verb | None:
        if name in TENSOR_INTERNALS.split():
            return None
        if name in PROPERTIES:
            return Verb("attribute")
        overloads = PACKETS.get(name)
        if overloads is not None:
            arguments = overloads[0].schema.arguments
            if any(each.is_method for each in overloads) and arguments and arguments[0].name == "self":
                return Verb("method")
            if not any(each.is_function for each in overloads):
                return Verb("method")
            needed = min(
                sum(each.default is REQUIRED and not each.keyword_only for each in op.schema.arguments)
                for op in overloads
            )
            return Verb("function", f"torch.{name}", minimum=min(needed, 1))
        for kind in Tensor.__mro__[:-1]:
            if name in vars(kind):
                return Verb("attribute" if isinstance(vars(kind)[name], property) else "method")
        if name in ("shape", "dtype", "device", "grad"):
            return Verb("attribute")
        return None

    # ---- reading

    def kind(self, value: Any) -> Kind | None:
        if isinstance(value, Tensor):
            return "tensor"
        if type(value) in PLAIN:
            return None
        if isinstance(value, np.ndarray):
            return "ndarray"
        if isinstance(value, Node):
            return "node"
        if isinstance(value, Storage) or _wrapped_storage(value) is not None:
            return "storage"
        return None

    def memory(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            found = value._storage
            return arrays.root(value._array) if found is None else _owner(found)
        if isinstance(value, np.ndarray):
            return arrays.root(value)
        found = value if isinstance(value, Storage) else _wrapped_storage(value)
        assert found is not None
        return _owner(found)

    def look(self, value: Any) -> Look:
        if not isinstance(value, Tensor):
            return arrays.look(value, arrays.root(value))
        geometry = value.geometry
        dtype = value.dtype
        name = present_node(value)[1]
        inference = value.inference
        counter = None if inference else value.counter
        memory = self.memory(value)
        return Look(
            "tensor",
            geometry.sizes,
            geometry.strides,
            geometry.offset,
            dtype.name,
            dtype.itemsize,
            "cpu" if value._storage is None else _device_name(value._storage.device),
            None if counter is None else counter.count,
            value.requires_grad,
            name is None,
            name,
            id(memory),
            0 if counter is None else id(counter),
        )

    def counter(self, tensor: Any) -> int:
        return 0 if tensor.inference else id(tensor.counter)

    def extent(self, memory: Any) -> int:
        return int(memory.nbytes)

    def walk(self, value: Any) -> Walk:
        if not isinstance(value, Tensor):
            return arrays.walk(value, arrays.root(value))
        size = value.dtype.itemsize
        geometry = value.geometry
        memory = self.memory(value)
        data = memory if value._storage is None else value._storage.data
        before = 0 if data is memory or not isinstance(data, np.ndarray) else arrays.start(data, memory)
        return Walk(
            before + geometry.offset * size,
            geometry.sizes,
            tuple(stride * size for stride in geometry.strides),
            size,
        )

    def content(self, memory: Any) -> Any:
        if not isinstance(memory, np.ndarray) or not (memory.flags.c_contiguous or memory.flags.f_contiguous):
            return None
        return np.ndarray((memory.nbytes,), np.uint8, memory if memory.flags.c_contiguous else memory.T)

    def elements(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return None if value.is_meta or _cut_off(value) else printable(value)
        return value

    def text(self, value: Any) -> str:
        if not isinstance(value, Tensor):
            return arrays.text(value)
        if value.is_meta:
            return "..."
        if 0 in value.geometry.sizes:
            return "[]"
        if _cut_off(value):
            return arrays.CUT_OFF
        return self.shown(printable(value), value.dtype.name)

    def shown(self, elements: Any, dtype: str) -> str:
        options = printing.options
        before = options.threshold, options.edgeitems, options.linewidth
        options.threshold, options.edgeitems, options.linewidth = arrays.MANY, 3, 1_000_000
        try:
            return arrays.one_line(printing.array_text(elements, dtype=dtype))
        finally:
            options.threshold, options.edgeitems, options.linewidth = before

    def cells(self, value: Any, first: int, count: int) -> list[str]:
        if not isinstance(value, Tensor):
            return arrays.cells(value, self.memory(value), first, count)
        if value.is_meta:
            return ["?"] * count
        start = value.memory.window(Geometry((count,), (1,), first), value.dtype)
        if value.is_cuda:
            from tensorcli.engine.backends import host

            start = host(start)
        options = printing.options
        before = options.threshold, options.linewidth
        options.threshold, options.linewidth = float("inf"), 1_000_000
        try:
            text = printing.array_text(start, dtype=value.dtype.name)
        finally:
            options.threshold, options.linewidth = before
        return [each.strip() for each in text.strip("[]").split(",")]

    def repr(self, value: Any) -> str:
        if type(value) is not Tensor:
            return repr(value)
        return printing.tensor_text(
            None if value.is_meta else printable(value),
            dtype=value.dtype.name,
            sizes=value.geometry.sizes,
            device=str(value.device),
            requires_grad=value.requires_grad,
            grad_fn=present_node(value)[1],
            default_dtype=dtypes.default.floating.name,
            is_meta=value.is_meta,
        )

    def printed(self, value: Any) -> Sequence[tuple[str, str]]:
        look = self.look(value)
        return printing.reasons(
            self.elements(value),
            dtype=look.dtype,
            sizes=look.sizes,
            requires_grad=bool(look.requires_grad),
            grad_fn=look.grad_fn,
            default_dtype=dtypes.default.floating.name,
            is_meta=look.device == "meta",
        )

    def base(self, tensor: Any) -> Any:
        return None if tensor.view_of is None else tensor.view_of.base

    def parent(self, tensor: Any) -> Any:
        view = tensor.view_of
        if view is None:
            return None
        return view.base if view.parent is None else view.parent

    def view_kind(self, tensor: Any) -> str:
        return "" if tensor.view_of is None else str(tensor.view_of.kind)

    def grad(self, tensor: Any) -> Any:
        return tensor._grad

    def retains_grad(self, tensor: Any) -> bool:
        return bool(tensor.retains_grad)

    def node(self, tensor: Any) -> Any:
        return present_node(tensor)[0]

    def old_node(self, tensor: Any) -> Any:
        node, name = present_node(tensor)
        return tensor.node if node is None and name is not None else None

    def node_name(self, node: Any) -> str:
        return type(node).__name__

    def clock(self) -> float:
        return int(repr(nodes._sequence)[6:-1])  # `count(5)`: the only way to see it without taking it

    def sequence(self, node: Any) -> float | None:
        return None if isinstance(node, AccumulateGrad) else node.sequence

    def operator(self, node: Any) -> str:
        declared = getattr(type(node), "op", None)
        return "" if declared is None else str(declared.base)

    def outputs(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        return [(each[0].sizes, each[1].name) for each in node.outputs if each is not None]

    def hooks(self, node: Any) -> Sequence[Hook]:
        found = node.hooks
        if found is None:
            return []
        return [
            *(Hook("tensor", output, function) for output, function in found.tensor.values()),
            *(Hook("retain_grad", output, reference()) for output, reference in found.retains.items()),
            *(Hook("before", None, function) for function in found.before.values()),
            *(Hook("post_accumulate", None, function) for function in found.post_accumulate.values()),
            *(Hook("after", None, function) for function in found.after.values()),
        ]

    def edges(self, node: Any) -> Sequence[Any]:
        return [target for target, _ in node.edges]

    def saved(self, node: Any) -> Sequence[Saved]:
        return [
            Saved(slot, value.tensor, value.version, value.tensor.counter.count)
            for slot, value in node.saved_tensors_of()
        ]

    def reads(self, node: Any, slot: str) -> bool:
        # In training, batch normalisation keeps its running statistics, which the same step writes, and reads the batch's.
        return not (slot in ("running_mean", "running_var") and node.saved.get("training") is True)

    def shield(self, node: Any, memory: int, content: Any) -> None:
        for _, value in node.saved_tensors_of():
            kept = value.tensor
            owner = self.memory(kept)
            if id(owner) != memory or not isinstance(owner, np.ndarray):
                continue
            walk = self.walk(kept)
            window = np.ndarray(
                (*walk.sizes, walk.itemsize), np.uint8, content.data, walk.start, (*walk.strides, 1)
            )
            array = np.ascontiguousarray(window).view(kept.dtype.np).reshape(walk.sizes)
            private = fresh_tensor(array, contiguous(kept.geometry.sizes), kept.dtype)
            private.lazy, private.wrapped = kept.lazy, kept.wrapped
            private._counter = kept.counter
            private.node, private.output_nr = kept.node, kept.output_nr
            value.tensor = private

    def elementwise(self, operator: str) -> bool:
        overloads = PACKETS.get(operator.partition(".")[0], ())
        return any((each.twin_of or each).effect is effects.pointwise for each in overloads)

    def numbers(self, node: Any) -> Sequence[tuple[str, Any]]:
        return [(slot, value.value) for slot, value in node.saved.items() if isinstance(value, SavedNumber)]

    def released(self, node: Any) -> bool:
        return bool(node.released)

    def variable(self, node: Any) -> Any:
        return node.variable if isinstance(node, AccumulateGrad) else None

    def accumulator(self, tensor: Any) -> Any:
        found = None if tensor.accumulator is None else tensor.accumulator()
        # Of a leaf with hooks and without a graph, one to look at: it stays unknown to the leaf.
        return (
            AccumulateGrad(tensor) if found is None and tensor.hooks and tensor.leaf_requires_grad else found
        )

    def parts(self, value: Any) -> Iterable[tuple[str, Any]]:
        return parts(value)


def _owner(storage: Storage) -> Any:
    """The allocation beneath a Storage: the array that owns the bytes, or the storage where they are not
    numpy's.
    """
    data = storage.data
    return storage if isinstance(data, MetaBuffer) or not isinstance(data, np.ndarray) else arrays.root(data)


def _cut_off(value: Tensor) -> bool:
    """Whether the storage is smaller than what the tensor reads: made so (`untyped_storage().resize_`), or not to be grown."""
    storage = value._storage
    if storage is None or not (storage.generation or storage.foreign):
        return False
    reach = value.geometry.offset + value.geometry.span
    if not value.geometry.numel or reach * value.dtype.itemsize <= storage.nbytes:
        return False
    value._array = None  # an array over the old buffer, which it would keep alive
    return True


def _device_name(device: Device) -> str:
    """The device as tables show it: a simulated one says so."""
    if device.type != "cuda":
        return str(device)
    from tensorcli.engine.backends import is_simulated

    return f"{device} (simulated)" if is_simulated() else str(device)


def _wrapped_storage(value: Any) -> Storage | None:
    """The Storage of what `untyped_storage()` hands out."""
    if type(value).__name__ not in ("UntypedStorage", "TypedStorage"):
        return None
    found = getattr(value, "engine_storage", None)
    return found if isinstance(found, Storage) else None
