"""Hazards within a function are told as those outside."""

import textwrap

import pytest

from tensorcli.explorer.hazards.catalogue import HAZARDS
from tensorcli.explorer.session import Session
from tests.explorer.hazards_of import TRAININGS, check


def in_a_function(text):
    """A script with everything but its imports in a function, which is called."""
    lines = text.splitlines()
    imports = [line for line in lines if line.startswith(("import", "from"))]
    body = textwrap.indent("\n".join(line for line in lines if line not in imports), "    ")
    return "\n".join([*imports, "def main():", body, "main()"]), len(imports) + 1


OUTSIDE = {
    "TSC-H001": "what was saved is looked at when the function has ended",
    "TSC-H002": "gradients are compared by their names",
    "TSC-H008": "names that hold a gradient are the session's",
    "TSC-H009": "told with the error, which is there",
    "TSC-H011": "told at the pass, which is in the same statement then",
    "TSC-H022": "what a module had before has no name in a function",
}
"""Hazards that are not told at the last line of their example when a function holds it."""


@pytest.mark.parametrize("code", sorted(HAZARDS.keys() - OUTSIDE.keys()))
def test_the_example_of_a_hazard_shows_it_in_a_function_too(code):
    text, before = in_a_function(HAZARDS[code].example)
    assert (code, HAZARDS[code].example.count("\n") + 1 + before) in check(text)


def test_a_sum_of_gradients_that_a_function_applies_is_told_at_the_pass():
    text, before = in_a_function(HAZARDS["TSC-H011"].example)
    assert check(text) == [("TSC-H011", 5 + before)]


@pytest.mark.parametrize("code", HAZARDS)
def test_what_the_catalogue_says_instead_shows_no_hazard_in_a_function(code):
    assert check(in_a_function(HAZARDS[code].instead)[0]) == []


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_a_training_in_a_function_shows_no_hazard(path):
    text, _ = in_a_function(path.read_text())
    session = Session(checking=True)
    assert [step.error for step in session.run(text, path.name, "py") if step.error] == []
    assert [(each.code, each.text) for each in session.hazards] == []


def test_a_hazard_in_a_function_shows_the_line_that_it_is_in():
    session = Session(checking=True)
    list(session.run("def f(x):\n    x[x > 0].add_(1)\nf(torch.ones(2))\n", "program.tsc"))
    assert [(each.span.line, each.source) for each in session.hazards] == [(2, "x[x > 0].add_(1)")]
