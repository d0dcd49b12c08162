"""Views: new handles on the same storage and version counter."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.engine import events, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import make_node, save_first, save_outputs, set_history, wants_grad
from tensorcli.engine.devices import META
from tensorcli.engine.dtypes import FLOATING, dtype
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor, stored_tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


class Viewed:
    """What a view kernel reads and returns that needs more than a geometry: dtype, lazy bits, the storage's size."""

    __slots__ = ("dtype", "geometry", "lazy", "nbytes")

    def __init__(self, geometry: Geometry, kind: dtype, lazy: int = 0, nbytes: int = 0) -> None:
        self.geometry = geometry
        self.dtype = kind
        self.lazy = lazy
        self.nbytes = nbytes


def _viewed(op: "Op", values: tuple[Any, ...]) -> Any:
    """What the kernel makes of the tensor's geometry."""
    tensor: Tensor = values[0]
    if not op.retypes:
        return op.kernel(tensor.geometry, *values[1:])
    # On meta PyTorch does not look where the memory ends.
    nbytes = 1 << 62 if tensor.device is META else tensor.memory.nbytes
    return op.kernel(Viewed(tensor.geometry, tensor.dtype, tensor.lazy, nbytes), *values[1:])


def view(op: "Op", values: tuple[Any, ...]) -> Any:
    """A new handle (or several) on the same storage and version counter."""
    tensor: Tensor = values[0]
    retypes = op.retypes
    try:
        answer = _viewed(op, values)
    except Exception:
        save_first(op, values)
        raise
    several = type(answer) is list
    storage = tensor.memory
    base = tensor if tensor.view_of is None else tensor.view_of.base
    kind = views.NORMAL if mode.enabled else views.INFERENCE if mode.inference else views.NO_GRAD
    if several and mode.enabled:
        kind = views.MULTI_OUTPUT
    inherited = tensor.view_of.kind if tensor.view_of is not None else views.NORMAL
    results = []
    for one in answer if several else (answer,):
        if retypes:
            result = stored_tensor(storage, one.geometry, one.dtype, one.lazy)
        else:
            result = stored_tensor(storage, one, tensor.dtype, tensor.lazy)
        retyped = retypes and not op.tracked
        if mode.inference if retyped else tensor.inference:
            # Other dtypes are no view to PyTorch's dispatcher, but new tensors of the mode they are made in.
            result.become_inference(tensor, unguarded=not op.tracked and not mode.inference)
        elif tensor.uncounted and not op.tracked:
            # The new tensor that another dtype makes outside inference mode counts by itself, whatever has its bytes.
            result._uncounted = None if retyped and tensor.inference else True
        else:
            counter = tensor.counter
            if op.tracked or "(a" in op.line:  # what no schema calls an alias (unsafe_split) counts by itself
                result._counter = counter
            version = counter.count
            if op.tracked:
                retype = _retyping(op, tensor, result, values[1:])
                # Views of a view of inference mode stay that, wherever they are taken.
                made = inherited if kind == views.NORMAL or inherited == views.INFERENCE else kind
                result.view_of = views.View(
                    base, made, version, retype, tensor if tensor is not base else None
                )
        results.append(result)
    if mode.enabled and wants_grad(op, values):
        if tensor.dtype.category < FLOATING:
            raise messages.no_gradient_of(tensor.dtype.scalar_type)
        node = make_node(op, values)
        set_history(node, results)
        save_outputs(op, node, results)
    if events.observer is not None:
        for result in results:
            events.observer.made(result, op.name, values)
    return tuple(results) if several else results[0]


def _retyping(
    op: "Op", tensor: Tensor, result: Tensor, rest: tuple[Any, ...]
) -> Callable[[Tensor], Any] | None:
    """How to make the view again from its base, for views that strides alone cannot express (another dtype, lazy bits):
    each step that changes those is done again, all others as `as_strided`."""
    earlier = None if tensor.view_of is None else tensor.view_of.retype
    if result.dtype is tensor.dtype and result.lazy == tensor.lazy:
        if earlier is None:
            return None
        shape = result.geometry
        return lambda root: _strided(earlier(root), shape)
    source = tensor.geometry
    return lambda root: op.effect(op, (_at(root, source) if earlier is None else earlier(root), *rest))


def _at(root: Tensor, source: Geometry) -> Tensor:
    """The view of `root` that has the geometry from which a retyping view was taken."""
    return root if root.geometry == source else _strided(root, source)


def _strided(tensor: Tensor, shape: Geometry) -> Tensor:
    found: Tensor = tensor.as_strided(shape.sizes, shape.strides, shape.offset)
    return found
