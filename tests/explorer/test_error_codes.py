"""Each known error has a code of its own, and PyTorch's own error is known by it."""

import re
import warnings

import pytest

from tensorcli.explorer.errors import ERRORS, Known, known_error
from tests.explorer.desk import run


def test_codes_are_all_different() -> None:
    assert len({each.code for each in ERRORS}) == len(ERRORS)
    assert len({each.key for each in ERRORS}) == len(ERRORS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_pytorch_errors_have_their_codes(error: Known) -> None:
    torch = pytest.importorskip("torch")
    import copy

    import numpy as np

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        torch.set_warn_always(True)  # some are given once a process, and another test may have run before
        try:
            exec(error.example, {"torch": torch, "np": np, "copy": copy})
            kind, said = warned[-1].category.__name__, str(warned[-1].message)
            said = re.sub(r" \(Triggered internally at .*\)$", "", said)
        except Exception as raised:
            kind, said = type(raised).__name__, str(raised)
        finally:
            torch.set_warn_always(False)
    assert known_error(kind, said) is error
    _, (*_, last) = run(error.example)
    if last.error is not None:
        assert (last.error.code, last.error.message) == (error.code, said)
    else:
        assert (last.warnings[-1].category, last.warnings[-1].message) == (kind, said)


@pytest.mark.parametrize(
    ("key", "begins"),
    [
        ("detach_view", "detach_() "),
        ("non_leaf_flag", "requires_grad "),
        ("numpy_grad", "numpy "),
        ("leaf", "A leaf"),
    ],
)
def test_a_sentence_begins_with_a_capital_but_where_it_begins_with_a_name(key: str, begins: str) -> None:
    (error,) = (each for each in ERRORS if each.key == key)
    assert error.sentence.startswith(begins)
