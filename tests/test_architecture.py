"""Imports flow one way, and each outside package has its place: read from the source with `ast`."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tensorcli"

# A layer imports itself and what stands before it.
LAYERS = ("engine", "language", "explorer", "render", "repl", "cli", "__main__")

# Of the layers below it, render may know only this: what it draws is finished data.
RENDER_TAKES = "tensorcli.explorer.results"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an outside package may be imported: in which modules, and whether outside of a function."""

    modules: tuple[str, ...]
    at_module_level: bool = True


PLACES = {
    "numpy": Place(("engine", "language", "explorer")),
    "scipy": Place(("engine",), at_module_level=False),
    "ml_dtypes": Place(("engine",), at_module_level=False),
    "cupy": Place(("engine",), at_module_level=False),
    "cupyx": Place(("engine",), at_module_level=False),
    "torch": Place(("explorer.engines.pytorch",)),
    "rich": Place(("render", "repl", "cli")),
    "prompt_toolkit": Place(("repl",)),
    "platformdirs": Place(("repl", "cli"), at_module_level=False),
    "typer": Place(("cli",)),
    "click": Place(("cli",)),  # typer's own foundation: its exceptions and contexts
}

# Functions that import what a string names.
IMPORTERS = {"import_module", "__import__", "resolve_name", "run_module"}


class When(Enum):
    """When an import runs: with its module, when a function is called, or never, since it is there for type annotations."""

    AT_ONCE = 0
    CALLED = 1
    FOR_TYPES = 2


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the dotted name (as far as it stands in the source, None where it does not at all)."""

    name: str | None
    line: int
    when: When

    @property
    def lazy(self) -> bool:
        return self.when is not When.AT_ONCE


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def read_imports(source: str, module: str, is_package: bool = False) -> Iterator[Import]:
    """All imports of a module: by statement, by a function such as importlib's, in a text given to exec."""
    parent = module if is_package else module.rpartition(".")[0]
    nodes = list(walk(ast.parse(source)))
    called = {id(node.func) for node, _ in nodes if isinstance(node, ast.Call)}
    importers = IMPORTERS | {
        alias.asname
        for node, _ in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.name in IMPORTERS
    }
    for node, when in nodes:
        match node:
            case ast.Import():
                yield from (Import(alias.name, node.lineno, when) for alias in node.names)
            case ast.ImportFrom():
                base = absolute(node.module or "", node.level, parent)
                for alias in node.names:
                    name = f"{base}.{alias.name}"
                    yield Import(name if is_module(name) or alias.name in LAYERS else base, node.lineno, when)
            case ast.Call(
                func=ast.Name(id="exec" | "eval" | "compile"), args=[ast.Constant(value=str(text)), *_]
            ):
                yield from (Import(i.name, node.lineno, when) for i in read_imports(text, module, is_package))
            case ast.Call(func=function, args=arguments) if called_name(function) in importers:
                yield Import(literal_name(arguments, module, parent), node.lineno, when)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]) if (
                name in IMPORTERS
            ):
                yield Import(None, node.lineno, when)
            case ast.Name() | ast.Attribute() if called_name(node) in importers and id(node) not in called:
                yield Import(None, node.lineno, when)


def walk(tree: ast.AST) -> Iterator[tuple[ast.AST, When]]:
    """Every node that can import or name what does, and when it runs."""
    waiting = [(tree, When.AT_ONCE)]
    while waiting:
        node, when = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call | ast.Name | ast.Attribute):
            yield node, when
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and when is When.AT_ONCE:
            when = When.CALLED
        for_types = (
            node.body if isinstance(node, ast.If) and called_name(node.test) == "TYPE_CHECKING" else []
        )
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.Constant | ast.expr_context):
                waiting.append((child, When.FOR_TYPES if child in for_types else when))


def absolute(name: str, level: int, parent: str) -> str:
    """The full name of what is imported with this many dots from inside the package `parent`."""
    if not level:
        return name
    folders = parent.split(".")
    return ".".join([*folders[: len(folders) - level + 1], *([name] if name else [])])


@cache
def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def called_name(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def literal_name(arguments: list[ast.expr], module: str, parent: str) -> str | None:
    """The name that an importing call is given, or its package where the rest is computed."""
    match arguments[:1]:
        case [ast.Constant(value=str(text))]:
            return absolute(text.lstrip("."), len(text) - len(text.lstrip(".")), parent)
        case [ast.JoinedStr(values=[ast.Constant(value=str(text)), *_])] if "." in text:
            return text.rpartition(".")[0]
        case [ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="__name__")), *_])]:
            return module
        case [ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="__package__")), *_])]:
            return parent
    return None


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a module of this name imports and may not, each with its line and the rule."""
    return complaints(read_imports(source, module, is_package), module)


def complaints(entries: Iterable[Import], module: str) -> list[str]:
    found = ((entry.line, complaint) for entry in entries if (complaint := complain(entry, module)))
    return [f"{module}:{line}: {complaint}" for line, complaint in found]


def complain(entry: Import, module: str) -> str | None:
    if entry.name is None:
        return "imports by a name that cannot be read here: begin it with the literal text of its package"
    if is_within(entry.name, "tensorcli"):
        return complain_of_layer(entry.name, module)
    top = entry.name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    place = PLACES.get(top)
    if place is None:
        return f"imports {top}, which is no dependency with a place"
    here = module.removeprefix("tensorcli.")
    if not any(is_within(here, prefix) for prefix in place.modules):
        return f"imports {top}, whose place is {', '.join(place.modules)}"
    if not (place.at_module_level or entry.lazy):
        return f"imports {top} outside a function"
    return None


def complain_of_layer(name: str, module: str) -> str | None:
    if name == "tensorcli":
        return None  # the version
    own, other = module.split(".")[1:2], name.split(".")[1]
    if not own:
        return f"imports {name}: the package itself holds only its version"
    if other not in LAYERS or own[0] not in LAYERS:
        return f"imports {name}: one of the two is in no layer"
    if LAYERS.index(other) > LAYERS.index(own[0]):
        return f"imports {name}, which stands above it"
    if own[0] == "language" and other == "engine":
        return f"imports {name}: language is handed what it says of tensors as tables"
    if own[0] == "render" and other != "render" and not is_within(name, RENDER_TAKES):
        return f"imports {name}: render takes only {RENDER_TAKES}"
    return None


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@cache
def imported() -> dict[str, list[Import]]:
    """What each module imports."""
    return {
        name: list(read_imports(path.read_text("utf-8"), name, path.name == "__init__.py"))
        for name, path in modules()
    }


def test_imports_flow_downward_and_each_package_has_its_place() -> None:
    assert (PACKAGE / "__main__.py") in dict(modules()).values()
    broken = [complaint for name, found in imported().items() for complaint in complaints(found, name)]
    assert not broken, "\n".join(broken)


def test_every_module_is_in_a_layer() -> None:
    assert not [name for name, _ in modules() if "." in name and name.split(".")[1] not in LAYERS]


# ---- circles

CIRCLES = {
    ("amp.casting", "amp.policies"): "operators are wrapped when autocast is first switched on",
    ("autograd.function", "func.custom"): "a Function under vmap applies one made of it",
    ("backends", "backends.cupy"): "a backend is imported with its first device",
    ("backends", "backends.meta"): "a backend is imported with its first device",
    ("backends", "backends.simulated"): "a backend is imported with its first device",
    ("backends.cupy", "storage"): "what is free is what the storages leave",
    ("backends.simulated", "storage"): "what is free is what the storages leave",
    ("devices", "backends"): "the first question after CUDA looks for it",
    ("effects.calling", "effects.out"): "few programs use out=",
    ("effects.making", "effects.out.factories"): "few programs use out=",
    ("nn.module", "nn.state"): "few programs save states",
    ("nn.state", "nn.module"): "a class may have a method of Module's that says more",
    ("storage", "backends"): "a backend is imported with its first device",
    ("untyped_storages", "typed_storages"): "a cast gives a storage its dtype",
}
"""The imports in functions that close a circle, through others in functions or not, all in the engine, and why each stands. A
new one wants a lower place for what both modules need, or a function that is registered at import.
"""


def own_imports(module: str, lazy: bool) -> Iterator[tuple[str, int]]:
    """The project's modules that a module imports at once, or in functions, and where; those for types are neither."""
    for one in imported()[module]:
        if (
            one.name in imported()
            and one.name != module
            and one.when is (When.CALLED if lazy else When.AT_ONCE)
        ):
            yield one.name, one.line


@cache
def read_with(module: str, lazy: bool = False) -> frozenset[str]:
    """The modules that importing a module imports, and those that these import; with `lazy` what their functions import, too.

    The package itself is left out: where it is imported by a name that is computed, that is one of its modules.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        at = waiting.pop()
        names = {name for when in {False, lazy} for name, _ in own_imports(at, when)} - {"tensorcli.engine"}
        waiting += names - found
        found |= names
    return frozenset(found)


ENGINE = [name for name, _ in modules() if is_within(name, "tensorcli.engine")]


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert not [name for name in imported() if name in read_with(name)]


def test_imports_in_functions_close_only_circles_that_are_named() -> None:
    closing = {
        (module.removeprefix("tensorcli.engine."), name.removeprefix("tensorcli.engine."))
        for module in imported()
        for name, _ in own_imports(module, lazy=True)
        if not is_within(module, name) and module in read_with(name, lazy=True)
    }
    assert closing == set(CIRCLES)


def test_functions_import_nothing_that_their_module_has_imported() -> None:
    assert not [
        f"{module}:{line}: {name}"
        for module in ENGINE
        for name, line in own_imports(module, lazy=True)
        if name in read_with(module)
    ]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tensorcli.engine.op", "import tensorcli.language"),
        ("tensorcli.engine.op", "from tensorcli import explorer"),
        ("tensorcli.engine.op", "from .. import language"),
        ("tensorcli.engine.op", "from ..language.parse import parse"),
        ("tensorcli.engine.op", "from tensorcli.language import parse"),
        ("tensorcli.engine.op", "def f():\n    import tensorcli.cli"),
        ("tensorcli.repl.loop", "from tensorcli.cli import main"),
        ("tensorcli.repl.loop", "import importlib\nimportlib.import_module('..cli', __package__)"),
        ("tensorcli.render.plain", "from tensorcli.engine import Tensor"),
        ("tensorcli.render.plain", "from tensorcli.explorer.session import Session"),
        ("tensorcli", "from tensorcli import engine"),
        ("tensorcli.tools", "import tensorcli.engine"),
        ("tensorcli.engine.op", "import torch"),
        ("tensorcli.engine.op", "def f():\n    from torch.utils import data"),
        ("tensorcli.engine.op", "if TYPE_CHECKING:\n    import torch"),
        ("tensorcli.engine.op", "__import__('torch')"),
        ("tensorcli.engine.op", "import builtins\nbuiltins.__import__('torch')"),
        ("tensorcli.engine.op", "import importlib as i\ni.import_module('torch.nn')"),
        ("tensorcli.engine.op", "from importlib import import_module as load\nload('torch')"),
        ("tensorcli.engine.op", "import importlib\nload = importlib.import_module"),
        ("tensorcli.engine.op", "import importlib\nlist(map(importlib.import_module, NAMES))"),
        ("tensorcli.engine.op", "import importlib\ngetattr(importlib, 'import_module')('torch')"),
        ("tensorcli.engine.op", "import importlib\nimportlib.import_module('to' + 'rch')"),
        ("tensorcli.engine.op", "import importlib\nimportlib.import_module(f'{name}')"),
        ("tensorcli.engine.op", "import pkgutil\npkgutil.resolve_name('torch:Tensor')"),
        ("tensorcli.engine.op", "exec('import torch')"),
        ("tensorcli.explorer.engines.embedded", "import torch"),
        ("tensorcli.engine.op", "import scipy.special"),
        ("tensorcli.engine.op", "try:\n    import ml_dtypes\nexcept ImportError:\n    pass"),
        ("tensorcli.engine.op", "class A:\n    import cupy"),
        ("tensorcli.engine.op", "def f():\n    import rich"),
        ("tensorcli.language.parse", "from rich.text import Text"),
        ("tensorcli.language.parse", "def f():\n    from tensorcli import engine"),
        ("tensorcli.render.tables", "import prompt_toolkit"),
        ("tensorcli.cli.app", "import pydantic"),
        ("tensorcli.explorer.session", "import typer"),
    ],
)
def test_the_reader_finds_a_wrong_import(module: str, source: str) -> None:
    assert violations(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tensorcli.engine.op", "import math\nimport numpy as np\nfrom tensorcli.engine import dtypes"),
        ("tensorcli.engine.op", "from . import schema\nfrom .autograd.nodes import Node"),
        ("tensorcli.engine.ops.special", "def gamma(xp, x):\n    from scipy.special import gammaln"),
        ("tensorcli.engine.dtypes", "if TYPE_CHECKING:\n    import ml_dtypes"),
        ("tensorcli.engine.dtypes", "load = lambda: __import__('ml_dtypes')"),
        ("tensorcli.engine.op", "import importlib\nimportlib.import_module(f'tensorcli.engine.{name}')"),
        ("tensorcli.engine.op", "import importlib\nimportlib.import_module(f'{__package__}.{name}')"),
        ("tensorcli.explorer.engines.pytorch", "import torch"),
        (
            "tensorcli.render.tables",
            "from tensorcli.explorer.results import Step\nfrom rich.table import Table",
        ),
        ("tensorcli.cli.repl", "def start():\n    from tensorcli.repl import loop"),
        (
            "tensorcli.repl.loop",
            "from prompt_toolkit import PromptSession\nfrom tensorcli import __version__",
        ),
        ("tensorcli.cli.app", "import typer\nfrom tensorcli import __version__"),
    ],
)
def test_the_reader_lets_a_right_import_pass(module: str, source: str) -> None:
    assert not violations(source, module)


def test_a_package_imports_relative_to_itself() -> None:
    assert not violations(
        "from .. import __version__\nfrom . import dtypes", "tensorcli.engine", is_package=True
    )
    assert violations("from ..explorer import session", "tensorcli.engine", is_package=True)
