"""Statements run as Python runs them; what differs is listed here and nowhere else."""

from __future__ import annotations

import ast
import copy
import functools
import re

import pytest

from tensorcli.language.evaluate import NOTHING
from tensorcli.language.locate import current_node, locate, locate_nodes
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS


def test_a_bare_expression_has_a_value_and_other_statements_have_none(session):
    assert session.run("1 + 1") == 2
    assert session.run("x = 1") is NOTHING
    assert session.run("x") == 1


def test_augmented_assignment_evaluates_its_target_once_and_in_place(session):
    session.run("log = []\ndef f(i):\n    log.append(i)\n    return i\nx = [[1], [2]]\ny = x[0]")
    session.run("x[f(0)] += [5]\nx[f(1)] *= 2")
    assert session.run("x, y, log") == ([[1, 5], [2, 2]], [1, 5], [0, 1])


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # from numpy 2.5 on
def test_augmented_assignment_of_an_array_writes_into_it(session):
    session.run("a = np.zeros(3)\nb = a\na += 1\na[0] += 5\na.shape = (3, 1)")
    assert session.run("b is a, b.tolist()") == (True, [[6.0], [1.0], [1.0]])


def test_assignments_of_every_kind(session):
    session.run(
        "a = b = [1, 2]\n(c, [d, *e]), f = (1, [2, 3, 4]), 5\ng: int = 6\nh: int\na[0], a[1] = a[1], a[0]"
    )
    assert session.run("a is b, a, c, d, e, f, g") == (True, [2, 1], 1, 2, [3, 4], 5, 6)
    assert session.run("[y := 3, y ** 2]") == [3, 9]
    assert "h" not in session.evaluator.names


def test_functions_have_defaults_closures_and_every_kind_of_parameter(session):
    session.run(
        "def f(a, /, b=2, *rest, c, d=4, **more):\n    return a, b, rest, c, d, more\n"
        "def counter():\n    n = 0\n    def step(by=1):\n        nonlocal n\n        n += by\n        return n\n"
        "    return step\nstep = counter()\nother = counter()"
    )
    assert session.run("f(1, c=3)") == (1, 2, (), 3, 4, {})
    assert session.run("f(1, 9, 8, c=3, e=5)") == (1, 9, (8,), 3, 4, {"e": 5})
    assert session.run("step(), step(by=5), other()") == (1, 6, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("f()", "f() missing 2 required positional arguments: 'a' and 'b'"),
        ("f(1)", "f() missing 1 required positional argument: 'b'"),
        ("f(1, 2, 3, 4)", "f() takes from 2 to 3 positional arguments but 4 were given"),
        ("f(1, 2, d=3)", "f() got an unexpected keyword argument 'd'"),
        ("f(1, 2, a=3)", "f() got multiple values for argument 'a'"),
        ("(lambda x: x)()", "<lambda>() missing 1 required positional argument: 'x'"),
        ("f(*3)", "__main__.f() argument after * must be an iterable, not int"),
        ("f(**3)", "__main__.f() argument after ** must be a mapping, not int"),
        ("f(**{1: 2})", "keywords must be strings"),
        ("f(**{'a': 1}, **{'a': 2})", "__main__.f() got multiple values for keyword argument 'a'"),
        ("len()", "len() takes exactly one argument (0 given)"),
        ("3()", "'int' object is not callable"),
        ("a, b = 3", "cannot unpack non-iterable int object"),
        ("a, b = 1, 2, 3", "too many values to unpack (expected 2)"),
        ("a, *b, c = [1]", "not enough values to unpack (expected at least 2, got 1)"),
        ("a, b = [1]", "not enough values to unpack (expected 2, got 1)"),
        ("[*3]", "Value after * must be an iterable, not int"),
        ("{**3}", "'int' object is not a mapping"),
        ("for i in 3: pass", "'int' object is not iterable"),
        ("with 3: pass", "'int' object does not support the context manager protocol"),
        ("raise 3", "exceptions must derive from BaseException"),
        ("raise ValueError from 3", "exception causes must derive from BaseException"),
        (
            "try:\n    1 / 0\nexcept 3:\n    pass",
            "catching classes that do not inherit from BaseException is not allowed",
        ),
        ("1 + 'a'", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("f + 1", "unsupported operand type(s) for +: 'function' and 'int'"),
        ("len(i for i in [])", "object of type 'generator' has no len()"),
        ("math[0]", "'module' object is not subscriptable"),
        ("nope", "name 'nope' is not defined"),
        ("del nope", "name 'nope' is not defined"),
        ("math.nope", "module 'math' has no attribute 'nope'"),
        ("[].nope", "'list' object has no attribute 'nope'"),
        ("dict.nope", "type object 'dict' has no attribute 'nope'"),
        ("import numpy.nope", "No module named 'numpy.nope'"),
        ("import numpy.zeros", "No module named 'numpy.zeros'"),
        ("from math import nope", "cannot import name 'nope' from 'math'"),
        (
            "def g():\n    x\n    x = 1\ng()",
            "cannot access local variable 'x' where it is not associated with a value",
        ),
        (
            "def g():\n    def h():\n        return x\n    h()\n    x = 1\ng()",
            "cannot access free variable 'x' where it is not associated with a value in enclosing scope",
        ),
        ("raise", "No active exception to reraise"),
        ("assert 1 == 2, 'no'", "no"),
        ("print(1, sep=2)", "sep must be None or a string, not int"),
        ("sum(['a'], '')", "sum() can't sum strings [use ''.join(seq) instead]"),
        ("map(len)", "map() must have at least two arguments."),
        ("zip([1], [1, 2], strict=True).x", "'zip' object has no attribute 'x'"),
    ],
)
def test_errors_are_worded_as_pythons(session, call, message):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the text is what counts
        session.run("def f(a, b, c=1):\n    return a\n" + call)
    assert str(caught.value) == message


def test_try_runs_its_parts_in_order(session):
    session.run(
        "log = []\ndef f(x):\n    try:\n        log.append('try')\n        y = 1 / x\n    except ZeroDivisionError as e:\n"
        "        log.append(str(e))\n        return 'caught'\n    else:\n        log.append('else')\n    finally:\n"
        "        log.append('finally')\n    return 'through'"
    )
    assert session.run("f(0), f(1), log") == (
        "caught",
        "through",
        ["try", "division by zero", "finally", "try", "else", "finally"],
    )


def test_the_name_of_a_caught_exception_ends_with_its_handler(session):
    with pytest.raises(NameError, match="name 'e' is not defined"):
        session.run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    pass\ne")


def test_finally_overrides_and_reraise_keeps_the_exception(session):
    session.run(
        "def f():\n    for i in range(3):\n        try:\n            return i\n        finally:\n"
        "            continue\n    return 'end'"
    )
    assert session.run("f()") == "end"
    with pytest.raises(KeyError) as caught:
        session.run(
            "try:\n    {}[1]\nexcept KeyError:\n    try:\n        1 / 0\n"
            "    except ZeroDivisionError:\n        pass\n    raise"
        )
    assert caught.value.args == (1,)
    with pytest.raises(ValueError, match="b") as caught:
        session.run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('b') from e")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_loops_have_else_break_and_continue(run):
    text = (
        "log = []\nfor i in range(5):\n    if i == 1: continue\n    if i == 3: break\n"
        "    log.append(i)\nelse:\n    log.append('no')\n"
    )
    assert run(
        text + "while log and len(log) < 4:\n    log.append(9)\nelse:\n    log.append('yes')\nlog"
    ) == [0, 2, 9, 9, "yes"]


def test_comprehensions_have_a_scope_of_their_own(session):
    assert session.run("[(i, j) for i in range(3) if i for j in range(i)]") == [(1, 0), (2, 0), (2, 1)]
    assert session.run("{k: v for k, v in zip('ab', [1, 2])}, {i % 2 for i in range(4)}") == (
        {"a": 1, "b": 2},
        {0, 1},
    )
    assert session.run("[last := i for i in range(3)], last") == ([0, 1, 2], 2)
    assert session.run(
        "def f(n):\n    return [i * n for i in range(n)], [x := i for i in range(n)], x\nf(3)"
    ) == (
        [0, 3, 6],
        [0, 1, 2],
        2,
    )
    assert "i" not in session.evaluator.names


def test_generator_expressions_are_lazy_and_used_once(session):
    session.run("log = []\ng = (log.append(i) or i for i in range(3))")
    assert session.run("log, sum(g), sum(g), log") == ([0, 1, 2], 3, 0, [0, 1, 2])


def test_chained_comparison_evaluates_each_operand_once(session):
    session.run("log = []\ndef f(x):\n    log.append(x)\n    return x")
    assert session.run("f(1) < f(3) < f(2) < f(9), log") == (False, [1, 3, 2])


def test_f_strings_have_conversions_and_specs(run):
    assert (
        run("x, w = 'a', 6\nf'{x!r:>{w}}|{3.14159:.2f}|{x}|{1:03}|{{}}|{x=}'") == "   'a'|3.14|a|001|{}|x='a'"
    )


def test_imports_in_every_spelling(session):
    session.run(
        "import numpy\nimport numpy as n\nimport numpy.linalg as la\nimport numpy.linalg\nfrom numpy import linalg, pi as p\n"
        "from copy import deepcopy as dc\nfrom math import (sqrt, floor)\nimport math, copy"
    )
    assert session.run(
        "numpy is n, n is np, la is linalg, numpy.linalg is la, p == math.pi, sqrt(4), dc([1])"
    ) == (
        *(True,) * 5,
        2.0,
        [1],
    )


def test_modules_are_bound_without_an_import_and_may_be_shadowed(session):
    assert session.run("repr(np), repr(numpy), repr(math)") == (
        "<module 'numpy'>",
        "<module 'numpy'>",
        "<module 'math'>",
    )
    assert session.run("math = 3\nmath") == 3
    assert session.run("del math\nmath.floor(2.5)") == 2


def test_bare_names_come_after_names_and_builtins(make_session):
    session = make_session(bare={"ones": 1, "sum": 2, "pi": 3})
    assert session.run("ones, pi, sum([1, 1])") == (1, 3, 2)
    assert session.run("ones = 5\nones") == 5


def test_print_writes_as_python_does(session):
    session.run("print(1, 'a', [2.5], sep='-', end='!\\n')\nprint()\nprint('x', flush=True)")
    assert session.output == "1-a-[2.5]!\n\nx\n"


def test_types_can_be_asked_for_and_compared(run):
    assert run(
        "type(1) is int, type(1) == int, isinstance(1, int), isinstance(int, type), isinstance([], (int, list))"
    ) == (*(True,) * 5,)
    assert run(
        "def f(): pass\nrepr(type(f)), type(f) is type(f), type(f).__name__, isinstance(f, type(f))"
    ) == (
        "<class 'function'>",
        True,
        "function",
        True,
    )
    assert run("repr(type(type(1))), repr(map), type(1).__name__, (1).__class__.__name__, f'{type([])}'") == (
        "<class 'type'>",
        "<class 'map'>",
        "int",
        "int",
        "<class 'list'>",
    )
    assert run("type(map(len, [])) is map, type(math).__name__, type(len).__name__") == (
        True,
        "module",
        "builtin_function_or_method",
    )


@pytest.mark.parametrize("name", sorted(set(BUILTIN_FUNCTIONS) - {"id", "type", "vars"}))
def test_builtins_complain_of_arguments_as_python_does(run, name):
    for arguments in ("", "foo=1", "1, foo=1", "None", "1, 2, 3, 4, 5", "[1], [2]", "'a', 'b', 'c'"):
        try:
            eval(f"{name}({arguments})")
        except Exception as error:
            with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
                run(f"{name}({arguments})")


def test_texts_hold_no_addresses_of_the_process(run):
    text = "def f(): pass\nprint_ = [repr(f), str(lambda: 0), f'{f}', repr(map(len, [])), repr(i for i in [])]\nprint_"
    assert run(text) == run(text)
    assert run("def f(): pass\nrepr(f)") == "<function f at 0x7f0000000000>"


def test_an_object_made_where_another_lay_has_an_address_of_its_own(run):
    text = (
        "seen = set()\nfor i in range(50):\n    seen.add(repr(map(len, [])))\nlen(seen), repr(f) == repr(f)"
    )
    assert run("f = map(len, [])\n" + text) == (50, True)


def test_a_script_function_is_an_ordinary_callable(session):
    session.run(
        "def f(x, *, y=1):\n    return x + y\ndef deco(g):\n    return lambda *a: g(*a) * 10\n@deco\ndef h(x):\n    return x"
    )
    function = session.evaluator.names["f"]
    assert callable(function)
    assert function.__name__ == "f"
    assert function(1, y=5) == 6
    assert functools.partial(function, 1)() == 2
    assert copy.deepcopy(function) is function
    assert session.run("h(4)") == 40
    assert session.run("f.calls = 3\nf.calls") == 3


def test_commands_go_to_the_session(make_session):
    asked = []
    session = make_session(command=lambda invocation: asked.append(invocation.verb) or 7)
    session.run("for i in [1, 2]: inspect i\nz = inspect(3)\n")
    assert asked == ["inspect"] * 3
    assert session.run("z") == 7


def test_before_is_told_every_statement(make_session):
    seen = []
    session = make_session(before=lambda node: seen.append((type(node).__name__, node.lineno)))
    session.run("def f():\n    return 1\nfor i in range(2):\n    f()")
    assert seen == [("FunctionDef", 1), ("For", 3), ("Expr", 4), ("Return", 2), ("Expr", 4), ("Return", 2)]


# Places


def places(session, text):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        session.run(text)
    return [(span.line, span.text(text)) for span in locate(caught.value)]


def test_an_error_is_located_at_its_innermost_expression(session):
    assert places(session, "x = [1]\ny = (x[0] +\n     x[5])") == [(3, "x[5]")]
    assert places(session, "x = 1; y = x.nope") == [(1, "nope")]
    assert places(session, "é = 'λ' + nope") == [(1, "nope")]
    assert places(session, "for i in [1, 0]:\n    1 / i") == [(2, "1 / i")]
    assert places(session, "print(1, 2 + '3')") == [(1, "2 + '3'")]
    assert places(session, "[i for i in 3]") == [(1, "3")]
    assert places(session, "a, b = 1, 2, 3") == [(1, "a, b")]
    assert places(session, "raise ValueError('x')") == [(1, "raise ValueError('x')")]
    assert places(session, "assert 1 == 2") == [(1, "assert 1 == 2")]
    assert places(session, "import torch.nope") == [(1, "import torch.nope")]
    assert places(session, "for i in 3: pass") == [(1, "3")]
    assert places(session, "if nope: pass") == [(1, "nope")]


def test_each_call_has_its_place_innermost_first(session):
    text = "def f(x):\n    return 1 / x\ndef g(x):\n    y = x\n    return [f(y)]\ng(0)"
    assert places(session, text) == [(2, "1 / x"), (5, "f(y)"), (6, "g(0)")]


def test_a_callback_is_located_too(session):
    text = "def key(v):\n    return v.nope\nsorted([1, 2], key=key)"
    assert places(session, text) == [(2, "nope"), (3, "sorted([1, 2], key=key)")]


def test_the_node_of_an_error_can_be_had(session):
    with pytest.raises(TypeError) as caught:
        session.run("a = 1\na + 'b'")
    (node,) = locate_nodes(caught.value)
    assert isinstance(node, ast.BinOp)


def test_an_exception_from_elsewhere_has_no_place():
    assert locate(ValueError("x")) == []


def test_the_current_line_can_be_read_while_a_script_runs(make_session):
    lines = []
    session = make_session()
    session.evaluator.names["probe"] = lambda *args: lines.append(current_node().lineno)
    session.run(
        "probe()\ndef f():\n    probe()\n    return 1\nx = [\n    f(),\n    probe(),\n]\nfor i in [1]:\n    probe()"
    )
    assert lines == [1, 3, 7, 10]
    assert current_node() is None
