"""Functions of networks and other operators, called rightly and wrongly: each call gives or raises what PyTorch's does.

`network_calls.json` (networks' functions) and `single_calls.json` (the others) hold calls and PyTorch 2.13's answers: shapes
and dtypes, or an error's type and text. A call whose answer depends on the processor (a convolution of bfloat16 with
float32: on whether oneDNN computes bfloat16 there) is not among them. Where PyTorch is installed the records themselves are
checked against it; `pytest --update-cases` writes them anew.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

import tensorcli.engine as engine

RECORDS = [Path(__file__).with_name(name) for name in ("network_calls.json", "single_calls.json")]
CALLS: dict[Path, dict[str, str]] = {path: json.loads(path.read_text("utf-8")) for path in RECORDS}


def answer(torch: Any, call: str) -> str:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = eval(call, {"torch": torch, "F": torch.nn.functional})
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    values = found if isinstance(found, (tuple, list)) else (found,)
    return ", ".join(
        f"{list(each.shape)} {each.dtype}" if isinstance(each, torch.Tensor) else repr(each)
        for each in values
    )


def test_a_complex_number_is_refused_alike_however_often_the_operator_was_called() -> None:
    x = engine.ones(2)
    for _ in range(3):
        engine.lerp(x, x, 0.5)
    with pytest.raises(RuntimeError, match="cannot be converted to type float without overflow"):
        engine.lerp(x, x, 1j)


@pytest.mark.parametrize(("path", "call"), [(path, call) for path, calls in CALLS.items() for call in calls])
def test_a_call_gives_or_raises_what_pytorchs_does(path: Path, call: str) -> None:
    assert answer(engine, call) == CALLS[path][call]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_records_are_pytorchs(path: Path, update_cases: bool) -> None:
    torch = pytest.importorskip("torch")
    said = {call: answer(torch, call) for call in CALLS[path]}
    if update_cases:
        path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")
    else:
        assert said == CALLS[path]
