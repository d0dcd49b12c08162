"""Claims about last bits: the engine adds up in PyTorch's order and rounds where PyTorch rounds."""

import json
from typing import Final

import pytest

import tensorcli.engine as engine
from tests.oracle import bits

RECORD: Final = json.loads(bits.RECORD.read_text())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", dict.fromkeys(expression for expression, _, _ in bits.cases()))
def test_a_result_is_pytorchs_to_the_last_bit(expression: str) -> None:
    for case in bits.cases():
        name = bits.title(*case)
        if case[0] == expression and name in RECORD:
            assert bits.checksum(engine, *case) == RECORD[name], name
