"""Optimizer: groups of parameters with their settings, the state of each parameter, and `state_dict`.

What an optimiser does with one parameter and its gradient is the subclass's `update`; it runs without grad
mode (or, for `differentiable=True`, with it). Texts, layouts and orders of keys are PyTorch's.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, ClassVar

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.hooks import RemovableHandle
from tensorcli.engine.autograd.modes import enable_grad, mode
from tensorcli.engine.optim.step_hooks import (
    added,
    let_step_call_hooks,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]

Group = dict[str, Any]
State = dict[str, Any]


class _RequiredParameter:
    """Stands for the default of a setting that each group has to give."""

    __module__ = "torch.optim.optimizer"

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


class Optimizer(Pickled):
    """The base of all optimisers.

    Errors: TypeError for a bare tensor, ValueError for no parameters, for one that is not a leaf, or is in two
    groups.
    """

    __module__ = "torch.optim.optimizer"
    captured = "params and state_steps"
    refuses_many = True  # Whether many parameters at once are refused with `differentiable=True`.
    captured_foreach = ""  # As the code for many parameters at once names it, where that differs.
    """What has to be on a device of `capturing` in a group that is `capturable`, as the error names it."""
    capturing: tuple[str, ...] = ("cuda", "xpu", "hpu", "privateuseone", "xla")
    capturing_foreach: tuple[str, ...] = capturing[:-1]
    later: ClassVar[Group] = {}
    """Settings that came with later versions, and what a group that was saved before them is taken to say."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """What the state of a parameter has as tensors, and may have been saved as numbers."""

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        self.defaults = defaults
        self._prepare_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + messages.tensor_type(params)
            )
        self.state: defaultdict[Any, State] = defaultdict(dict)
        self.param_groups: list[Group] = []
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def _prepare_hooks(self) -> None:
        self._optimizer_step_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self._optimizer_step_post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        let_step_call_hooks(type(self))

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._prepare_hooks()
        for group in self.param_groups:
            for name, value in self.later.items():
                group.setdefault(name, value)
            for param in group["params"]:
                self._renew(param, self.state.get(param), group)

    def _renew(self, param: Tensor, state: State | None, group: Group) -> None:
        """Make tensors of what older versions kept as numbers."""
        for name in self.numbers if state else ():
            if not isinstance(state[name], Tensor):  # type: ignore[index] # there is one
                from tensorcli.engine.construct import tensor

                there = param.device if group.get("capturable") or group.get("fused") else None
                state[name] = tensor(float(state[name]), dtype=count_dtype(), device=there)  # type: ignore[index]

    def __repr__(self) -> str:
        lines = []
        for number, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {number}\n")
            lines += [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
        return f"{type(self).__name__} ({''.join(lines)})"

    # ---- groups

    def add_param_group(self, param_group: Group) -> None:
        """Add a group: a dictionary with `params` and whichever settings differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack_names(param_group)
        params = param_group["params"]
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_name_of_type(param)}"
                )
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, value in self.defaults.items():
            if value is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, value)
        if len(params) != len(set(params)):
            messages.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause "
                "an error; see github.com/pytorch/pytorch/issues/40967 for more information"
            )
        named = "param_names" in param_group
        if any(("param_names" in group) != named for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with names' if named else 'without names'} to the optimizer"
            )
        if not {p for group in self.param_groups for p in group["params"]}.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # ---- steps

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: set to None, or zeroed in place."""
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update each parameter that has a gradient; returns what the closure (which computes them anew) returned."""
        before = mode.grad
        mode.set(bool(self.defaults.get("differentiable")))
        try:
            return self.minimise(closure)
        finally:
            mode.set(before)

    def minimise(self, closure: Callable[[], Any] | None) -> Any:
        """The step itself, with or without grad mode."""
        if type(self).update is Optimizer.update:
            raise NotImplementedError
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: Group) -> None:
        with_grad = [param for param in group["params"] if param.grad is not None]
        for param in with_grad:
            if not self.state.get(param):
                self.prepare(param, self.state[param], group)
        if group.get("foreach") and group.get("differentiable") and self.refuses_many:
            raise AssertionError("_foreach ops don't support autograd")
        if group.get("capturable"):
            self._refuse_uncapturable(with_grad, bool(group["foreach"]))
        for param in with_grad:
            grad = -param.grad if group.get("maximize") else param.grad
            state = self.state[param]
            known = _counts(param, state) if group.get("fused") else ()
            self.update(param, grad, state, group)
            for tensor, count in known:
                tensor.counter.count = count
        self._forget_empty(with_grad)

    def _refuse_uncapturable(self, params: list[Tensor], foreach: bool) -> None:
        """Errors: AssertionError for a parameter on a device whose steps cannot be captured as a graph of the device's own."""
        devices = list(self.capturing_foreach if foreach else self.capturing)
        if any(param.device.type not in devices for param in params):
            what = self.captured_foreach if foreach and self.captured_foreach else self.captured
            raise AssertionError(f"If capturable=True, {what} must be on supported devices: {devices}.")

    def _forget_empty(self, params: list[Tensor]) -> None:
        for param in params:
            if not self.state[param]:
                del self.state[param]

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        """Fill the state of a parameter before its first step."""

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        """One step of one parameter."""
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return added(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return added(self._optimizer_step_post_hooks, hook)

    # ---- saving

    def _register(self, kind: str, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
        return added(self.__dict__.setdefault(f"_optimizer_{kind}_hooks", OrderedDict()), hook, prepend)

    def _registered(self, kind: str) -> list[Callable[..., Any]]:
        return list(self.__dict__.get(f"_optimizer_{kind}_hooks", {}).values())

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict`."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after each `state_dict`; what it returns replaces the dictionary."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before each `load_state_dict`; what it returns is loaded instead."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after each `load_state_dict`."""
        return self._register("load_state_dict_post", hook, prepend)

    def state_dict(self) -> dict[str, Any]:
        """The state and the settings, parameters by their number; the tensors in it are the optimiser's own."""
        for hook in self._registered("state_dict_pre"):
            hook(self)
        numbers: dict[int, int] = {}
        groups: list[Group] = []
        for group in self.param_groups:
            start = sum(len(done["params"]) for done in groups)
            new = {id(param): number for number, param in enumerate(group["params"], start)}
            numbers = new | numbers
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append(packed | {"params": [numbers[id(param)] for param in group["params"]]})
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: value for k, value in self.state.items()}
        found = {"state": state, "param_groups": groups}
        for hook in self._registered("state_dict_post"):
            answer = hook(self, found)
            found = found if answer is None else answer
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state. Errors: ValueError when its groups are not those of this optimiser."""
        state_dict = state_dict.copy()
        for hook in self._registered("load_state_dict_pre"):
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                "group"
            )
        params = dict(
            zip(
                chain.from_iterable(group["params"] for group in saved),
                chain.from_iterable(group["params"] for group in groups),
                strict=True,
            )
        )
        state: defaultdict[Any, State] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _fitted(params[key], value)
            else:
                state[key] = value
        for own, new in zip(groups, saved, strict=True):
            new["params"] = own["params"]
            if "param_names" in own:
                new.setdefault("param_names", own["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._registered("load_state_dict_post"):
            hook(self)


def count_dtype() -> dtypes.dtype:
    """The dtype of counts of steps: that of new tensors, but none of half precision."""
    return dtypes.float64 if dtypes.default.floating is dtypes.float64 else dtypes.float32


def _counts(param: Tensor, state: State) -> list[tuple[Tensor, int]]:
    """What one fused kernel writes, and the versions: that kernel does not count its writes (of the steps, others do)."""
    written = [param, *(v for k, v in state.items() if k != "step" and isinstance(v, Tensor))]
    return [(tensor, tensor._version) for tensor in written]


def _unpack_names(group: Group) -> None:
    """Make a list of a group's parameters; pairs of name and parameter give `param_names` too."""
    params = group["params"]
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
            "in sets will change between runs. Please use a list instead."
        )
    params = list(params)
    names = [param[0] for param in params if isinstance(param, tuple)]
    group["params"] = [param[1] if isinstance(param, tuple) else param for param in params]
    if names:
        if len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["param_names"] = names


def _name_of_type(value: Any) -> str:
    """What `torch.typename` says: a function or a generator has a name of its own."""
    named = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def _fitted(param: Tensor, value: Any, key: Any = None) -> Any:
    """A saved value in the dtype of its parameter; the count of steps stays as it is."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        if param.dtype.is_floating_point:
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {name: _fitted(param, one, name) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitted(param, one) for one in value)  # type: ignore[call-arg]
    return value
