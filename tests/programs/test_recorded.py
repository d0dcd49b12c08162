"""Programs as people write them print, warn and raise in a session what they did on PyTorch."""

import ast
import sys

import pytest

import tensorcli.engine
from tensorcli.language.rewriting.classes import without_classes
from tests.programs.records import (
    AS_FUNCTIONS,
    CLASSES,
    FOLDER,
    OF_PYTHON,
    WORDS_OF_PYTHON,
    Program,
    on_pytorch,
    on_session,
    read,
)

OTHER_WORDS = sys.version_info[:2] != WORDS_OF_PYTHON
PROGRAMS = [program for path in sorted(FOLDER.glob("*.txt")) for program in read(path)]


def skip_words_of_python(program: Program) -> None:
    if OTHER_WORDS and program.name in OF_PYTHON:
        pytest.skip(f"the record has words of Python {'.'.join(map(str, WORDS_OF_PYTHON))}")


def test_there_are_programs_on_each_topic() -> None:
    assert len(PROGRAMS) >= 100
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program_does_what_it_did_on_pytorch(program: Program) -> None:
    skip_words_of_python(program)
    assert on_session(program.text) == program.record


@pytest.mark.parametrize("program", read(AS_FUNCTIONS), ids=lambda program: program.name)
def test_program_with_functions_in_the_place_of_its_classes_does_what_it_did_on_pytorch(
    program: Program,
) -> None:
    lines = program.text.split("\n")
    for each in reversed(without_classes(ast.parse(program.text), lines) or ()):
        lines[each.first - 1 : each.last] = each.text.split("\n")
    assert on_session("\n".join(lines)) == program.record


@pytest.mark.parametrize(
    "program",
    [program for path in sorted(CLASSES.glob("*.txt")) if path != AS_FUNCTIONS for program in read(path)],
    ids=lambda program: program.name,
)
def test_program_with_classes_does_on_the_engine_what_it_did_on_pytorch(program: Program) -> None:
    skip_words_of_python(program)
    assert on_pytorch(tensorcli.engine, program.text) == program.record
