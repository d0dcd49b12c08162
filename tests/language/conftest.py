"""A table of verbs and an evaluator over numpy, math and copy, as a session would hand them in."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np  # noqa: F401 - the evaluator guards numpy's arrays where numpy is loaded
import pytest

from tensorcli.language.evaluate import NOTHING, Evaluator
from tensorcli.language.library.standard import ATTRIBUTES, Standard
from tensorcli.language.limits import Guards, Limits
from tensorcli.language.namespaces import Namespace, copy_namespace, math_namespace
from tensorcli.language.numpy_names import numpy_namespaces
from tensorcli.language.parse import parse
from tensorcli.language.syntax import Flag, LanguageError, Parameter, Program, Verb
from tensorcli.language.vocabulary import STANDARD_MODULES

METHODS = "detach clone copy_ sum add backward numpy t mul_ max split".split()
FUNCTIONS = {
    "tensor": "torch.tensor",
    "ones": "torch.ones",
    "where": "torch.where",
    "array": "np.array",
    "deepcopy": "copy.deepcopy",
    "FloatTensor": "torch.FloatTensor",
    "from_numpy": "torch.from_numpy",
}


def command(*parameters: Parameter, flags: tuple[Flag, ...] = ()) -> Verb:
    return Verb("command", parameters=parameters, flags=flags)


VERBS: dict[str, Verb] = {
    **{name: Verb("method") for name in METHODS},
    **{name: Verb("attribute") for name in ("data", "grad", "T")},
    **{name: Verb("function", path) for name, path in FUNCTIONS.items()},
    "print": Verb("builtin"),
    "inspect": command(Parameter("tensor")),
    "vars": command(),
    "storages": command(
        Parameter("storage", "WORD", optional=True), flags=(Flag("write", "EXPR"), Flag("around", "INT"))
    ),
    "graph": command(
        Parameter("tensor"), flags=(Flag("output", "PATH", "o"), Flag("mermaid"), Flag("depth", "INT"))
    ),
    "goto": command(Parameter("step", "INT")),
    "diff": command(Parameter("first", "INT"), Parameter("second", "INT")),
    "compare": command(Parameter("form", "WORD", repeated=True)),
    "dry": command(Parameter("statement", "STATEMENT")),
    "expect": command(Parameter("expectation", "EXPECTATION")),
    "explain": command(Parameter("what", "TEXT")),
    "why": command(Parameter("target", optional=True)),
    "source": command(Parameter("path", "PATH")),
    "set": command(Parameter("name", "WORD", optional=True), Parameter("value", "WORD", optional=True)),
    "watch": command(Parameter("name", "NAME")),
    "undo": command(),
    "help": command(Parameter("topic", "TEXT", optional=True)),
    "?": command(Parameter("topic", "TEXT", optional=True)),
}


def open_modules() -> dict[str, Namespace]:
    guards = Guards(Limits())
    return {"math": math_namespace(guards), "copy": copy_namespace(), **numpy_namespaces(guards)}


class Session:
    """An evaluator, what it printed, and the commands that it was asked to run."""

    def __init__(self, **options: Any) -> None:
        self.printed: list[str] = []
        self.commands: list[Any] = []
        library = Standard(lambda: self.evaluator, lambda: 0)
        standard = {name: library.namespace(name) for name in STANDARD_MODULES - {"warnings", "pickle"}}
        options.setdefault("modules", {**open_modules(), **standard})
        options.setdefault("command", self.commands.append)
        self.evaluator = Evaluator({}, write=self.printed.append, **options)
        self.evaluator.policy.types.update(ATTRIBUTES)

    @property
    def output(self) -> str:
        return "".join(self.printed)

    def run(self, text: str, form: str = "tsc") -> Any:
        """Run a text; the value of its last statement."""
        value: Any = NOTHING
        for statement in parse(text, VERBS, self.evaluator.names, form).statements:
            value = self.evaluator.execute(statement)
        return value


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def make_session() -> Callable[..., Session]:
    return Session


@pytest.fixture
def run() -> Callable[[str], Any]:
    """Run a text in a session of its own; the value of its last statement."""
    return lambda text: Session().run(text)


@pytest.fixture
def read() -> Callable[..., Program]:
    """Parse a text with the table of verbs."""
    return lambda text, **options: parse(text, VERBS, **options)


@pytest.fixture
def lowered() -> Callable[..., str]:
    """The Python that a text means."""
    return lambda text, **options: "\n".join(
        ast.unparse(statement.tree) for statement in parse(text, VERBS, **options).statements
    )


@pytest.fixture
def refusal() -> Callable[..., LanguageError]:
    """The error of a text that does not parse or that the language refuses."""

    def refused(text: str | bytes, **options: Any) -> LanguageError:
        with pytest.raises(LanguageError) as caught:
            parse(text, VERBS, **options)
        return caught.value

    return refused


@pytest.fixture
def verbs() -> dict[str, Verb]:
    return VERBS


@pytest.fixture
def modules() -> dict[str, Namespace]:
    return open_modules()
