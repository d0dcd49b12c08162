"""PyTorch's own functions take tensors of the engine: the engine's functions answer for them."""

from typing import Any

import pytest

import tensorcli.engine as engine

torch: Any = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("add", (1,)),
        ("sum", ()),
        ("linalg.norm", ()),
        ("fft.fft", ()),
        ("special.expm1", ()),
        ("einsum", ()),
        ("nn.functional.softmax", (0,)),
        ("nn.functional.gelu", ()),
        ("nn.functional.pairwise_distance", (engine.tensor([2.0, 5.0]),)),
    ],
)
def test_a_function_of_pytorch_is_answered_by_its_namesake(path: str, arguments: Any) -> None:
    x = engine.tensor([1.0, 2.0], requires_grad=True)
    given = ("i,i->", x, x) if path == "einsum" else (x, *arguments)
    theirs, ours = torch, engine
    for part in path.split("."):
        theirs, ours = getattr(theirs, part), getattr(ours, part)
    found, expected = theirs(*given), ours(*given)
    assert type(found) is engine.Tensor
    assert str(found) == str(expected)


def test_a_module_of_pytorch_without_parameters_works_on_them() -> None:
    x = engine.tensor([1.0, 2.0])
    assert torch.nn.PairwiseDistance()(x, x + 1).item() == pytest.approx(2**0.5, rel=1e-5)


def test_what_the_engine_has_no_function_for_is_refused() -> None:
    with pytest.raises(TypeError, match="Multiple dispatch failed"):
        torch.fbgemm_pack_gemm_matrix_fp16(engine.ones(2))


@pytest.mark.parametrize("name", ["__radd__", "__mul__", "__eq__", "__iand__", "__rdiv__"])
def test_a_special_method_of_the_class_refuses_what_is_no_tensor(name: str) -> None:
    with pytest.raises((TypeError, AttributeError)) as theirs:
        getattr(torch.Tensor, name)(1, torch.ones(2))
    with pytest.raises(theirs.type) as ours:
        getattr(engine.Tensor, name)(1, engine.ones(2))
    assert str(ours.value) == str(theirs.value)


def test_tensors_of_both_are_not_mixed() -> None:
    theirs, ours = torch.ones(2), engine.ones(2)
    for call in (
        lambda: ours + theirs,
        lambda: theirs + ours,
        lambda: ours @ theirs,
        lambda: ours < theirs,
        lambda: engine.add(ours, theirs),
        lambda: engine.cat([ours, theirs]),
        lambda: engine.sum(theirs),
        lambda: engine.add(ours, ours, out=theirs),
        lambda: engine.add(ours, torch.nn.Parameter(theirs)),
        lambda: ours.copy_(theirs),
        lambda: torch.add(theirs, ours),
    ):
        with pytest.raises(TypeError, match="Tensor"):
            call()
    with pytest.raises(TypeError) as refused:
        engine.add(ours, theirs)
    assert str(refused.value) == "add(): argument 'other' (position 2) must be Tensor, not Tensor"
