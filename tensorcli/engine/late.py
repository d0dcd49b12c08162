"""Packages of torch whose names are imported when they are first asked for: their `__getattr__` and `__dir__`.

A name is found in a module of the engine, as a module of the package, or as an operator whose name begins with the package's.
Every other name is refused in the words of Python for a module of torch.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from tensorcli.engine.table import PACKETS

Answers = tuple[Callable[[str], Any], Callable[[], list[str]]]
"""A module's `__getattr__` and `__dir__`."""


def listed(modules: Mapping[str, str]) -> dict[str, str]:
    """The module of each name, by the names of each module: `{"func.reverse": "grad vjp"}`."""
    return {name: module for module, names in modules.items() for name in names.split()}


def late(
    package: str, where: Mapping[str, str], modules: Iterable[str] = (), own: Iterable[str] = ()
) -> Answers:
    """The answers of `torch.PACKAGE`: `where` has each name's module, by its path in the engine; `modules` are modules of the
    package that are torch's, too; `own` is what `dir` lists besides."""

    def find(name: str) -> Any:
        if name == "__all__":
            return _starred(package, names())
        if name in modules:
            return import_module(f"tensorcli.engine.{package}.{name}")
        if name not in where:
            raise _absent(package, name)
        return _kept(package, name, getattr(import_module(f"tensorcli.engine.{where[name]}"), name))

    def names() -> list[str]:
        return sorted({*own, *where, *modules})

    return find, names


def prefixed(package: str, where: Mapping[str, str] = MappingProxyType({})) -> Answers:
    """The answers of `torch.PACKAGE`, whose names are the operators `PACKAGE_NAME`, and those of `where`."""
    from tensorcli.engine.callers import functions

    prefix = f"{package}_"
    others, _ = late(package, where)

    def find(name: str) -> Any:
        if name == "__all__":
            return _starred(package, names())
        if name in where:
            return others(name)
        if name.startswith("_") or prefix + name not in PACKETS:
            raise _absent(package, name)
        return _kept(package, name, getattr(functions, prefix + name))

    def names() -> list[str]:
        return sorted([*where, *(name.removeprefix(prefix) for name in PACKETS if name.startswith(prefix))])

    return find, names


def _starred(package: str, names: list[str]) -> list[str]:
    """What `from torch.PACKAGE import *` imports: the late names too."""
    known = vars(sys.modules[f"tensorcli.engine.{package}"])
    return sorted({*names, *(name for name in known if not name.startswith("_"))})


def _absent(package: str, name: str) -> AttributeError:
    return AttributeError(f"module 'torch.{package}' has no attribute '{name}'")


def _kept(package: str, name: str, found: Any) -> Any:
    """What was found, which the package itself has from now on."""
    setattr(sys.modules[f"tensorcli.engine.{package}"], name, found)
    return found
