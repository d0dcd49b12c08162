"""Views under autograd: how a view knows its base, and what an in-place write does to the history of both.

A `View` keeps the root base, how the view was made, and the version at which its node was made. As in PyTorch, nothing is
stored of how the view was taken, unless it has another dtype: its own sizes, strides and offset say which elements of the base
it is. A write through a view gives the base a CopySlices node; the node of every other view is made anew, as AsStrided, when it
is next asked for.
"""

from typing import Any, ClassVar

from tensorcli.engine import events, messages
from tensorcli.engine.allocation import empty
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.hooks import moved
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

NORMAL, NO_GRAD, MULTI_OUTPUT, INFERENCE, CUSTOM = "normal", "no_grad", "multi_output", "inference", "custom"
"""How a view was made."""


class View:
    """What a view knows: its root base, how it was made, and the version at which its node was made."""

    __slots__ = ("base", "kind", "parent", "retype", "version")

    def __init__(self, base: Tensor, kind: str, version: int, retype: Any, parent: Tensor | None) -> None:
        self.base = base
        self.kind = kind
        self.version = version
        self.retype = retype
        """For views that strides cannot express (another dtype): base tensor to view tensor; else None."""
        self.parent = parent
        """The tensor that the view was taken of, where that is not the base."""

    @property
    def above(self) -> Tensor:
        """The tensor that the view was taken of."""
        return self.base if self.parent is None else self.parent

    def grad_fn(self, view: Tensor) -> Any:
        """The view's node, made anew when its base was written since. Errors: RuntimeError for invalid views."""
        base = self.base
        if view.node is None and not base.requires_grad:
            return None
        if view.uncounted or base.uncounted:
            return view.node
        current = view.counter.count
        if current != self.version:
            if self.kind != NORMAL:
                check_kind(view, indirect=True)
            if self.retype is not None:
                again = _recorded(self.retype, base)
                _set_node(view, again.node, again.output_nr)
            else:
                node = _as_strided(base, view.geometry)
                node.outputs = ((view.geometry, view.dtype, view.device),)
                _set_node(view, node, 0)
            self.version = current
        return view.node


def _recorded(retype: Any, base: Tensor) -> Tensor:
    """A view made again, whatever mode it is asked for in, and unheard: nothing happens to the program's tensors."""
    grad, inference = mode.grad, mode.inference
    observer, events.observer = events.observer, None
    mode.set(True, False)
    try:
        return retype(base)  # type: ignore[no-any-return]
    finally:
        mode.set(grad, inference)
        events.observer = observer


def _as_strided(base: Tensor, shape: Geometry) -> Node:
    """The node of a view whose base was written: it reads the base's gradient through the view's strides."""
    saved = {
        "self_geometry": base.geometry,
        "size": shape.sizes,
        "stride": shape.strides,
        "storage_offset": shape.offset,
    }
    node: Node = OPS["as_strided"].node_class((gradient_edge(base),), saved)
    return node


def check_kind(view: Tensor, indirect: bool = False) -> None:
    """Refuse a write that autograd could not follow through a view: into it, or (indirect) into its base.

    Errors: RuntimeError with PyTorch's text.
    """
    kind = view.view_of.kind
    if kind == NORMAL:
        return
    modified = "its base or another view of its base has been" if indirect else "is being"
    node = view.node
    if kind in (NO_GRAD, INFERENCE) or node is None:
        made = (
            "A view was"
            if node is None
            else f"Output {view.output_nr} of {node.plain_name()} is a view of a view which was"
        )
        place = "inference mode" if kind == INFERENCE else "no_grad mode"
        state = "in normal mode" if kind == INFERENCE else "with grad mode enabled"
        start = f"{made} created in {place} and {modified} modified inplace {state}."
    else:
        start = f"Output {view.output_nr} of {node.plain_name()} is a view and {modified} modified inplace."
    if kind == MULTI_OUTPUT:
        raise RuntimeError(start + messages.MULTI_OUTPUT_VIEW)
    if kind == CUSTOM:
        raise RuntimeError(start + messages.CUSTOM_VIEW)
    if kind == INFERENCE:
        raise RuntimeError(start + messages.NO_GRAD_VIEW.replace("no_grad block", "inference_mode block"))
    raise RuntimeError(start + messages.NO_GRAD_VIEW)


def check_in_place(tensor: Tensor, requires_grad: bool) -> None:
    """Refuse an in-place write that autograd cannot follow. Errors: RuntimeError with PyTorch's text.

    Before anything is written (torch/csrc/autograd/VariableTypeUtils.h, check_inplace).
    """
    if not (requires_grad and mode.enabled):
        return
    view = tensor.view_of
    if view is not None:
        check_kind(tensor)
        if tensor.requires_grad and view.base.is_leaf:
            raise RuntimeError(messages.LEAF_VIEW_IN_PLACE)
    if tensor.requires_grad and tensor.node is None:
        # Also a view that nobody asked for its node since its base began to require grad.
        raise RuntimeError(messages.LEAF_IN_PLACE)


def rebase_history(tensor: Tensor, node: Node) -> None:
    """Make `node` the author of what was just written into `tensor` (and, through a view, into its base)."""
    node.outputs = ((tensor.geometry, tensor.dtype, tensor.device),)
    if tensor.view_of is None:
        _set_node(tensor, node, 0)
        return
    base = tensor.view_of.base
    copied = CopySlices(base, tensor, node)
    _set_node(base, copied, 0)
    # The view's own node is made anew here, as PyTorch does, so that later writes find it in place.
    tensor.view_of.grad_fn(tensor)


def restrided(tensor: Tensor, node: Node) -> None:
    """Make `node` the grad_fn of a handle that moved to another geometry; no bytes were written, so a base keeps its own."""
    node.outputs = ((tensor.geometry, tensor.dtype, tensor.device),)
    tensor.node, tensor.output_nr = node, 0  # A gradient that is retained stays that of the handle as it was.
    if tensor.view_of is not None:
        tensor.view_of.version = tensor.counter.count


def _set_node(tensor: Tensor, node: Node, output_nr: int) -> None:
    old, old_nr = tensor.node, tensor.output_nr
    tensor.node = node
    tensor.output_nr = output_nr
    if tensor.hooks is not None or tensor.retains_grad:
        moved(tensor, old, old_nr)


class CopySlices(Node):
    """The node of a base that was written through a view: hands the written part to the writer's node, keeps the rest."""

    __module__ = "builtins"

    title: ClassVar[str] = "torch::autograd::CopySlices"

    def __init__(self, base: Tensor, view: Tensor, function: Node) -> None:
        super().__init__((gradient_edge(base), *function.edges[1:]), {})
        self.base_geometry = base.geometry
        self.view_geometry = view.geometry
        self.retype = view.view_of.retype
        self.function: Node | None = function
        self.calls_user = function.calls_user
        self.outputs = ((base.geometry, base.dtype, base.device),)

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        grad = grads[0]
        if self.function is None:
            raise RuntimeError(messages.FREED)
        if grad is None:
            return [None] * len(self.edges)
        base = self.base_geometry
        if grad.batch is None:
            result = empty(base.sizes, base.strides, grad.dtype, grad.device)
        else:
            result = grad.new_empty_strided(base.sizes, base.strides)
        result.copy_(grad)
        if self.retype is not None:
            part = self.retype(result)
        else:
            view = self.view_geometry
            part = result.as_strided(view.sizes, view.strides, view.offset - base.offset)
        written = self.function.apply(
            [part.clone(memory_format=contiguous_format)], None if needed is None else self._needed(needed)
        )
        answer: list[Any] = [None] * len(self.edges)
        for i, one in enumerate(written):
            if self.edges[i][0] is None or (needed is not None and not needed(self.edges[i])):
                continue
            if i == 0:
                if one is None:
                    part.zero_()
                else:
                    part.copy_(one)
                answer[0] = result
            else:
                answer[i] = one
        return answer

    def _needed(self, needed: Any) -> Any:
        """What of the writer's inputs is asked for: its first one stands for the base here, not for the view."""
        assert self.function is not None
        own = self.function.edges

        def asked(edge: Any) -> bool:
            place = next(i for i, each in enumerate(own) if each is edge)
            return bool(needed(self.edges[place]))

        return asked

    def release(self) -> None:
        if self.function is not None:
            self.function.release()
            if events.observer is not None:
                events.observer.freed(self)
        super().release()
        self.function = None

    def saved_tensors_of(self) -> list[tuple[str, Any]]:
        return [] if self.function is None else self.function.saved_tensors_of()

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()
