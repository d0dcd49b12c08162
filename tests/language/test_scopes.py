"""What a function binds, and what it may declare: as CPython's compiler decides, which is asked here."""

import ast

import pytest

from tensorcli.language.check import check
from tensorcli.language.syntax import LanguageError

DECLARED = [
    "nonlocal x",
    "x = 1\ndef g():\n    nonlocal x",
    "global x\nx = 1\ndef g():\n    nonlocal x",
    "[x for x in y]\ndef g():\n    nonlocal x",
    "del x\ndef g():\n    nonlocal x",
    "try:\n    pass\nexcept ValueError as x:\n    pass\ndef g():\n    nonlocal x",
    "import math as x\ndef g():\n    nonlocal x",
    "def g():\n    nonlocal x\n    def h():\n        nonlocal x",
    "for x in y:\n    pass\ndef g():\n    def h():\n        nonlocal x",
    "x = 1\nglobal x",
    "(x := 1)\nglobal x",
    "[(x := 1) for i in y]\nglobal x",
    "[x for i in y]\nglobal x",
    "[i for i in x]\nglobal x",
    "lambda: x\nglobal x",
    "lambda a=x: 1\nglobal x",
    "def g(a=x):\n    pass\nglobal x",
    "@x\ndef g():\n    pass\nglobal x",
    "def x():\n    pass\nglobal x",
    "try:\n    pass\nexcept ValueError as x:\n    pass\nglobal x",
    "import math as x\nglobal x",
]


def _refused(text, ask):
    try:
        ask(text)
    except (SyntaxError, LanguageError):
        return True
    return False


@pytest.mark.parametrize("body", DECLARED)
def test_names_are_declared_where_cpython_lets_them_be(body):
    text = "def f():\n    " + body.replace("\n", "\n    ")
    assert _refused(text, lambda text: check(ast.parse(text))) is _refused(
        text, lambda text: compile(text, "", "exec")
    )
