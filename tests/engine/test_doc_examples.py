"""The examples in PyTorch's own docstrings print the same on the engine."""

import pytest

pytest.importorskip("torch")

from tests.oracle import doc_examples

LEAST = 0.965
"""The share of docstrings all of whose examples agree; some print what depends on the processor."""


def test_examples_of_pytorchs_docstrings_print_the_same() -> None:
    total, found = doc_examples.differences()
    assert total > 400
    assert 1 - len(found) / total >= LEAST, "\n".join(f"{one.name}: {one.statement}" for one in found)


def test_statements_continue_over_lines_with_dots() -> None:
    document = "\n".join(
        (">>> for i in range(2):", "...     print(i)", "0", "1", ">>> a = (1,", ">>>      2)")
    )
    assert doc_examples.statements(document) == ("for i in range(2):\n    print(i)", "a = (1,\n     2)")


def test_texts_agree_up_to_the_last_digits() -> None:
    assert doc_examples.same("tensor([1.0000, 2.5000])", "tensor([1.0001, 2.5000])")
    assert not doc_examples.same("tensor([1.0000])", "tensor([1.1000])")
    assert not doc_examples.same("tensor([1.])", "tensor([1])")
