"""What a script meets where Python has objects of C: a builtin function, a method, `type`, a type that it may only look at.

They print as Python's own do. What the builtin functions do stands in builtin_functions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcli.language.functions import address
from tensorcli.language.namespaces import itself

MISSING: Any = object()
"""Stands for no value, where None would be one."""


class Builtin:
    """A builtin function, or the method of a builtin object, by its name and the function that runs.

    `told` is what its repr says in the place of "built-in function NAME". `owner` is the object whose method it is; the repr
    then names its address.
    """

    __slots__ = ("__name__", "function", "owner", "told")

    def __init__(self, name: str, function: Callable[..., Any], told: str = "", owner: Any = None) -> None:
        self.__name__ = name
        self.function = function
        self.told = told or f"built-in function {name}"
        self.owner = owner

    @property
    def __self__(self) -> Any:
        if self.owner is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '__self__'")
        return self.owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Builtin) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.told}>" if self.owner is None else f"<{self.told} at {address(self.owner)}>"

    __copy__ = __deepcopy__ = itself


Builtin.__name__ = "builtin_function_or_method"


class Descriptor(Builtin):
    """A method in C on its class."""

    __slots__ = ()


Descriptor.__name__ = "method_descriptor"


class _TypeMeta(type):
    """`type` as a script sees it: classes are its instances."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, type | OpaqueType)

    def __repr__(cls) -> str:
        return "<class 'type'>"


class OpaqueType:
    """A type that is not part of the language: it can be shown and compared, not called."""

    __slots__ = ("__name__", "kind")

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.__name__ = kind.__name__

    def __repr__(self) -> str:
        module = self.kind.__module__
        hidden = module == "builtins" or module.startswith("tensorcli.")
        return f"<class '{self.__name__ if hidden else f'{module}.{self.__name__}'}'>"


class Type(metaclass=_TypeMeta):
    """The builtin `type`: of one argument, and of three for a class of functions."""


Type.__name__ = "type"
