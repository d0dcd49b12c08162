"""What PyTorch makes sparse is refused here: in no place is a strided tensor given for it."""

from collections.abc import Callable
from typing import Any

import pytest

import tensorcli.engine as T

F = T.nn.functional
INDEX = T.tensor([0, 1, 1])
GRADIENTS: dict[str, tuple[Callable[..., Any], str]] = {
    "embedding": (lambda w, sparse: F.embedding(INDEX, w, sparse=sparse), "sparse"),
    "embedding_bag": (lambda w, sparse: F.embedding_bag(INDEX, w, T.tensor([0, 2]), sparse=sparse), "sparse"),
    "gather": (lambda w, sparse: w.gather(0, INDEX.view(1, 3)[:, :2], sparse_grad=sparse), "sparse_grad"),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_sparse_gradient_is_refused_where_it_would_be_made(name: str) -> None:
    call, argument = GRADIENTS[name]
    w = T.arange(6.0).reshape(3, 2).requires_grad_()
    result = call(w, True)
    assert result.equal(call(w, False))
    with pytest.raises(NotImplementedError, match=rf"^{name}_backward: with {argument}=True .*\[3, 2\]"):
        result.sum().backward()
    assert w.grad is None
    call(w, False).sum().backward()
    assert w.grad.equal(T.autograd.grad(call(w, False).sum(), w)[0])


@pytest.mark.parametrize("module", [T.nn.Embedding, T.nn.EmbeddingBag])
def test_a_module_with_a_sparse_gradient_runs_forward_alone(module: Any) -> None:
    embed = module(4, 3, sparse=True)
    result = embed(INDEX.view(1, 3)).sum()
    with pytest.raises(NotImplementedError, match="all tensors here are strided"):
        result.backward()


def test_frequencies_do_not_scale_a_sparse_gradient() -> None:
    w = T.ones(3, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse gradients"):
        F.embedding(INDEX, w, sparse=True, scale_grad_by_freq=True).sum().backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda layout: T.zeros(2, layout=layout),
        lambda layout: T.arange(3, layout=layout),
        lambda layout: T.ones_like(T.ones(2), layout=layout),
        lambda layout: T.ones(2).new_zeros(2, layout=layout),
        lambda layout: T.rand(2, layout=layout),
    ],
)
def test_a_factory_makes_no_sparse_tensor(make: Callable[[Any], Any]) -> None:
    assert make(T.strided).layout is T.strided
    with pytest.raises(NotImplementedError, match=r"layout=torch\.sparse_coo asks for a sparse tensor"):
        make(T.sparse_coo)
