"""`__torch_function__`: classes that say what functions do with their instances, and subclasses of Tensor.

The binder asks when it meets types that it has not learnt, and never learns these: calls of plain tensors pay nothing. Unlike
PyTorch's, attributes (`shape`, `grad`) do not ask; functions of `torch.nn.functional` ask by the operators that they call.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import NoneType
from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.native import type_name
from tensorcli.engine.table import PACKETS

Call = Callable[..., Any]

torch: Any = None
"""The package whose functions these are (set by it)."""
functions: Any = None
"""All operators as functions, those too that torch does not show (set by `callers`)."""
Tensor: Any = None
"""The engine's own class (set by `tensor`)."""


class _State:
    enabled = True


state: Final = _State()


class DisableTorchFunctionSubclass:
    """A context in which subclasses of Tensor are taken for tensors."""

    __module__ = "torch._C"

    def __enter__(self) -> None:
        self.before, state.enabled = state.enabled, False

    def __exit__(self, *error: Any) -> None:
        state.enabled = self.before


class Answered(Exception):  # noqa: N818 (no error: the way out of a binder)
    """What the class of an argument answers to a call, which goes no further."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


def disabled(func: Call, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of classes whose results are plain tensors."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


PLAIN: Final[set[type]] = {int, float, bool, complex, str, NoneType}
"""Classes without `__torch_function__`, and those whose results are plain tensors."""


def _is_pytorchs(kind: type) -> bool:
    """Whether a class is of PyTorch's own tensors: to functions of the engine they are objects like any other."""
    return any(
        (base.__module__, base.__name__) == ("torch", "Tensor") and base is not Tensor
        for base in kind.__mro__
    )


def overriding(args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> list[Any]:
    """The first argument of each class that overrides functions, those in lists too; subclasses before their bases."""
    found: list[Any] = []
    for one in _each((*args, *kwargs.values()) if kwargs else args):
        kind = type(one)
        if kind in PLAIN or any(type(each) is kind for each in found):
            continue
        function = getattr(kind, "__torch_function__", None)
        if function is None or function is disabled or _is_pytorchs(kind):
            PLAIN.add(kind)
            continue
        place = next((i for i, each in enumerate(found) if isinstance(one, type(each))), len(found))
        found.insert(place, one)
    return found


def _each(args: Sequence[Any]) -> Iterator[Any]:
    for one in args:
        if one.__class__ in (list, tuple):
            yield from one
        else:
            yield one


def has_torch_function(relevant_args: Sequence[Any]) -> bool:
    """Whether one of the arguments overrides functions."""
    return state.enabled and bool(overriding(relevant_args))


def handle_torch_function(public_api: Call, relevant_args: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    """What the first of the arguments that answers makes of a call of a Python function. Errors: TypeError where none does."""
    relevant = overriding(relevant_args)
    answer = _asked(public_api, relevant, (args, kwargs), DeprecationWarning)
    if answer is NotImplemented:
        raise TypeError(
            f"no implementation found for '{public_api.__module__}.{public_api.__name__}' on types that implement "
            f"__torch_function__: {[type(one) for one in relevant]}"
        )
    return answer


def is_tensor_like(inp: Any) -> bool:
    """Whether the argument is a tensor, or says what functions do with it."""
    return hasattr(inp, "__torch_function__")


def wrap_torch_function(dispatcher: Call) -> Callable[[Call], Call]:
    """A decorator for functions that ask those of their arguments that `dispatcher` gives for them."""

    def inner(func: Call) -> Call:
        @wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def _asked(public_api: Call, relevant: Sequence[Any], given: tuple[Any, ...], category: type[Warning]) -> Any:
    """The first answer of the arguments, NotImplemented where there is none; one whose method is not the class's is warned of."""
    types = tuple(type(one) for one in relevant)
    for one in relevant:
        function = one.__torch_function__
        if getattr(function, "__self__", None) is one:
            # The C++ side of PyTorch says it once, and quotes the name fully.
            native = category is UserWarning
            messages.warn(
                f"Defining your `__torch_function__{'`' if native else ''} as a plain method is deprecated and will be an error "
                "in future, please define it as a classmethod.",
                category,
                once=native,
            )
        answer = function(public_api, types, *given)
        if answer is not NotImplemented:
            return answer
    return NotImplemented


def _dispatched(public_api: Call, relevant: Sequence[Any], args: Any, kwargs: Any) -> Any:
    """What the first of the arguments that answers makes of a call of an operator. Errors: TypeError where none does."""
    answer = _asked(public_api, relevant, (args, kwargs) if kwargs else (args,), UserWarning)
    if answer is NotImplemented:
        listed = "\n".join(f"  - tensor subclass {type(one)}" for one in relevant)
        raise TypeError(
            f"Multiple dispatch failed for '{_spoken(public_api)}'; all __torch_function__ handlers returned NotImplemented:\n\n"
            f"{listed}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
        )
    return answer


def _spoken(function: Call) -> str:
    name = function.__qualname__
    space = PACKETS[name][0].namespace if name in PACKETS else ""
    return f"torch.{space}.{name}" if space else f"torch.{name}"


def called(name: str, method: bool, relevant: Sequence[Any], args: Sequence[Any], kwargs: Any) -> Any:
    """A call of an operator's function or method, by the name that users know it by, as its arguments have it."""
    space = PACKETS[name][0].namespace if name in PACKETS else ""
    owner: Any = torch.Tensor if method else torch
    if space == "nn":
        owner = torch.nn.functional
    elif space and not method:
        owner = getattr(torch, space)
    public = getattr(owner, name.removeprefix(f"{space}_"), None) or getattr(functions, name)
    return _dispatched(public, relevant, args, kwargs)


# ---- subclasses of Tensor


def of_tensor(cls: type, func: Call, types: Any, args: Any, kwargs: Any) -> Any:
    """Tensor's own `__torch_function__`: the function's results are of the subclass. PyTorch itself asks it where one of its
    functions is given a tensor of the engine, and is answered by the engine's function of that name, unless tensors of both are
    given.
    """
    own = _own(func)
    if own is None or not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    if own is not func and any(_is_pytorchs(type(one)) for one in _each((*args, *(kwargs or {}).values()))):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        answer = own(*args, **(kwargs or {}))
        return _converted(answer, cls)


def _own(func: Call) -> Call | None:
    """The engine's function for one of PyTorch's, by its name (None where there is none); any other is left as it is."""
    home = getattr(func, "__module__", None) or getattr(func, "__objclass__", object).__module__
    if home.partition(".")[0] != "torch":
        return func
    spaces: tuple[Any, ...]
    if hasattr(func, "__objclass__") or func.__qualname__.startswith("Tensor."):
        spaces = (torch.Tensor,)
    elif home.endswith(("nn.functional", "._nn")):
        spaces = (torch.nn.functional, functions)
    else:
        spaces = (torch, functions)
    return next((found for each in spaces if (found := getattr(each, func.__name__, None))), None)


def _converted(answer: Any, cls: type) -> Any:
    if cls is Tensor:
        return answer
    if isinstance(answer, Tensor) and not isinstance(answer, cls):
        return as_subclass(answer, cls)
    if isinstance(answer, (tuple, list)):
        converted = [_converted(one, cls) for one in answer]
        return converted if type(answer) is list else type(answer)(converted)
    return answer


def as_subclass(tensor: Any, cls: type) -> Any:
    """A view of the tensor that is of the class. Errors: TypeError for one that is not a subclass of Tensor."""
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a type (got {type_name(type(cls))})")
    if not issubclass(cls, Tensor):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure your class "
            "inherits from Tensor."
        )
    with DisableTorchFunctionSubclass():
        return _of(functions.alias(tensor), cls)


def make_subclass(cls: Any, data: Any, require_grad: bool = False) -> Any:
    """A leaf of the class on the memory of a tensor. Errors: TypeError."""
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a type (got {type_name(type(cls))})")
    if not isinstance(data, Tensor):
        raise TypeError(
            f"_make_subclass(): argument 'data' (position 2) must be Tensor, not {type_name(type(data))}"
        )
    with DisableTorchFunctionSubclass():
        found = _of(data.detach(), cls)
        return found.requires_grad_(require_grad)


def _of(tensor: Any, cls: type) -> Any:
    found: Any = object.__new__(cls)
    vars(found).update(vars(tensor))
    return found


_METHODS: Final = (
    "__getitem__ __setitem__ __reversed__ __pos__ apply_ backward detach_ item new_tensor nonzero numpy "
    "requires_grad_ split tolist"
).split()
"""Tensor's methods that are no operators, and ask what a subclass says."""
_ATTRIBUTES: Final = "T mT H mH real imag data".split()
"""Tensor's attributes that are tensors of the same class."""


def adopt(cls: Any, base: Any) -> None:
    """Let a new subclass of Tensor say what those do that no binder sees."""
    if getattr(cls, "__torch_function__", None) is disabled:
        return
    for name in (*_METHODS, *_ATTRIBUTES):
        own = vars(base)[name]
        if next(vars(kind)[name] for kind in cls.__mro__ if name in vars(kind)) is own:
            setattr(cls, name, _asking(name, own) if callable(own) else _same_class(own))


def _asking(name: str, own: Call) -> Call:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = (self, *args)
        if state.enabled and (relevant := overriding(given, kwargs)):
            return _dispatched(method, relevant, given, kwargs)
        return own(self, *args, **kwargs)

    method.__name__, method.__qualname__, method.__doc__ = name, f"Tensor.{name}", own.__doc__
    return method


def _same_class(own: Any) -> property:
    def get(self: Any) -> Any:
        if not state.enabled:
            return own.__get__(self)
        with DisableTorchFunctionSubclass():
            return _converted(own.__get__(self), type(self))

    return property(get, own.__set__)
