"""States of modules: taken as a dictionary of tensors by dotted names, and loaded from one."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.native import NativeType
from tensorcli.engine.nn.parameter import Parameter, is_lazy
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor

MOST = 1_000_000
"""Modules of one state: more are the same few, held by one another again and again."""


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class _IncompatibleKeys(Pickled, _Keys):
    """What a load found missing and unexpected."""

    __module__ = "torch.nn.modules.module"
    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"

    __str__ = __repr__


class WithoutModule(Pickled):
    """A hook that is not given the module that it belongs to."""

    def __init__(self, hook: Any) -> None:
        self.hook = hook

    def __call__(self, module: Any, *arguments: Any) -> Any:
        return self.hook(*arguments)


class StateDict(OrderedDict[str, Any], metaclass=NativeType):
    """An OrderedDict that carries the modules' versions."""

    __module__ = "collections"
    __qualname__ = "OrderedDict"
    _metadata: Any


def taken(module: Any, args: tuple[Any, ...], destination: Any, prefix: str, keep_vars: bool) -> Any:
    """The state of a module and all below it. Errors: MemoryError for more modules than anybody wrote down."""
    if args:
        messages.warn(
            "Positional args are being deprecated, use kwargs instead. Refer to "
            "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
            category=FutureWarning,
        )
        given = (*args, "", False)
        destination = given[0] if destination is None else destination
        prefix = given[1] if len(args) > 1 and prefix == "" else prefix
        keep_vars = given[2] if len(args) > 2 and keep_vars is False else keep_vars
    if destination is None:
        if _count(module, {}) > MOST:
            raise MemoryError(f"a state of more than {MOST} modules")
        destination = StateDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if isinstance(destination, StateDict):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        answer = hook(module, destination, prefix, metadata)
        if answer is not None:
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = answer
    return destination


def _count(module: Any, known: dict[Any, int]) -> int:
    """How many modules a state names: one that several hold counts as often."""
    if module not in known:
        known[module] = 1 + sum(
            _count(child, known) for child in module._modules.values() if child is not None
        )
    return known[module]


def save_own(module: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Put the parameters, persistent buffers and extra state of one module into a state."""
    for name, value in (*module._parameters.items(), *_persistent(module)):
        if value is not None:
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
    if _overrides(module, "get_extra_state"):
        destination[prefix + _EXTRA] = module.get_extra_state()


_EXTRA = "_extra_state"
"""The key of what a module saves beside its parameters and buffers."""


def _overrides(module: Any, name: str) -> bool:
    from tensorcli.engine.nn.module import Module

    return getattr(type(module), name) is not getattr(Module, name)


def _persistent(module: Any) -> list[tuple[str, Any]]:
    return [each for each in module._buffers.items() if each[0] not in module._non_persistent_buffers_set]


def loaded(module: Any, state: Any, strict: bool, assign: bool) -> _IncompatibleKeys:
    """Load a state into a module and all below it."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    missing: list[str] = []
    unexpected: list[str] = []
    errors: list[str] = []
    metadata = getattr(state, "_metadata", None) or {}

    def load(module: Any, state: dict[str, Any], prefix: str) -> None:
        known = metadata.get(prefix[:-1], {})
        if assign:
            known["assign_to_params_buffers"] = assign
        module._load_from_state_dict(state, prefix, known, True, missing, unexpected, errors)
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                load(child, {key: value for key, value in state.items() if key.startswith(below)}, below)
        keys = _IncompatibleKeys(missing, unexpected)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, if "
                    "incompatible_keys need to be modified, it should be done inplace."
                )

    load(module, OrderedDict(state), "")
    if strict:
        for kind, keys in (("Unexpected", unexpected), ("Missing", missing)):
            if keys:
                listed = ", ".join(f'"{key}"' for key in keys)
                errors.insert(0, f"{kind} key(s) in state_dict: {listed}. ")
    if errors:
        lines = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{lines}")
    return _IncompatibleKeys(missing, unexpected)


def load_own(
    module: Any,
    state: Any,
    prefix: str,
    metadata: dict[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """Load what one module has of its own, after its hooks."""
    for hook in module._load_state_dict_pre_hooks.values():
        hook(module, state, prefix, metadata, strict, missing, unexpected, errors)
    assign = metadata.get("assign_to_params_buffers", False)
    own = {k: v for k, v in (*module._parameters.items(), *_persistent(module)) if v is not None}
    for name, target in own.items():
        key = prefix + name
        if key not in state:
            missing.extend([key] if strict else [])
            continue
        refusal = _load_one(module, name, target, state[key], key, assign)
        errors.extend([refusal] if refusal else [])
    extra = prefix + _EXTRA
    if _overrides(module, "set_extra_state"):
        if extra in state:
            module.set_extra_state(state[extra])
        elif strict:
            missing.append(extra)
    elif strict and extra in state:
        unexpected.append(extra)
    if strict:
        unexpected.extend(_unknown(module, own, state, prefix, extra))


def _load_one(module: Any, name: str, target: Any, value: Any, key: str, assign: bool) -> str:
    """Load one parameter or buffer, or say why it cannot be loaded. `key` is its name in the state."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but '
            f"received {type(value)}"
        )
    lazy = is_lazy(target)
    if not lazy and target.shape == () and value.shape == (1,):
        value = value[0]  # type: ignore[index]
    if not lazy and value.shape != target.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current "
            f"model is {target.shape}."
        )
    if target.is_meta and not value.is_meta and not assign:
        messages.warn(
            f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
            "which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their "
            "corresponding key in the module instead of copying them in place?)"
        )
    try:
        with no_grad():
            if assign:
                setattr(module, name, _assigned(value, target))
            else:
                target.copy_(value)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.size()} and whose '
            f"dimensions in the checkpoint are {value.size()}, an exception occurred : {error.args}."
        )
    return ""


def _unknown(module: Any, own: dict[str, Any], state: Any, prefix: str, extra: str) -> list[str]:
    """The keys of a state that would belong to a module, which does not have them."""
    result = []
    for key in state:
        if key.startswith(prefix) and key != extra:
            first, *rest = key[len(prefix) :].split(".", 1)
            if first not in (module._modules if rest else own):
                result.append(key)
    return result


def _assigned(value: Any, target: Any) -> Any:
    if not isinstance(target, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(target.requires_grad)
    return Parameter(value, target.requires_grad)
