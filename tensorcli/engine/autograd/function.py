"""Functions with a gradient of the user's own: `Function`, whose static methods get `ctx`. `forward` runs without recording,
`backward` takes one gradient for each output and returns one for each input.
"""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import forward as tangents_go_forward
from tensorcli.engine.autograd.modes import mode, no_grad, transforms
from tensorcli.engine.autograd.nodes import NO_EDGE, Node, gradient_edge
from tensorcli.engine.autograd.saved import RawSaved, keep
from tensorcli.engine.autograd.views import CUSTOM, MULTI_OUTPUT, check_in_place, rebase_history
from tensorcli.engine.tensor import Tensor


class Context(Node):
    """`ctx`: what forward leaves for backward. It is the node of the graph, as in PyTorch."""

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        recorded = mode.enabled
        edges = tuple(gradient_edge(v) if recorded and isinstance(v, Tensor) else NO_EDGE for v in inputs)
        super().__init__(edges, {})
        self.needs_input_grad = tuple(isinstance(v, Tensor) and v.requires_grad for v in inputs)
        self.to_save: tuple[Any, ...] = ()
        self.dirty: tuple[Tensor, ...] = ()
        self.non_differentiable: tuple[Tensor, ...] = ()
        self.materialize_grads = True
        self.read = False
        self.tensor_inputs = tuple(i for i, v in enumerate(inputs) if isinstance(v, Tensor))

    backward_function: Callable[..., Any]
    jvp_function: Callable[..., Any]
    saved_for_forward: tuple[Any, ...] | None = None
    read_once = False
    constants = ()
    takes_real_parts = False

    # ---- what forward says

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, with their versions."""
        self.to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward wrote in place; they must be returned."""
        self.dirty = tensors

    def check(self, outputs: list[Any]) -> None:
        """What forward said of its inputs and outputs. Errors: RuntimeError with PyTorch's texts."""
        for tensors, complaint in (
            (self.dirty, "mark_dirty can only accept variables, but argument"),
            (self.non_differentiable, "mark_non_differentiable only accepts variable arguments, but got"),
        ):
            if not all(isinstance(t, Tensor) for t in tensors):
                raise RuntimeError(complaint)
        if not all(any(d is o for o in outputs) for d in self.dirty):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                "modified inplace must all be outputs of the Function."
            )

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`. Errors: AssertionError for what is none."""
        if not all(isinstance(t, Tensor) or t is None for t in tensors):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
            )
        self.saved_for_forward = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs no gradient flows through."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing gradient arrives as zeros (the default) or as None."""
        self.materialize_grads = value

    # ---- what backward asks

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors. Errors: RuntimeError when they were freed, or written since."""
        if self.saved_for_forward is not None:
            return self.saved_for_forward
        self._check_saved()
        found = tuple(
            None if f"{i}" not in self.saved else self.saved[f"{i}"].unpack(self)
            for i in range(len(self.to_save))
        )
        if self.read_once:
            self.saved, self.to_save = {}, (None,)
            self.read = True
        return found

    @property
    def _raw_saved_tensors(self) -> tuple[RawSaved, ...]:
        self._check_saved()
        return tuple(RawSaved(self, f"{i}") for i in range(len(self.to_save)))

    def _check_saved(self) -> None:
        """Errors: RuntimeError where the saved tensors were freed, or read when they may be read once."""
        if self.read:
            raise RuntimeError(
                "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the "
                "autograd.Function. Either access saved_tensors only once, or set clear_saved_tensors_on_access=False."
            )
        if self.released and self.to_save:
            raise RuntimeError(messages.FREED)

    def keep(self, outputs: list[Any]) -> None:
        """Turn what `save_for_backward` was given into saved values, now that the outputs have their history.

        Errors: TypeError for what is no tensor.
        """
        for i, tensor in enumerate(self.to_save):
            if tensor is None:
                continue
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(tensor).__name__}"
                )
            number = next((k for k, o in enumerate(outputs) if o is tensor and o.node is self), None)
            self.saved[f"{i}"] = keep(self, f"{i}", tensor, number)
        self.to_save = tuple(None if t is None else True for t in self.to_save)

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        if self.materialize_grads:
            grads = [
                _zeros(self.outputs[k]) if g is None and self.outputs[k] is not None else g
                for k, g in enumerate(grads)
            ]
        answer = type(self).backward_function(self, *grads)
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
                raise RuntimeError(f"expected Variable or None (got {type(one).__name__})")
        return list(answers)

    @property
    def next_functions(self) -> tuple[Any, ...]:
        return tuple(self.edges[i] for i in self.tensor_inputs)

    def __repr__(self) -> str:
        return super().__repr__().replace("<", "<torch.autograd.function.", 1)

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


Context.__name__ = "BackwardCFunction"
BackwardCFunction = Context
"""The base of all nodes of custom functions, by PyTorch's name."""


def _zeros(output: Any) -> Tensor:
    from tensorcli.engine.effects import empty

    geometry, kind, device = output
    return empty(geometry.sizes, None, kind, device)


def _applied(
    kind: type[Context], forward: Callable[..., Any], inputs: tuple[Any, ...], set_up: bool = False
) -> Any:
    """Run forward without recording, then give its outputs a node of that kind. `set_up`: the context is set up outside it."""
    context = kind(inputs)
    with no_grad(), _untouched_by_tangents():
        answer = forward(context, *inputs)
    outputs = list(answer) if isinstance(answer, tuple) else [answer]
    for written in context.dirty:
        # Counted before anything is refused, as PyTorch does.
        if isinstance(written, Tensor):
            written.bump()
    context.check(outputs)
    recorded = mode.enabled and any(context.needs_input_grad)
    differentiable = []
    for i, output in enumerate(outputs):
        if not isinstance(output, Tensor):
            continue
        given = any(output is v for v in inputs)
        dirty = any(output is d for d in context.dirty)
        flows = recorded and _differentiable(context, output)
        if set_up and given and not dirty and (flows or not output.requires_grad):
            _check_not_saved(context, output)
        if not flows:
            outputs[i] = _without_history(output, given, dirty)
        else:
            differentiable.append(i)
            if dirty:
                _check_dirty(output, given, len(outputs))
            elif given:
                outputs[i] = _view_of_itself(output)
        if outputs[i].view_of is not None and not (given and dirty):
            outputs[i].view_of.kind = CUSTOM
    if recorded:
        _record(context, outputs, differentiable)
        context.keep(outputs)
    if tangents_go_forward:
        from tensorcli.engine.autograd.dual import pushed_by

        pushed_by(context, inputs, outputs)
    return tuple(outputs) if isinstance(answer, tuple) else outputs[0]


def _untouched_by_tangents() -> Any:
    if not tangents_go_forward:
        return nullcontext()
    from tensorcli.engine.autograd.tangents import unheeded

    return unheeded()


def _differentiable(context: Context, output: Tensor) -> bool:
    """Whether gradients flow through an output, as far as dtypes and the function's own word go."""
    return (output.dtype.is_floating_point or output.dtype.is_complex) and not any(
        output is n for n in context.non_differentiable
    )


def _without_history(output: Tensor, given: bool, dirty: bool) -> Tensor:
    """An output without a gradient. An input that wants one stays as it is: what is returned is detached from it."""
    if not output.requires_grad:
        return _view_of_itself(output) if given and not dirty else output
    if given:
        detached: Tensor = output.detach()
        return detached
    if output.view_of is None:
        output.detach_()
    return output


def _view_of_itself(output: Tensor) -> Tensor:
    """An input that is returned unwritten becomes a view of itself, so that both histories stay apart."""
    with no_grad():
        view: Tensor = output.view_as(output)
    return view


def _check_not_saved(context: Context, output: Tensor) -> None:
    """Refuse an input that is returned unwritten, and saved: the result is a view of it. Errors: RuntimeError."""
    if any(output is one for one in context.to_save):
        raise RuntimeError(
            "An input that has been returned as-is as output is being saved for backward. This is not supported if you override "
            "setup_context. You should return and save a view of the input instead, e.g. with x.view_as(x) or setup ctx inside "
            "the forward function itself."
        )


def _check_dirty(output: Tensor, given: bool, count: int) -> None:
    """Refuse an output that forward wrote where autograd cannot follow; `given`: it is an input. Errors: RuntimeError."""
    if output.requires_grad and output.node is None:
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    if output.view_of is None:
        if not given:
            messages.warn(_NO_INPUT)
        return
    if not given:
        raise RuntimeError(_NO_INPUT)
    if count > 1:
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more "
            "than one Tensor. This is not supported by the current autograd engine. You should either make sure the input is "
            "not a view (using .clone() for example) or make your Function only return one Tensor (potentially splitting it "
            "into two Functions: one doing the inplace that returns a single Tensor and a second one that does the other "
            "operations). You can ask on the forum https://discuss.pytorch.org/ if you need help to do this change."
        )
    check_in_place(output, True)


_NO_INPUT = (
    "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed to "
    "ctx.mark_dirty()."
)


def _record(context: Context, outputs: list[Any], differentiable: list[int]) -> None:
    """Make the context the grad_fn of the differentiable outputs (torch/csrc/autograd/custom_function.cpp, _wrap_outputs)."""
    tensors = [o if isinstance(o, Tensor) else None for o in outputs]
    context.outputs = tuple(None if o is None else (o.geometry, o.dtype, o.device) for o in tensors)
    for i in differentiable:
        output = outputs[i]
        written = any(output is d for d in context.dirty)
        if written and output.view_of is not None:
            facts = context.outputs
            rebase_history(output, context)
            context.outputs = facts
            continue
        output.node, output.output_nr = context, i
        if output.view_of is not None:
            # What forward wrote through the view before is in its history already.
            output.view_of.version = output.counter.count
            if len(differentiable) > 1:
                output.view_of.kind = MULTI_OUTPUT


class Function:
    """A differentiable function as a class with static methods: `forward` (and `setup_context`), and `backward`.

    `forward(ctx, *inputs)`, or `forward(*inputs)` beside `setup_context(ctx, inputs, output)`; `backward(ctx, *grads)`.
    """

    __module__ = "torch.autograd.function"

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """What is kept for backward. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """What it does under vmap. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    generate_vmap_rule = False
    clear_saved_tensors_on_access = False
    """Whether backward may read `ctx.saved_tensors` only once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        messages.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them "
            "on the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            category=DeprecationWarning,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
            "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function. Errors: TypeError for keywords that forward does not take by position too."""
        kind = cls.__dict__.get("_node_class")
        if kind is None:
            members = {
                "backward_function": staticmethod(_backward_of(cls)),
                "jvp_function": staticmethod(cls.jvp),
                "read_once": cls.clear_saved_tensors_on_access,
            }
            kind = type(f"{cls.__name__}Backward", (Context,), members)
            cls._node_class = kind  # type: ignore[attr-defined]
        if cls.setup_context is Function.setup_context:
            if transforms:
                raise RuntimeError(_NO_SETUP)
            return _applied(kind, cls.forward, _in_order(cls.forward, 1, args, kwargs) if kwargs else args)
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
        bound.apply_defaults()
        inputs = _in_order(cls.forward, 0, bound.args, bound.kwargs)

        recording = mode.enabled

        def forward(ctx: Any, *given: Any) -> Any:
            output = _among_transforms(cls, given, recording) if transforms else cls.forward(*given)
            cls.setup_context(ctx, given, output)
            return output

        return _applied(kind, forward, inputs, set_up=True)


_NO_SETUP = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the "
    "setup_context staticmethod. For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
)


def _among_transforms(cls: type[Function], given: tuple[Any, ...], recording: bool) -> Any:
    from tensorcli.engine.func.custom import forward

    return forward(cls, cls.vmap is not Function.vmap, given, recording)


def _backward_of(cls: type[Function]) -> Callable[..., Any]:
    """What computes the gradients: backward, or vjp. Where there are both, something that says so."""
    if cls.backward is Function.backward:
        return cls.vjp
    if cls.vjp is Function.vjp:
        return cls.backward

    def both(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
        )

    return both


def _in_order(
    forward: Callable[..., Any], first: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """Arguments by name at the places that forward's parameters have, from the first that the caller gives. Errors: TypeError."""
    parameters = inspect.signature(forward).parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][first:]
    placed = dict(enumerate(args))
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        if names.index(name) in placed:
            raise TypeError(f"forward() got multiple values for argument '{name}'")
        placed[names.index(name)] = value
    for i in range(len(placed)):
        if i not in placed:
            raise TypeError(f"forward() missing required argument: '{names[i]}' (position {i})")
    return tuple(placed[i] for i in range(len(placed)))


class DelayedError(Node):
    """The node of a gradient that cannot be differentiated again: running it is an error."""

    __module__ = "builtins"
    title = "torch::autograd::Error"

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


DelayedError.__name__ = "Error"


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A backward whose own gradient is refused."""

    def called(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        if not (mode.enabled and any(isinstance(g, Tensor) and g.requires_grad for g in grads)):
            return found
        answers = [
            None if f is None else f.detach() for f in (found if isinstance(found, tuple) else (found,))
        ]
        edges = tuple(gradient_edge(a.requires_grad_()) for a in answers if a is not None)
        node = DelayedError(edges, {})
        node.outputs = tuple((a.geometry, a.dtype, a.device) for a in answers if a is not None)
        for i, answer in enumerate(a for a in answers if a is not None):
            answer.node, answer.output_nr = node, i
        return tuple(answers)

    return called
