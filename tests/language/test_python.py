"""Random programs of the language give what CPython gives: the same names, the same output, the same exception."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tensorcli.language.evaluate import Evaluator
from tensorcli.language.locate import locate
from tensorcli.language.parse import parse

NAMES = st.sampled_from(["a", "b", "c", "d"])
ATOMS = st.one_of(
    NAMES,
    st.integers(-3, 12).map(str),
    st.sampled_from(
        ["1.5", "True", "None", "'ab'", "''", "[]", "()", "{}", "[1, 2, 3]", "(4, 5)", "{'k': 1}", "{1, 2}"]
    ),
)
OPERATORS = st.sampled_from(
    [*"+ - * / // % ** & | ^ << >> == != < <= > >= in is and or".split(), "not in", "is not"]
)


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} < {t[1]} <= {t[2]})"),
        st.tuples(st.sampled_from(["-", "+", "~", "not "]), inner).map(lambda t: f"({t[0]}{t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        pair.map(lambda t: f"{t[0]}[{t[1]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"{t[0]}[{t[1]}:{t[2]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"[{t[0]}, *{t[1]}, {t[2]}]"),
        pair.map(lambda t: f"{{{t[0]}: {t[1]}, **{{'z': {t[1]}}}}}"),
        pair.map(lambda t: f"{{{t[0]}, {t[1]}}}"),
        pair.map(lambda t: f"({t[0]}, {t[1]})"),
        st.tuples(NAMES, inner, inner).map(lambda t: f"[{t[2]} for {t[0]} in {t[1]}]"),
        st.tuples(NAMES, inner, inner).map(lambda t: f"{{{t[0]}: {t[2]} for {t[0]} in {t[1]} if {t[0]}}}"),
        st.tuples(NAMES, NAMES, inner).map(
            lambda t: f"[({t[0]}, {t[1]}) for {t[0]} in {t[2]} for {t[1]} in [1, {t[0]}]]"
        ),
        st.tuples(NAMES, inner).map(lambda t: f"sum({t[0]} for {t[0]} in {t[1]})"),
        st.tuples(NAMES, inner).map(lambda t: f"({t[0]} := {t[1]})"),
        st.tuples(NAMES, inner, inner).map(
            lambda t: f"(lambda {t[0]}, *r, k={t[1]}: ({t[0]}, r, k))({t[2]})"
        ),
        inner.map(lambda t: f"f'{{{t}!r:>4}}|{{{t}}}'"),
        st.tuples(
            st.sampled_from("len str repr bool sorted list tuple set abs sum min max int float".split()),
            inner,
        ).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(
            st.sampled_from(["list", "tuple", "dict"]),
            st.sampled_from(["map(str, {})", "zip({}, [1, 2])", "enumerate({})"]),
            inner,
        ).map(lambda t: f"{t[0]}({t[1].format(t[2])})"),
        pair.map(lambda t: f"f({t[0]}, y={t[1]})"),
        pair.map(lambda t: f"f({t[0]}, {t[1]}, 3)"),
        inner.map(lambda t: f"f(*{t})"),
        inner.map(lambda t: f"f(**{t})"),
        inner.map(lambda t: f"{t}.append"),
        inner.map(lambda t: f"str({t}).upper()"),
        inner.map(lambda t: f"'{{0!r:>6}}{{}}'.format({t})"),
        inner.map(lambda t: f"'{{0}}-{{k}}'.format({t}, k={t})"),
        inner.map(lambda t: f"'%s %r' % {t}"),
    )


EXPRESSIONS = st.recursive(ATOMS, _extend, max_leaves=6)
TARGETS = st.one_of(
    NAMES,
    st.tuples(NAMES, NAMES).map(lambda t: f"{t[0]}, {t[1]}"),
    st.tuples(NAMES, NAMES).map(lambda t: f"{t[0]}, *{t[1]}"),
    st.tuples(NAMES, ATOMS).map(lambda t: f"{t[0]}[{t[1]}]"),
)
AUGMENTED = st.sampled_from("+= -= *= //= %= |= &= <<=".split())
ERRORS = st.sampled_from(
    "TypeError ValueError ZeroDivisionError KeyError IndexError Exception (TypeError,KeyError) NameError".split()
)


def indent(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))


SIMPLE = st.one_of(
    EXPRESSIONS.map(lambda e: f"print({e})"),
    st.tuples(TARGETS, EXPRESSIONS).map(" = ".join),
    st.tuples(NAMES, NAMES, EXPRESSIONS).map(" = ".join),
    st.tuples(NAMES, AUGMENTED, EXPRESSIONS).map(" ".join),
    st.tuples(NAMES, ATOMS, AUGMENTED, EXPRESSIONS).map(lambda t: f"{t[0]}[{t[1]}] {t[2]} {t[3]}"),
    EXPRESSIONS.map(lambda e: f"assert {e}, 'why'"),
    NAMES.map(lambda n: f"del {n}"),
    st.tuples(NAMES, ATOMS).map(lambda t: f"del {t[0]}[{t[1]}]"),
    st.sampled_from(
        ["raise ValueError('v')", "raise KeyError", "raise", "pass", "raise TypeError('t') from None"]
    ),
)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map("\n".join).map(indent)
    jump = st.sampled_from(["", "\n    break", "\n    continue"])
    return st.one_of(
        st.tuples(EXPRESSIONS, body, body).map(lambda t: f"if {t[0]}:\n{t[1]}\nelse:\n{t[2]}"),
        st.tuples(TARGETS, EXPRESSIONS, body, jump, body).map(
            lambda t: f"for {t[0]} in {t[1]}:\n{t[2]}{t[3]}\nelse:\n{t[4]}"
        ),
        st.tuples(body, jump).map(lambda t: f"n = 0\nwhile n < 3:\n    n += 1\n{t[0]}{t[1]}"),
        st.tuples(body, ERRORS, body, body, body).map(
            lambda t: (
                f"try:\n{t[0]}\nexcept {t[1]} as e:\n    print(type(e).__name__, e)\n{t[2]}\nelse:\n{t[3]}\nfinally:\n{t[4]}"
            )
        ),
        st.tuples(body, body).map(lambda t: f"try:\n{t[0]}\nfinally:\n{t[1]}"),
        st.tuples(NAMES, EXPRESSIONS, body, EXPRESSIONS).map(
            lambda t: f"def g({t[0]}, k={t[1]}):\n{t[2]}\n    return {t[3]}\nprint(g(1))\nprint(g(k=2))"
        ),
        st.tuples(NAMES, body, EXPRESSIONS).map(
            lambda t: (
                f"def g():\n    {t[0]} = 1\n    def h():\n        nonlocal {t[0]}\n"
                f"{indent(t[1])}\n        return {t[2]}\n    return h(), {t[0]}\nprint(g())"
            )
        ),
        st.tuples(NAMES, body).map(lambda t: f"def g():\n    global {t[0]}\n{t[1]}\ng()\nprint({t[0]})"),
    )


PROGRAMS = st.lists(st.recursive(SIMPLE, _blocks, max_leaves=5), min_size=1, max_size=5).map("\n".join)
PRELUDE = "a, b, c = 3, [1, 2], {'k': [1]}\ndef f(x, y=2, *z, **w):\n    return (x, y, z, w)\n"


def outcome(execute: Callable[[], Any]) -> tuple[str, str, str]:
    try:
        execute()
    except Exception as error:
        return type(error).__name__, addressless(str(error)), _line(error)
    return "", "", ""


def _line(error: BaseException) -> str:
    """The innermost line of the program that the exception came from, in CPython's traceback or in ours."""
    mine = locate(error)
    if mine:
        return str(mine[0].line)
    lines = []
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<program>":
            lines.append(step.tb_lineno)
        step = step.tb_next
    return str(lines[-1]) if lines else ""


def addressless(text: str) -> str:
    return re.sub(r"\b0x[0-9a-f]+", "0x", text, flags=re.IGNORECASE)


def plain(names: dict[str, Any]) -> dict[str, str]:
    return {name: addressless(repr(value)) for name, value in sorted(names.items()) if name in "abcden"}


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(PROGRAMS)
def test_a_program_does_what_cpython_makes_of_it(program: str) -> None:
    text = PRELUDE + program
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(text, "<program>", "exec")
    except SyntaxError:
        return
    printed = io.StringIO()
    theirs: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(printed):
        expected = outcome(lambda: exec(code, theirs))
    lines: list[str] = []
    evaluator = Evaluator({}, {}, write=lines.append)
    program_tree = parse(text, form="py")

    def execute() -> None:
        for statement in program_tree.statements:
            evaluator.execute(statement)

    found = outcome(execute)
    assume(found[0] != "MemoryError")  # numbers of more bits than a session may have
    assert found == expected
    assert addressless("".join(lines)) == addressless(printed.getvalue())
    values = plain(theirs)
    assume(
        not any("' ', 'a', 't', ' ', '0', 'x'" in each for each in values.values())
    )  # an address, taken apart
    assert plain(evaluator.names) == values
