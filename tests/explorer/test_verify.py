"""`verify`: what the two engines have in common is not reported, and whatever differs is."""

from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer.engines import embedded
from tensorcli.explorer.results import Verified
from tensorcli.explorer.verify import FACTS, Side, _texts_agree
from tensorcli.language.syntax import LanguageError
from tests.test_cases import CASES, program_of

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.tsc"))


def verify(text: str, **options: Any) -> Verified:
    from tensorcli.explorer.verify import verify

    return verify(text.encode(), "demo.tsc", "tsc", **options)


PROGRAMS = [
    *(pytest.param(path.read_text("utf-8"), id=path.stem) for path in DEMOS),
    *(
        pytest.param(program_of(path.read_text("utf-8")), id=f"{path.parent.name}-{path.stem}")
        for path in CASES
    ),
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_the_engines_agree_on_every_case_and_demo(text: str) -> None:
    try:
        found = verify(text, max_bytes=1 << 30)
    except LanguageError:
        return
    assert found.rows == ()


@pytest.mark.parametrize(
    "made",
    [
        "torch.empty(1000) + torch.ones(3).new_empty(1000)",
        "torch.empty_like(torch.ones(1000)).view(-1)",
        "torch.Tensor(1000)",
        "torch.FloatTensor(1000)",
        "torch.ones(3).new(1000)",
        "torch.ones(3).resize_(1000)",
        "torch.ones(3).resize_as_(torch.ones(1000))",
    ],
)
def test_memory_that_nobody_set_is_no_difference(made: str) -> None:
    soiled = "".join(f"x{each} = torch.full((1000,), 7.)\n" for each in range(9)) + "reset\n"
    assert verify(f"{soiled}x = {made}").rows == ()


def changed(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Let the embedded engine tell other facts of tensors than it has."""
    look = embedded.Embedded.look
    monkeypatch.setattr(embedded.Embedded, "look", lambda self, value: look(self, value)._replace(**facts))


LIES = {
    "kind": {"kind": "storage"},
    "dtype": {"dtype": "int7"},
    "shape": {"sizes": (3, 1)},
    "stride": {"strides": (5,)},
    "offset": {"offset": 4},
    "device": {"device": "cuda:7"},
    "version": {"version": 9},
    "requires_grad": {"requires_grad": None},
    "is_leaf": {"is_leaf": None},
    "grad_fn": {"grad_fn": "OtherBackward0"},
}


@pytest.mark.parametrize("fact", [name for name, _ in FACTS])
def test_each_fact_that_differs_is_found_once(monkeypatch: pytest.MonkeyPatch, fact: str) -> None:
    changed(monkeypatch, **LIES[fact])
    found = verify("x = ones(3)\nn = 1\nm = 2")
    assert [(row.index, row.where, row.fact) for row in found.rows] == [(1, "x", fact)]


def test_other_values_are_found_with_the_first_element(monkeypatch: pytest.MonkeyPatch) -> None:
    elements = embedded.Embedded.elements
    monkeypatch.setattr(embedded.Embedded, "elements", lambda self, value: elements(self, value) + 1e-3)
    (row,) = verify("x = ones(2, 2)").rows
    assert (row.fact, row.pytorch) == ("values", "[0, 0] 1.0")
    assert row.ours.startswith("[0, 0] 1.001")


def test_the_last_digits_of_a_value_are_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    elements = embedded.Embedded.elements
    monkeypatch.setattr(embedded.Embedded, "elements", lambda self, value: elements(self, value) * 1.000001)
    assert verify("x = ones(2)").rows == ()
    assert [row.fact for row in verify("x = ones(2).double()").rows] == ["values"]


def test_memory_that_is_shared_on_one_side_only_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = embedded.Embedded.memory
    monkeypatch.setattr(
        embedded.Embedded, "memory", lambda self, value: value if value.dim() else memory(self, value)
    )
    (row,) = verify("x = ones(2)\ny = x[1:]").rows
    assert (row.index, row.where, row.fact) == (2, "x", "storage")
    assert (row.pytorch, row.ours) == ("shared with y", "its own")


def test_a_warning_on_one_side_is_a_difference_and_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x = torch.ones(2, requires_grad=True) * 2\nx.grad\nx.grad"
    assert verify(text).rows == ()
    ran = Side.ran

    def silent(self: Side, *arguments: Any) -> Any:
        found = ran(self, *arguments)
        return found._replace(warnings="") if self.engine.name == "embedded" else found

    monkeypatch.setattr(Side, "ran", silent)
    (row,) = verify(text).rows
    assert (row.index, row.source) == (2, "x.grad")
    assert "UserWarning: The .grad attribute" in str(row)


def test_an_error_on_one_side_is_a_difference_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Side.ran

    def worse(self, statement, text, name, form):
        found = ran(self, statement, text, name, form)
        if self.engine.name == "embedded" and "add" in statement.source:
            return found._replace(failure=None, output="3\n")
        return found

    monkeypatch.setattr(Side, "ran", worse)
    found = verify("x = ones(2)\nx.add(ones(3))\nprint(1)")
    assert found.statements == 3
    assert [(row.index, row.where, row.ours) for row in found.rows] == [(2, "error", "no error")]
    assert found.rows[0].pytorch.startswith("RuntimeError: The size of tensor a (2)")


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.rand(3)\nn = np.random.rand(2)\ny = torch.randn(20)\nm = np.random.rand(2)",
        "seed 3\nn = np.random.randint(0, 9, 5)\nreset\nx = torch.rand(2)",
        "w = ones(2, requires_grad=True)\ninspect w\n(w * 2).sum().backward()\nw.grad\nundo\nw.grad",
        "x = ones(2)\nexpect hazard 'lost': x[[True, False]][0] = 5\nx",
        "x = ones(2)\nd = {'a': x, 'b': [x[1:], 3.5]}\nprint(d, x.sum().item())",
        "f = lambda x: x * 2\nf(ones(2))\ndef g(x):\n    return x\ng(1)",
        "x = torch.ones(2).to(torch.bfloat16)\nz = torch.ones(2, dtype=torch.complex64) * 1j\nb = z.conj()",
        "h = torch.tensor([1 + 2j, 3.5 - 1j], dtype=torch.complex32)\nc = h.conj()\nh.mul_(1.1 + 0.3j)\ni = c.imag",
        "m = torch.nn.Linear(2, 1)\no = torch.optim.SGD(m.parameters(), lr=0.1)\nm(ones(1, 2)).sum().backward()\no.step()",
        "exit 3\nx = nope",
    ],
)
def test_nothing_is_reported_where_nothing_differs(text: str) -> None:
    assert verify(text).rows == ()


def test_what_stands_after_exit_is_not_verified() -> None:
    assert verify("x = 1\nexit\ny = 2").statements == 2


def test_what_is_global_in_pytorch_is_put_back() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    verify("torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\ntorch.rand(3)")
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert bool((torch.get_rng_state() == before).all())


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [
        ("tensor([1.0000, 2.0000])", "tensor([1.0001, 2.0000])", True),
        ("tensor([1.0000, 2.0000])", "tensor([1.0003, 2.0000])", False),
        ("0.30000001192092896", "0.3000000417232513", True),
        ("0.3", "0.5", False),
        ("version 1", "version 2", False),
        ("<object at 0x7f12>", "<object at 0x55>", True),
        ("1e-05", "1e-05", True),
        ("a  b", "a b", True),
        ("a b", "a c", False),
        ("12", "12.0", False),
    ],
)
def test_texts_agree_in_all_but_the_last_place_of_a_float(left: str, right: str, agree: bool) -> None:
    assert _texts_agree(left, right) is agree
