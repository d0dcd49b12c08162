"""`ctx`, in which the forward of a custom function leaves what its backward needs, and the node of the graph behind it."""

import weakref
from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.allocation import empty
from tensorcli.engine.autograd.edges import NO_EDGE, gradient_edge
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.recording import keep
from tensorcli.engine.autograd.saved import RawSaved
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


class FunctionCtx:
    """`ctx`, as the methods of a custom function get it: attributes of any name, beside what PyTorch's has.

    PyTorch's is the node itself. Here the node has fields of its own, which no name that a user chooses must touch.
    """

    __module__ = "torch.autograd.function"

    def __init__(self, node: "Context") -> None:
        # Not the other way round too: what holds the node decides when it goes.
        self._node = weakref.ref(node)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, with their versions."""
        self._reached().to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward wrote in place; they must be returned."""
        self._reached().dirty = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`. Errors: AssertionError for anything but a tensor."""
        if not all(isinstance(t, Tensor) or t is None for t in tensors):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
            )
        self._reached().saved_for_forward = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs no gradient flows through."""
        self._reached().non_differentiable = tensors

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Nothing any more: it is seen which tensors share a storage."""
        messages.warn(_SHARED, FutureWarning)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing gradient arrives as zeros (the default) or as None. Errors: TypeError unless it is a bool."""
        if not isinstance(value, bool):
            raise TypeError(
                "set_materialize_grads received an invalid combination of arguments - got (), but expected (bool)"
            )
        self._reached().materialize_grads = value

    def _reached(self) -> "Context":
        node = self._node()
        if node is None:
            raise RuntimeError(messages.FREED)
        return node

    def __getattr__(self, name: str) -> Any:
        if name in OF_NODES:
            return getattr(self._reached(), name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "materialize_grads":
            self.set_materialize_grads(value)
        elif name in ("to_save", "non_differentiable", "saved_for_forward"):
            setattr(self._reached(), name, value)
        elif name == "dirty_tensors":
            self._reached().dirty = value
        else:
            vars(self)[name] = value

    def __eq__(self, other: Any) -> bool:
        return other is self or other is self._node()

    def __hash__(self) -> int:
        return hash(self._node())

    def __repr__(self) -> str:
        return repr(self._reached())


_SHARED = (
    "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that calls to `set_()` "
    "are not tracked"
)

OF_NODES: Final = frozenset(
    "saved_tensors saved_variables saved_for_forward to_save dirty_tensors needs_input_grad name next_functions metadata "
    "requires_grad register_hook register_prehook _raw_saved_tensors _sequence_nr _set_sequence_nr _input_metadata "
    "_register_hook_dict".split()
)
"""What a `ctx` has of its node."""


class Context(Node):
    """The node of one call, which backward is called from with its `ctx`."""

    __module__ = "torch.autograd.function"

    calls_user = True
    tensor_inputs: tuple[int, ...]
    to_save: tuple[Any, ...] | None = ()
    """What forward asked to keep, until it is kept."""
    saved_count = 0
    dirty: tuple[Tensor, ...] = ()
    non_differentiable: tuple[Tensor, ...] = ()
    materialize_grads = True
    saved_for_forward: tuple[Any, ...] | None = None
    """What `jvp` gets for saved tensors, while there is a `jvp` to call."""

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        recorded = mode.enabled
        edges = tuple(gradient_edge(v) if recorded and isinstance(v, Tensor) else NO_EDGE for v in inputs)
        super().__init__(edges, {})
        self.ctx = type(self).kind_of_ctx(self)
        self.needs_input_grad = tuple(isinstance(v, Tensor) and v.requires_grad for v in inputs)
        self.read = False
        self.tensor_inputs = tuple(i for i, v in enumerate(inputs) if isinstance(v, Tensor))

    kind_of_ctx: type[FunctionCtx] = FunctionCtx
    backward_function: Callable[..., Any]
    jvp_function: Callable[..., Any]
    kept = False
    """Whether what was saved for backward can be read."""
    read_once = False
    boxed = False
    constants = ()
    takes_real_parts = False

    def check(self, outputs: list[Any]) -> None:
        """What forward said of its inputs and outputs. Errors: RuntimeError with PyTorch's texts."""
        for name, given in (
            ("non_differentiable", self.non_differentiable),
            ("dirty_tensors", self.dirty),
            ("to_save", self.to_save),
            ("saved_for_forward", self.saved_for_forward or ()),
        ):
            if not isinstance(given, tuple):
                raise RuntimeError(
                    f"autograd internal error: {name} attribute is expected to be a tuple but is "
                )
        for tensors, complaint in (
            (self.dirty, "mark_dirty can only accept variables, but argument "),
            (self.non_differentiable, "mark_non_differentiable only accepts variable arguments, but got "),
        ):
            if not all(isinstance(t, Tensor) for t in tensors):
                raise RuntimeError(complaint)
        if not all(any(d is o for o in outputs) for d in self.dirty):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                "modified inplace must all be outputs of the Function."
            )

    @property
    def dirty_tensors(self) -> tuple[Tensor, ...] | None:
        """The inputs that forward said that it wrote."""
        return self.dirty or None

    # ---- what backward asks

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors. Errors: RuntimeError when they were freed, or written since."""
        if self.saved_for_forward is not None:
            return self.saved_for_forward
        if not self.kept:
            return ()
        self._check_saved()
        found = tuple(
            None if f"{i}" not in self.saved else self.saved[f"{i}"].unpack(self)
            for i in range(self.saved_count)
        )
        if self.read_once:
            self.saved = {}
            self.read = True
        return found

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The saved tensors, by their name of old."""
        messages.warn("'saved_variables' is deprecated; use 'saved_tensors'", category=DeprecationWarning)
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[RawSaved, ...]:
        self._check_saved()
        return tuple(RawSaved(self, f"{i}") for i in range(self.saved_count))

    def _check_saved(self) -> None:
        """Errors: RuntimeError where the saved tensors were freed, or read when they may be read once."""
        if self.read:
            raise RuntimeError(
                "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the "
                "autograd.Function. Either access saved_tensors only once, or set clear_saved_tensors_on_access=False."
            )
        if self.released:
            raise RuntimeError(messages.FREED)

    def keep(self, outputs: list[Any]) -> None:
        """Turn what `save_for_backward` was given into saved values, now that the outputs have their history.

        Errors: TypeError for what is not a tensor.
        """
        tensors = self.to_save or ()
        for i, tensor in enumerate(tensors):
            if tensor is None:
                continue
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type_name(type(tensor))}"
                )
            # Of its own outputs, those that it wrote into views among them, a node keeps aliases.
            own = tensor.node is self or any(one is tensor for one in self.dirty)
            number = tensor.output_nr if own and any(one is tensor for one in outputs) else None
            self.saved[f"{i}"] = keep(self, f"{i}", tensor, number)
        self.saved_count, self.to_save = len(tensors), None
        self.kept = True

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        if self.materialize_grads:
            grads = [
                _zeros(self.outputs[k]) if g is None and self.outputs[k] is not None else g
                for k, g in enumerate(grads)
            ]
        given = [grads] if self.boxed else grads
        answer = type(self).backward_function(self.ctx, *given)
        answers = answer if isinstance(answer, tuple) else (answer,)
        count = len(self.edges)
        if len(answers) > count and all(a is None for a in answers[count:]):
            answers = answers[:count]
        if len(answers) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(answers)})"
            )
        for i, one in enumerate(answers):
            if one is not None and i not in self.tensor_inputs:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {i + 1}, but the corresponding "
                    "forward input was not a Variable"
                )
            if one is not None and not isinstance(one, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type_name(type(one))})")
        return list(answers)

    def __call__(self, *grads: Any, **named: Any) -> Any:
        """Nothing: the nodes of custom functions cannot be called. Errors: TypeError."""
        raise TypeError(f"'{type(self).__name__}' object is not callable")

    @property
    def next_functions(self) -> tuple[Any, ...]:
        return tuple(self.edges[i] for i in self.tensor_inputs)

    def __repr__(self) -> str:
        return super().__repr__().replace("<", "<torch.autograd.function.", 1)

    def __getattr__(self, name: str) -> Any:
        own = vars(self).get("ctx")
        return vars(own)[name] if own is not None and name in vars(own) else super().__getattr__(name)

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


Context.__name__ = Context.__qualname__ = "BackwardCFunction"
BackwardCFunction = Context
"""The base of all nodes of custom functions, by PyTorch's name."""


def _zeros(output: Any) -> Tensor:
    geometry, kind, device = output
    return empty(geometry.sizes, None, kind, device)
