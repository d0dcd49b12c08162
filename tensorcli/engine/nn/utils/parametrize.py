"""`torch.nn.utils.parametrize`: a parameter that is computed by modules from an original, whenever it is asked for.

A parametrized module gets a class of its own, with a property for each such parameter; the originals stand in its child
`parametrizations`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.nn.containers import ModuleDict, ModuleList
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.parameter import Parameter
from tensorcli.engine.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """The values that were computed inside `cached`, by module and name, and how many such blocks are open."""

    __slots__ = ("depth", "values")

    def __init__(self) -> None:
        self.depth = 0
        self.values: dict[tuple[int, str], Any] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized value is computed once."""
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values.clear()


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


class ParametrizationList(ModuleList):
    """What computes one parameter: modules, one after the other, and the original or the originals.

    Errors: ValueError, RuntimeError where the modules do not fit the tensor.
    """

    __module__ = "torch.nn.utils.parametrize"

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        sizes, kind = original.shape, original.dtype
        new = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            self._keep_one(original, new)
        else:
            for number, one in enumerate(new):
                self._keep(number, one, original)
        if not unsafe:
            _check(
                self(), kind, sizes, "A parametrization must return a tensor. Got {}.",
                "Registering a parametrization may not change the {} of the tensor, unless `unsafe` flag is enabled.\n"
                "unparametrized {}: {}\nparametrized {}: {}",
            )  # fmt: skip

    def _keep_one(self, original: Any, new: Any) -> None:
        for fact in ("dtype", "device"):
            if getattr(original, fact) != getattr(new, fact):
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {fact}.\noriginal.{fact}: "
                    f"{getattr(original, fact)}\nright_inverse(original).{fact}: {getattr(new, fact)}"
                )
        with no_grad():
            original.set_(new)
        _register(self, "original", original)

    def _keep(self, number: int, one: Any, original: Any) -> None:
        if not isinstance(one, Tensor):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                f"{number} of the sequence with type {type(one).__name__}."
            )
        found: Any = Parameter(one, original.requires_grad) if isinstance(original, Parameter) else one
        found.requires_grad_(original.requires_grad)
        _register(self, f"original{number}", found)

    def right_inverse(self, value: Any) -> None:
        """Set the originals so that the modules make `value` of them."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                self._set(value)
            else:
                self._set_all(value)

    def _set(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        if value.dtype != self.original.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype "
                f"{self.original.dtype}"
            )
        self.original.set_(value)

    def _set_all(self, values: Any) -> None:
        if not isinstance(values, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}."
            )
        if len(values) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length "
                f"{len(values)}."
            )
        for number, value in enumerate(values):
            own = getattr(self, f"original{number}")
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors or reference-type opaques. Got element "
                    f"{number} of type {type(value).__name__}."
                )
            if own.dtype != value.dtype:
                raise ValueError(
                    f"Tensor {number} returned by `right_inverse` has dtype {value.dtype} while `original{number}` has dtype "
                    f"{own.dtype}"
                )
            own.set_(value)

    def forward(self) -> Any:
        """The parameter."""
        modules = list(self)
        given = (
            (self.original,)
            if self.is_tensor
            else tuple(getattr(self, f"original{number}") for number in range(self.ntensors))
        )
        value = modules[0](*given)
        for module in modules[1:]:
            value = module(value)
        return value


def _check(value: Any, kind: Any, sizes: Any, no_tensor: str, differs: str) -> None:
    """Errors: ValueError for what is not a tensor of this dtype and these sizes."""
    if not isinstance(value, Tensor):
        raise ValueError(no_tensor.format(type(value).__name__))
    for fact, before, after in (("dtype", kind, value.dtype), ("shape", sizes, value.shape)):
        if before != after:
            raise ValueError(differs.format(fact, fact, before, fact, after))


# ---- the class of a parametrized module


def _getstate(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\nhttps://pytorch.org/tutorials/"
        "beginner/saving_loading_models.html#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    twin: Any = object.__new__(type(self))
    memo[id(self)] = twin
    twin.__dict__ = deepcopy(self.__dict__, memo)
    return twin


def _give_class(module: Module) -> None:
    kind = type(module)
    names: dict[str, Any] = {"__getstate__": _getstate, "__module__": ParametrizationList.__module__}
    if not hasattr(kind, "__deepcopy__"):
        names["__deepcopy__"] = _copied
    module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), names)


def _give_property(module: Module, name: str) -> None:
    def get(self: Any) -> Any:
        compute = self.parametrizations[name]
        if not _cache.depth:
            return compute()
        key = id(self), name
        if key not in _cache.values:
            _cache.values[key] = compute()
        return _cache.values[key]

    def set(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set))


# ---- the public functions


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a module compute a parameter or buffer of another. Errors: ValueError where it does not fit (unless `unsafe`)."""
    if tensor_name[:2] == tensor_name[-2:] == "__":
        # It becomes a property of the module's class, and may give anything: Python would ask it what the module is.
        raise ValueError(f"a tensor of the name {tensor_name!r} cannot be parametrized")
    parametrization.train(module.training)
    lists: Any = getattr(module, "parametrizations", None)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        lists[tensor_name].append(parametrization)
        lists[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_class(module)
            lists = module.parametrizations = ModuleDict()
        _give_property(module, tensor_name)
        lists[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def _check_next(module: Module, name: str, parametrization: Any) -> None:
    value = getattr(module, name)
    changed = parametrization(value)
    name = name.replace("{", "{{").replace("}", "}}")
    rest = f" of the tensor, unless the `unsafe` flag is enabled.\nmodule.{name}."
    _check(
        changed, value.dtype, value.shape, "A parametrization must return a tensor. Got {}.",
        "Registering a parametrization may not change the {}" + rest + "{}: {}\nparametrization(module." + name + ").{}: {}",
    )  # fmt: skip
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(changed)
    except NotImplementedError:
        return
    _check(
        back, value.dtype, value.shape, "parametrization.right_inverse must return a tensor. Got: {}",
        "The tensor returned by parametrization.right_inverse must have the same {} as module." + name
        + ", unless the `unsafe` flag is enabled.\nmodule." + name + ".{}: {}\nreturned {}: {}",
    )  # fmt: skip


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module computes some parameter, or one of this name."""
    lists = getattr(module, "parametrizations", None)
    if not isinstance(lists, ModuleDict):
        return False
    return bool(len(lists)) if tensor_name is None else tensor_name in lists


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the parameter an ordinary one again: with its computed value, or with the original. Errors: ValueError."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    lists: Any = module.parametrizations
    found = lists[tensor_name]
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            with no_grad():
                original.set_(getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of "
            "tensors."
        )
    delattr(type(module), tensor_name)
    del lists[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had at first."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give a module the parametrizations of another, or of its one tensor, and the parameters below them, which both share."""
    if not is_parametrized(from_module):
        return to_module
    theirs: Any = from_module.parametrizations
    for name in theirs if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for each in theirs[name]:
            register_parametrization(to_module, name, each)
        own: Any = to_module.parametrizations
        for place in _originals(theirs[name]):
            setattr(own[name], place, getattr(theirs[name], place))
    return to_module


def _originals(parametrized: Any) -> Iterator[str]:
    """The names of the parameters below a parametrized tensor: `original`, or `original0` and those after it."""
    if hasattr(parametrized, "original"):
        yield "original"
        return
    number = 0
    while hasattr(parametrized, f"original{number}"):
        yield f"original{number}"
        number += 1
