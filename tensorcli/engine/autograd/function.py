"""Functions with a gradient of the user's own: `Function`, whose static methods get `ctx`. `forward` runs without recording,
`backward` takes one gradient for each output and returns one for each input.
"""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.context import BackwardCFunction, Context, FunctionCtx
from tensorcli.engine.autograd.delayed import delayed_error
from tensorcli.engine.autograd.modes import forward as tangents_go_forward
from tensorcli.engine.autograd.modes import mode, no_grad, transformed, transforms
from tensorcli.engine.autograd.views import CUSTOM, MULTI_OUTPUT, check_in_place, rebase_history
from tensorcli.engine.tensor import Tensor

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "InplaceFunction",
    "once_differentiable",
]


def _applied(
    kind: type[Context], forward: Callable[..., Any], inputs: tuple[Any, ...], set_up: bool = False
) -> Any:
    """Run forward without recording, then give its outputs a node of that kind. `set_up`: the context is set up outside it."""
    context = kind(inputs)
    with no_grad(), _untouched_by_tangents():
        answer = forward(context.ctx, *inputs)
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
    if tangents_go_forward:
        from tensorcli.engine.autograd.own_tangents import pushed_by

        pushed_by(context, inputs, outputs)
    if recorded:
        context.keep(outputs)
    context.saved_for_forward = None
    context.dirty = context.non_differentiable = ()
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
    if any(output is one for one in context.to_save or ()):
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
    boxed_grads_call = False
    """Whether backward gets one list of gradients, which it may empty, instead of one argument for each."""

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
        # Among transforms PyTorch applies a function that it makes of this one.
        among = bool(transforms) and transformed()
        ending = "GeneratedBackward" if among else "Backward"
        kind = cls.__dict__.get(f"_node_of_{ending}")
        if kind is None:
            members = {
                "backward_function": staticmethod(_backward_of(cls)),
                "jvp_function": staticmethod(cls.jvp),
                "read_once": cls.clear_saved_tensors_on_access,
                "boxed": cls.boxed_grads_call,
            }
            name, place = f"{cls.__name__}{ending}", {"__module__": "torch.autograd.function"}
            members["kind_of_ctx"] = type(name, (FunctionCtx,), place)
            kind = type(name, (Context,), {**members, **place})
            setattr(cls, f"_node_of_{ending}", kind)
        if cls.setup_context is Function.setup_context:
            if among:
                raise RuntimeError(_NO_SETUP)
            return _applied(kind, cls.forward, _in_order(cls.forward, 1, args, kwargs) if kwargs else args)
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
        bound.apply_defaults()
        if transforms and bound.kwargs:
            _refuse_keywords(bound.kwargs)
        inputs = _in_order(cls.forward, 0, bound.args, bound.kwargs)

        recording = mode.enabled
        if among and _is_mapped(inputs):
            return _among_transforms(cls, inputs, recording)

        def forward(ctx: Any, *given: Any) -> Any:
            output = _among_transforms(cls, given, recording) if among else cls.forward(*given)
            cls.setup_context(ctx, given, output)
            return output

        return _applied(kind, forward, inputs, set_up=True)


class InplaceFunction(Function):
    """A function that says of itself whether it writes its input."""

    __module__ = "torch.autograd.function"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


_NO_SETUP = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the "
    "setup_context staticmethod. For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
)


def _refuse_keywords(given: dict[str, Any]) -> None:
    """Refuse what forward takes by name alone. Errors: TypeError, NotImplementedError for a tensor that a vmap had to map."""
    if not transforms[-1].batched:
        raise TypeError(
            f"custom_function_call_grad() got an unexpected keyword argument '{next(iter(given))}'"
        )
    if any(isinstance(one, Tensor) for one in given.values()):
        raise NotImplementedError(
            "Run vmap on autograd.Function with kwarg-only Tensor args. Please do not pass kwarg-only Tensors to "
            f"autograd.Function. Got: {given}"
        )


def _is_mapped(given: tuple[Any, ...]) -> bool:
    from tensorcli.engine.func.custom import is_mapped

    return is_mapped(given)


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


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A backward whose own gradient is refused."""

    def called(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        if not (mode.enabled and any(isinstance(g, Tensor) and g.requires_grad for g in grads)):
            return found
        answers = (
            None if f is None else f.detach().requires_grad_()
            for f in (found if isinstance(found, tuple) else (found,))
        )
        return delayed_error(
            "trying to differentiate twice a function that was marked with @once_differentiable", *answers
        )

    return called
