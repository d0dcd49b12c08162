"""`torch.utils.module_tracker`: which modules run, forward or backward, by their names in the module that was called first."""

import weakref
from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.graph import register_multi_grad_hook
from tensorcli.engine.autograd.modes import passing
from tensorcli.engine.nn.global_hooks import register_module_forward_hook, register_module_forward_pre_hook
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import flatten

__all__ = ["ModuleTracker"]

_OUTSIDE = "Global"


class ModuleTracker:
    """A context manager whose `parents` has the names of the modules that run now, and "Global".

    A module runs backward from when the gradients of its outputs are there until those of its inputs are.
    """

    __module__ = "torch.utils.module_tracker"

    def __init__(self) -> None:
        self.parents = {_OUTSIDE}
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._walked: weakref.WeakSet[Any] = weakref.WeakSet()
        self._waits_for_end = False
        self._handles: list[Any] = []

    @property
    def is_bw(self) -> bool:
        """Whether a backward pass runs."""
        return bool(passing)

    def __enter__(self) -> "ModuleTracker":
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after),
        ]
        return self

    def __exit__(self, *error: Any) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _before(self, module: Any, args: Any) -> None:
        name = self._name(module)
        self.parents.add(name)
        self._when_arrived(args, lambda _: self.parents.discard(name))

    def _after(self, module: Any, args: Any, output: Any) -> None:
        name = self._name(module)
        self.parents.discard(name)

        def backward(_: Any) -> None:
            self._end_with_the_pass()
            self.parents.add(name)

        self._when_arrived(output, backward)

    def _when_arrived(self, values: Any, then: Callable[[Any], None]) -> None:
        """Call something when the gradients of all the tensors in a value are there."""
        tensors = [one for one in flatten(values)[0] if isinstance(one, Tensor) and one.requires_grad]
        if tensors:
            self._handles.append(register_multi_grad_hook(tensors, then))

    def _end_with_the_pass(self) -> None:
        """No module runs any more when the pass is over, whether or not its inputs asked for gradients."""
        if self._waits_for_end:
            return

        def end() -> None:
            self.parents = {_OUTSIDE}
            self._waits_for_end = False

        passing[-1].callbacks.append(end)
        self._waits_for_end = True

    def _name(self, module: Any) -> str:
        """The module's name; its children are named after it."""
        name = self._names.setdefault(module, type(module).__name__)
        if module not in self._walked:
            for own, child in module.named_children():
                self._names[child] = f"{name}.{own}"
                self._name(child)
            self._walked.add(module)
        return name
