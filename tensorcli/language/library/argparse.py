"""`argparse` for scripts: options have their defaults, since a script is given no arguments; `parse_args([...])` gives some."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from tensorcli.language.builtin_objects import Builtin
from tensorcli.language.library.types import Bag, check_names, making
from tensorcli.language.namespaces import words
from tensorcli.language.policy import Names, Open

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


MEMBERS = words(
    "ArgumentDefaultsHelpFormatter ArgumentParser HelpFormatter Namespace RawDescriptionHelpFormatter RawTextHelpFormatter "
    "REMAINDER SUPPRESS"
)


class Namespace(Bag, argparse.Namespace):
    """argparse.Namespace."""

    __module__ = "argparse"


class _Quiet(argparse.ArgumentParser):
    """Python's parser, which reads no arguments of the process and never ends it."""

    def error(self, message: str) -> NoReturn:
        """Errors: ValueError, where Python's ends the process."""
        hint = "; a script is given no arguments: write parse_args([...])" if "required" in message else ""
        raise ValueError(f"{message}{hint}")


class Group:
    """What options are added to."""

    __slots__ = ("evaluator", "inner")

    def __init__(self, inner: Any, evaluator: Evaluator) -> None:
        self.inner = inner
        self.evaluator = evaluator

    def add_argument(self, *names: str, **options: Any) -> None:
        """An option, or an argument by its place. Errors: ValueError and TypeError, as Python's; LimitError."""
        check_names(str(each).strip("-") for each in (*names, options.get("dest")))
        if (action := options.get("action", "store")) not in _ACTIONS:
            raise ValueError(f"the action {action!r} is not part of the language")
        options.pop("help", None)  # nothing here prints it, and it may hold a format
        builtins = self.evaluator.builtins
        if isinstance(options.get("nargs"), int):
            builtins.guards.items(options["nargs"], "the option's values")
        if "type" in options and not isinstance(options["type"], type):
            options["type"] = builtins.callback(options["type"])
        if options.get("choices") is not None:
            options["choices"] = list(builtins.guards.bounded(options["choices"], "the choices"))
        self.inner.add_argument(*names, **options)


class Parser(Group):
    """ArgumentParser."""

    __slots__ = ()

    def __init__(self, evaluator: Evaluator, description: str | None = None, **options: Any) -> None:
        kept = {key: options[key] for key in ("conflict_handler", "allow_abbrev") if key in options}
        super().__init__(_Quiet("script", description=description, add_help=False, **kept), evaluator)

    def add_argument_group(self, *args: Any, **kwargs: Any) -> Group:
        """Options that belong together."""
        return Group(self.inner.add_argument_group(*args, **kwargs), self.evaluator)

    def add_mutually_exclusive_group(self, *, required: bool = False) -> Group:
        """Options of which one may be given."""
        return Group(self.inner.add_mutually_exclusive_group(required=required), self.evaluator)

    def set_defaults(self, **defaults: Any) -> None:
        """What options are where they are not given."""
        check_names(defaults)
        self.inner.set_defaults(**defaults)

    def parse_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """The values of all options. Errors: ValueError for arguments that do not fit."""
        return self.inner.parse_args(*self._given(args, namespace))

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """The values of all options, and the remaining arguments."""
        return self.inner.parse_known_args(*self._given(args, namespace))

    def _given(self, args: Iterable[str] | None, namespace: Any) -> tuple[list[str], Any]:
        filled = Namespace() if namespace is None else namespace
        if not isinstance(filled, Bag):
            raise TypeError(f"the namespace must be an argparse.Namespace, not {type(namespace).__name__}")
        return list(self.evaluator.guards.bounded(args or (), "the arguments")), filled


_ACTIONS: tuple[str | None, ...] = (
    None,
    *"store store_const store_true store_false append append_const count extend".split(),
)
"""What options may do: the others print and end the process, or are classes."""
ATTRIBUTES: dict[type, Names] = {
    Group: words("add_argument"),
    Parser: words(
        "add_argument add_argument_group add_mutually_exclusive_group parse_args parse_known_args set_defaults"
    ),
    Namespace: Open(),
}
SETTABLE: dict[type, Names] = {Namespace: Open()}


def constructors(evaluator: Evaluator) -> dict[type, Callable[..., Any]]:
    """What stands in for the constructors of this module."""
    return {Namespace: making(Namespace)}


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    if name == "ArgumentParser":
        return Builtin(name, lambda *args, **kwargs: Parser(evaluator, *args, **kwargs))
    return Namespace if name == "Namespace" else getattr(argparse, name)
