"""Attributes as a script reads, sets and deletes them: by the policy's lists, with Python's own complaints.

Methods that could be made to take too much time or memory come as checked stand-ins; functions that PyTorch has in C are
shown as such.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import Builtin, Descriptor, OpaqueType, Type
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.limits import TypeTable
from tensorcli.language.methods import CHECKED_METHODS
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import CALLABLES, FUNCTIONS, Policy, RefusedError
from tensorcli.language.vocabulary import is_dunder

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

# What has a __name__ that a script may read.
NAMED = (type, ScriptFunction, Builtin, OpaqueType, *CALLABLES)


class Attributes:
    """What the scripts of a session may reach on objects. `plain`: types and names that were read without a stand-in."""

    def __init__(self, evaluator: Evaluator, policy: Policy) -> None:
        self.evaluator = evaluator
        self.policy = policy
        self.plain: set[tuple[type, str]] = set()
        self.checked = TypeTable(CHECKED_METHODS)
        self.in_c: dict[tuple[str, str], Builtin] = {}

    def read(self, owner: Any, name: str) -> Any:
        """`owner.name`, by the policy."""
        kind = type(owner)
        if kind is Namespace:
            return self._member(owner, name)
        if name == "__name__" and isinstance(owner, NAMED):
            return owner.__name__
        if kind is ScriptFunction:
            if name in owner.__dict__:
                return owner.__dict__[name]
            if is_dunder(name):
                raise self.policy.refusal(owner, name)
            raise AttributeError(f"'function' object has no attribute '{name}'", name=name, obj=owner)
        if isinstance(owner, type):
            return self._of_class(owner, name)
        if not self.policy.allows(kind, name):
            return self._refuse(owner, name)
        value = getattr(owner, name)
        checked = self.checked[kind]
        if checked is not None and name in checked:
            return Builtin(name, checked[name](self.evaluator, value, owner))
        self.plain.add((kind, name))
        return value

    def shown(self, owner: Any, name: str) -> Any:
        """`owner.name` as a value that is looked at."""
        found = self.read(owner, name)
        return self.presented(owner, name, found) if type(found) in FUNCTIONS else found

    def presented(self, owner: Any, name: str, function: Any) -> Any:
        """A function that was read off something, as one of C's where its library has it so."""
        told = self.policy.told(owner, name)
        if told is None:
            return function
        if isinstance(owner, type):
            return Descriptor(name, function, told)
        if type(owner) is not Namespace:
            return Builtin(name, function, told, owner)
        found = self.in_c.get((owner.name, name))
        if found is None or found.function is not function:
            whose = self.evaluator.modules["torch"] if told.endswith("object") else None
            found = self.in_c[owner.name, name] = Builtin(name, function, told, whose)
        return found

    def _member(self, space: Namespace, name: str) -> Any:
        try:
            return space.members[name]
        except KeyError:
            if is_dunder(name):
                raise self.policy.refusal(space, name) from None
            text = f"module '{space.name}' has no attribute '{name}'"
            raise AttributeError(text, name=name, obj=space) from None

    def _of_class(self, owner: Any, name: str) -> Any:
        if owner is Type or not self.policy.knows(owner):
            raise self.policy.refusal(owner, name)
        if not any(name in vars(base) for base in owner.__mro__) and name not in dir(owner):
            if is_dunder(name):
                raise self.policy.refusal(owner, name)
            raise AttributeError(
                f"type object '{owner.__name__}' has no attribute '{name}'", name=name, obj=owner
            )
        if not self.policy.allows(owner, name):
            raise self.policy.refusal(owner, name)
        for base, checked in CHECKED_METHODS.items():
            if issubclass(owner, base) and name in checked:
                return Builtin(name, self._unbound(base, name))
        if name == "fromkeys":
            return Builtin(
                name,
                lambda *args: dict.fromkeys(
                    *self.evaluator.builtins.contents(args[:1], "the dict"), *args[1:]
                ),
            )
        return getattr(owner, name)

    def _unbound(self, base: type, name: str) -> Callable[..., Any]:
        """A checked method taken from its class: the object comes first."""

        def call(*args: Any, **kwargs: Any) -> Any:
            if not args or not isinstance(args[0], base):
                given = type(args[0]).__name__ if args else "nothing"
                raise TypeError(
                    f"descriptor '{name}' for '{base.__name__}' objects doesn't apply to a '{given}' object"
                )
            return self.read(args[0], name)(*args[1:], **kwargs)

        return call

    def _refuse(self, owner: Any, name: str) -> Any:
        """An attribute outside the allow-list:

        refused where it exists, Python's own complaint where it does not.
        """
        if is_dunder(name) or self.policy.list_of(type(owner)) is None or _has(type(owner), name):
            raise self.policy.refusal(owner, name)
        try:
            getattr(owner, name)
        except AttributeError as error:
            raise AttributeError(str(error), name=name, obj=owner) from None
        raise self.policy.refusal(owner, name)

    def write(self, owner: Any, name: str, value: Any) -> None:
        """`owner.name = value`, by the policy."""
        kind = type(owner)
        if kind is ScriptFunction and not name.startswith("_"):
            owner.__dict__[name] = value
            return
        if kind is Namespace or isinstance(owner, type) or not self.policy.may_set(kind, name):
            if kind is Namespace:
                raise RefusedError(
                    f"module '{owner.name}' cannot be changed by a script", name=name, obj=None
                )
            if isinstance(owner, type):
                raise RefusedError(
                    f"class '{owner.__name__}' cannot be changed by a script", name=name, obj=None
                )
            if self.policy.allows(kind, name) or not self.policy.knows(kind):
                raise RefusedError(self.policy.fixed(kind, name), name=name, obj=None)
            self._refuse(owner, name)
        setattr(owner, name, value)

    def delete(self, owner: Any, name: str) -> None:
        """`del owner.name`, by the policy."""
        kind = type(owner)
        if kind is ScriptFunction and name in owner.__dict__:
            del owner.__dict__[name]
            return
        if kind is Namespace or isinstance(owner, type) or not self.policy.may_set(kind, name):
            told = self.policy.fixed(kind, name).replace("cannot be set", "cannot be deleted")
            raise RefusedError(told, name=name, obj=None)
        delattr(owner, name)


def _has(kind: type, name: str) -> bool:
    return any(name in vars(base) for base in kind.__mro__)
