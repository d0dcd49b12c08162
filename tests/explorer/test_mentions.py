"""What the words of a text tell is at least what its tree says."""

import ast
from pathlib import Path

import pytest

from tensorcli.explorer.mentions import TELLING, bodies, glance, mentions

ROOT = Path(__file__).parent.parent.parent
SOURCES = [*sorted((ROOT / "tests" / "programs").glob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]


def statements():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.stmt) and not isinstance(node, ast.ClassDef):
                yield ast.get_source_segment(text, node), node


def test_the_words_of_a_statement_hold_every_name_that_its_tree_reads():
    looked = 0
    for source, tree in statements():
        seen = glance(source, tree, {})
        if seen is not None:
            exact = mentions(tree, {})
            assert set(exact.loaded) <= set(seen.loaded), source
            assert exact.attributes & TELLING <= seen.attributes, source
            assert not exact.defines, source
            assert seen.reorders == exact.reorders, source
            looked += 1
    assert looked > 1000


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("y.numpy()", "numpy"),
        ("x.grad = None", "grad"),
        ("x . data.mul_(2)", "data"),
        ("getattr(x, 'data')", "data"),
    ],
)
def test_words_that_tell_of_more_than_names_count_as_attributes(source, word):
    assert word in glance(source, ast.parse(source).body[0], {}).attributes


@pytest.mark.parametrize("source", ["f = lambda: x", "def f(x):\n    return x", "ﬁ = x"])
def test_words_that_may_define_a_function_have_the_tree_read(source):
    assert glance(source, ast.parse(source).body[0], {}) is None


def test_the_names_in_the_body_of_a_function_count_where_it_is_named():
    functions = {}
    for source in (
        "def f(x):\n    return x + held[0]",
        "def g(x):\n    return f(x)",
        "def h(x):\n    x.numpy()",
    ):
        functions.update(bodies(ast.parse(source).body[0]))
    tree = ast.parse("y = g(x)").body[0]
    assert "held" in glance("y = g(x)", tree, functions).loaded
    assert glance("y = h(x)", tree, functions).exports
