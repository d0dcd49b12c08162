"""A module's call when it has hooks: functions before and after forward, and on the gradients around it."""

from functools import update_wrapper
from typing import Any
from weakref import ref

from tensorcli.engine import messages
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.nn import global_hooks
from tensorcli.engine.tensor import Tensor


class BackwardHookFunction(Function):
    """The identity, whose node sees the gradients at a module's border."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[each for each in args if not each.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads


def call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run forward between the module's hooks."""
    run = Run(module, args, kwargs)
    try:
        return run.through()
    except Exception:
        run.call_the_rest()
        raise


class Run:
    """One call of a module that has hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def through(self) -> Any:
        """Hooks, forward, hooks."""
        module = self.module
        for number, hook in (*global_hooks.FORWARD_PRE.items(), *module._forward_pre_hooks.items()):
            self._before(number, hook)
        before = [*global_hooks.BACKWARD_PRE.values(), *module._backward_pre_hooks.values()]
        full = self._backward_hooks(True)
        border = Border(module, full, before) if full or before else None
        if border is not None:
            self.args = border.around_inputs(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for number, hook in (*global_hooks.FORWARD.items(), *module._forward_hooks.items()):
            self.called.add(number)
            answer = self._after(number, hook)
            if answer is not None:
                self.result = answer
        if border is not None:
            if not isinstance(self.result, Tensor | tuple):
                messages.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                    f"{type(self.result)}"
                )
            self.result = border.around_outputs(self.result)
        old = self._backward_hooks(False)
        if old:
            self._hang_on_node(old)
        return self.result

    def _backward_hooks(self, full: bool) -> list[Any]:
        """The backward hooks of a kind, the common ones first."""
        own = self.module._backward_hooks.values() if self.module._is_full_backward_hook is full else ()
        return [*global_hooks.backward_hooks(full), *own]

    def _before(self, number: int, hook: Any) -> None:
        if number not in self.module._forward_pre_hooks_with_kwargs:
            answer = hook(self.module, self.args)
            if answer is not None:
                self.args = answer if isinstance(answer, tuple) else (answer,)
            return
        answer = hook(self.module, self.args, self.kwargs)
        if answer is not None:
            if not (isinstance(answer, tuple) and len(answer) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {answer}."
                )
            self.args, self.kwargs = answer

    def _after(self, number: int, hook: Any) -> Any:
        if number in self.module._forward_hooks_with_kwargs or number in global_hooks.WITH_KWARGS:
            return hook(self.module, self.args, self.kwargs, self.result)
        return hook(self.module, self.args, self.result)

    def call_the_rest(self) -> None:
        """Something failed: hooks registered with `always_call` are called all the same."""
        module = self.module
        for hooks, always, whose in (
            (global_hooks.FORWARD, global_hooks.ALWAYS, "global module"),
            (module._forward_hooks, module._forward_hooks_always_called, "module"),
        ):
            for number, hook in list(hooks.items()):
                if number in always and number not in self.called:
                    try:
                        answer = self._after(number, hook)
                    except Exception as error:
                        messages.warn(
                            f"{whose} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                            f"error was raised in forward: {error}"
                        )
                    else:
                        self.result = self.result if answer is None else answer

    def _hang_on_node(self, hooks: list[Any]) -> None:
        """The old backward hooks: on the node of the (first) output."""
        found = self.result
        while not isinstance(found, Tensor):
            found = (
                next(each for each in found.values() if isinstance(each, Tensor))
                if isinstance(found, dict)
                else found[0]
            )
        node = found.grad_fn
        module = self.module
        if node is None:
            return
        for hook in hooks:
            node.register_hook(_Told(module, hook))
        missing = self._missed_by(node)
        if missing:
            messages.warn(missing, category=FutureWarning)

    def _missed_by(self, node: Any) -> str:
        """What hooks on one node do not see of the module's gradients, in PyTorch's words; empty where they see all."""
        results, inputs = ((one,) if isinstance(one, Tensor) else one for one in (self.result, self.args))
        for values, what, part in (
            (results, "does not return", "grad_output"),
            (inputs, "does not take as input", "grad_input"),
        ):
            if not (isinstance(values, tuple) and all(isinstance(each, Tensor) for each in values)):
                return (
                    f"Using non-full backward hooks on a Module that {what} a single Tensor or a tuple of Tensors is "
                    f"deprecated and will be removed in future versions. This hook will be missing some of the {part}. "
                    "Please use register_full_backward_hook to get the documented behavior."
                )
        makers = {each.grad_fn for each in results} - {None}
        if not makers or (len(makers) == 1 and node not in makers):
            return (
                "Using a non-full backward hook when outputs are nested in python data structure is deprecated and will be "
                "removed in future versions. This hook will be missing some grad_output."
            )
        if len(makers) > 1:
            seen = "outputs are generated by different autograd Nodes", "grad_output"
        elif {each.grad_fn for each in inputs} - {None} != {target for target, _ in node.next_functions}:
            seen = "the forward contains multiple autograd Nodes", "grad_input"
        else:
            return ""
        return (
            f"Using a non-full backward hook when {seen[0]} is deprecated and will be removed in future versions. This hook "
            f"will be missing some {seen[1]}. Please use register_full_backward_hook to get the documented behavior."
        )


class Border:
    """The full backward hooks of one call: identities around the inputs and the outputs, whose nodes see the gradients."""

    def __init__(self, module: Any, hooks: list[Any], before: list[Any]) -> None:
        self.module = module
        self.hooks = hooks
        self.before = before
        self.grad_outputs: tuple[Any, ...] | None = None
        self.inputs: tuple[int, list[int] | None] = (0, None)
        """How many inputs there are, and which of them are tensors."""
        self.outputs: tuple[int, list[int] | None] = (0, None)

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, each tensor through the identity."""
        result, tensors = self._through(args, self._leaves)
        self.inputs = (len(args), tensors)
        return result

    def around_outputs(self, result: Any) -> Any:
        """The outputs, each tensor through the identity."""
        outputs = result if isinstance(result, tuple) else (result,)
        found, tensors = self._through(outputs, self._enters)
        self.outputs = (len(outputs), tensors)
        return found if isinstance(result, tuple) else found[0]

    def _through(self, values: tuple[Any, ...], hook: Any) -> tuple[tuple[Any, ...], list[int] | None]:
        tensors = [i for i, each in enumerate(values) if isinstance(each, Tensor)]
        if not (mode.enabled and any(values[i].requires_grad for i in tensors)):
            return values, None
        new = BackwardHookFunction.apply(*(values[i] for i in tensors))
        next(each.grad_fn for each in new if each.grad_fn is not None).register_hook(_named(hook))
        result = list(values)
        for i, each in zip(tensors, new, strict=True):
            result[i] = each
        return tuple(result), tensors

    def _enters(self, _: Any, grads: tuple[Any, ...]) -> Any:
        """The outputs' gradients are there."""
        count, tensors = self.outputs
        assert tensors is not None
        found = _packed(tensors, grads, count)
        for hook in self.before:
            answer = hook(self.module, found)
            if answer is not None:
                if len(answer) != count:
                    raise RuntimeError(
                        "Backward pre hook returned an invalid number of grad_output, "
                        f"got {len(answer)}, but expected {count}"
                    )
                found = answer
        self.grad_outputs = found
        if self.inputs[1] is None:
            self._without_inputs(found)
        return tuple(found[i] for i in tensors)

    def _without_inputs(self, grad_outputs: tuple[Any, ...]) -> None:
        messages.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
            "gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details."
        )
        for hook in self.hooks:
            answer = hook(self.module, (None,) * self.inputs[0], grad_outputs)
            if answer is not None and not (
                isinstance(answer, tuple) and all(each is None for each in answer)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for all "
                    "gradients."
                )
        self.grad_outputs = None

    def _leaves(self, grads: tuple[Any, ...], _: Any) -> Any:
        """The inputs' gradients are there. None came by the outputs in a second-order pass: then nobody is told."""
        if self.grad_outputs is None:
            return None
        count, tensors = self.inputs
        assert tensors is not None
        found = _packed(tensors, grads, count)
        for hook in self.hooks:
            answer = hook(self.module, found, self.grad_outputs)
            if answer is not None:
                if len(answer) != len(found):
                    raise RuntimeError(
                        "Backward hook returned an invalid number of grad_input, "
                        f"got {len(answer)}, but expected {len(found)}"
                    )
                found = answer
        self.grad_outputs = None
        return tuple(found[i] for i in tensors)


class _Told:
    """A hook of a node that tells one of a module of it, under its name; the node does not keep the module alive."""

    def __init__(self, module: Any, hook: Any) -> None:
        self.module = ref(module)
        self.hook = hook
        update_wrapper(self, hook)

    def __call__(self, inputs: Any, outputs: Any) -> Any:
        alive = self.module()
        if alive is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(alive, inputs, outputs)


def _named(called: Any) -> Any:
    def hook(inputs: Any, outputs: Any) -> Any:
        return called(inputs, outputs)

    return hook


def _packed(places: list[int], values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    result: list[Any] = [None] * count
    for place, value in zip(places, values, strict=True):
        result[place] = value
    return tuple(result)
