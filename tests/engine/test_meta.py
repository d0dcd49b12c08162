"""Tensors without data: what is known of a result on meta is what it would be on the CPU, and costs nothing."""

from typing import Any

import pytest

import tensorcli.engine as engine
from tensorcli.engine import allocation
from tensorcli.engine.devices import META
from tests.engine.on_devices import HISTORY, LEAVES, MOVES, backward, raised, results_on
from tests.oracle import expressions

pytestmark = pytest.mark.usefixtures("no_cuda")


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("F.conv2d(b(64, 3, n, n), b(5, 3, 2, 2))", (64, 5, 16383, 16383)),
        ("F.conv2d(b(64, 4, n, n), b(6, 2, 3, 3), b(6), 2, 1, 2, 2)", (64, 6, 8191, 8191)),
        ("F.conv_transpose2d(b(64, 3, n, n), b(3, 5, 2, 2), stride=2)", (64, 5, 32768, 32768)),
        ("F.max_pool2d(b(64, 3, n, n), 2)", (64, 3, 8192, 8192)),
        ("F.avg_pool2d(b(64, 3, n, n), 2)", (64, 3, 8192, 8192)),
        (
            "F.embedding(engine.zeros(n, n, dtype=engine.int64, device='meta'), b(n, n))",
            (16384, 16384, 16384),
        ),
        ("F.interpolate(b(64, 3, n, n), scale_factor=2, mode='bilinear')", (64, 3, 32768, 32768)),
        ("F.pad(b(64, n, n), (1, 1))", (64, 16384, 16386)),
        ("b(64, n, n).tril()", (64, 16384, 16384)),
    ],
)
def test_no_shape_is_too_large_on_meta(expression: str, shape: tuple[int, ...]) -> None:
    """The shapes are PyTorch's."""
    names = {
        "F": engine.nn.functional,
        "engine": engine,
        "n": 1 << 14,
        "b": lambda *sizes: engine.empty(*sizes, device="meta"),
    }
    assert tuple(eval(expression, names).shape) == shape


LOOKING = {
    "x[x > 0.2]": "NotImplementedError",
    "x.masked_select(x > 0.2)": "NotImplementedError",
    "F.one_hot(torch.tensor([0]))": "RuntimeError",
}
"""Expressions whose results depend on elements, and PyTorch's errors for them on meta."""
UNFUSED = "F.scaled_dot_product_attention(b4, b4, b4)"
"""What PyTorch computes in one kernel on the CPU and in several on meta."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", [e for e in HISTORY if e not in MOVES])
def test_an_operator_on_meta_knows_what_the_cpus_result_is_like(expression: str) -> None:
    _, here = results_on("cpu", expression)
    if expression in LOOKING:
        assert raised(lambda: results_on("meta", expression))[0] == LOOKING[expression]
        return
    scope, there = results_on("meta", expression)
    for own, other in zip(here, there, strict=True):
        assert other.device is META
        assert (own.shape, own.stride(), own.dtype) == (other.shape, other.stride(), other.dtype)
        assert own.requires_grad == other.requires_grad
        assert expression == UNFUSED or type(own.grad_fn).__name__ == type(other.grad_fn).__name__
    assert backward(here) == backward(there)
    assert all(scope[name].grad is None or scope[name].grad.is_meta for name in LEAVES)


def test_meta_tensors_of_any_size_cost_nothing() -> None:
    huge = engine.ones(100_000, 100_000, device="meta", requires_grad=True)
    result = ((huge @ huge).exp().softmax(1) + huge.t()).sum(0, keepdim=True)
    assert result.shape == (1, 100_000)
    result.mean().backward()
    assert huge.grad.shape == huge.shape
    assert huge.max(0).indices.dtype is engine.int64
    assert engine.cat([huge, huge], 1).shape == (100_000, 200_000)


def test_meta_tensors_are_not_held_to_the_sessions_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation.limit, "nbytes", 1000)
    assert (engine.zeros(1000, 1000, device="meta") + 1).shape == (1000, 1000)
    with pytest.raises(MemoryError):
        engine.zeros(1000, 1000)


ON_META = [
    "torch.linalg.qr(x)",
    "torch.linalg.eigh(x)",
    "torch.linalg.lstsq(x,y)",
    "torch.linalg.solve(x,y)",
    "torch.linalg.lu(x)",
    "torch.linalg.cholesky(x)",
    "torch.linalg.matrix_exp(x)",
    "torch.linalg.norm(x)",
    "torch.fft.fft(x)",
    "torch.fft.rfft(x)",
    "torch.unique(x)",
    "torch.histc(x)",
    "x.isnan()",
    "torch.isin(x,y)",
    "torch.bucketize(x,v)",
    "torch.searchsorted(v,x)",
    "torch.cumsum(x,0)",
    "x.logcumsumexp(0)",
    "x.cummax(0)",
    "torch.quantile(x,0.5)",
    "torch.cross(b3.new_ones(2,3),b3.new_ones(2,3))",
    "torch.tril(x)",
    "torch.kron(x,y)",
    "torch.block_diag(x,y)",
    "torch.einsum('ij,jk->ik',x,y)",
    "torch.tensordot(x,y)",
    "F.gelu(x)",
    "F.hardtanh(x)",
    "F.glu(x)",
    "F.one_hot(i,3)",
    "F.group_norm(b4,1)",
    "F.instance_norm(b4)",
    "F.dropout(x)",
    "F.normalize(x)",
    "F.cosine_similarity(x,y)",
    "F.pairwise_distance(x,y)",
    "torch.diff(x)",
    "torch.gradient(v)",
    "torch.trapezoid(x)",
    "torch.roll(x,1)",
    "torch.rot90(x)",
    "torch.flip(x,[0])",
    "x.repeat(2,2)",
    "x.expand(2,2,2)",
    "torch.meshgrid(v,v2)",
    "torch.combinations(v)",
    "torch.cartesian_prod(v,v2)",
    "torch.vander(v)",
    "torch.bernoulli(x)",
    "torch.multinomial(x,1)",
    "torch.normal(x,y)",
    "torch.special.i0(x)",
    "torch.special.zeta(x,y)",
    "torch.igamma(x,y)",
    "torch.polygamma(1,x)",
    "x.erfinv()",
    "torch.nan_to_num(x)",
    "torch.heaviside(x,y)",
    "torch.frexp(x)",
    "torch.ldexp(x,i)",
    "torch.bitwise_and(i,i)",
    "i<<1",
    "torch.gcd(i,i)",
    "x.argwhere()",
    "torch.count_nonzero(x)",
    "x.any()",
    "x.all()",
    "x.tolist()",
    "x.item()",
    "torch.aminmax(x)",
    "x.std_mean()",
    "torch.var_mean(x)",
    "torch.renorm(x,2,0,1.)",
    "torch.addr(x,v,v2)",
    "torch.baddbmm(b3,b3,b3)",
    "torch.chain_matmul(x,y)",
    "torch.nn.functional.unfold(b4,2)",
    "x.index_reduce(0,i,y,'prod')",
    "x.scatter_reduce(0,ii,y,'sum')",
    "x.put(i,v)",
    "torch.take_along_dim(x,ii,0)",
    "x.masked_scatter(c,y)",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", ON_META)
def test_a_result_on_meta_has_pytorchs_geometry(expression: str) -> None:
    torch = pytest.importorskip("torch")
    assert on_meta(engine, expression) == on_meta(torch, expression)


def on_meta(torch: Any, expression: str) -> Any:
    try:
        with torch.device("meta"):
            result = eval(expression, expressions.names(torch, leaves=False))
    except Exception as error:
        return type(error).__name__, str(error)[:60]
    tensors = [result] if isinstance(result, torch.Tensor) else result
    if not isinstance(tensors, (list, tuple)):
        return result
    return [(tuple(t.shape), t.stride(), str(t.dtype), str(t.device), t.requires_grad) for t in tensors]


@pytest.mark.parametrize(
    "text",
    [
        "m.item()",
        "m.tolist()",
        "bool(m.sum())",
        "int(m.sum())",
        "m.numpy()",
        "m.cpu()",
        "m.to(a)",
        "a.to(m)",
        "a.copy_(m)",
        "m.copy_(a)",
        "torch.add(a, m)",
        "torch.add(m, a)",
        "m + torch.tensor(1.)",
        "torch.tensor(1.) + m",
        "torch.cat([a, m])",
        "torch.cat([m, a])",
        "m @ a",
        "torch.index_select(m, 0, torch.tensor([0]))",
        "m.gather(0, torch.zeros(1, 1, dtype=torch.int64))",
        "m[torch.tensor([0])]",
        "torch.equal(m, m)",
        "torch.equal(a, m)",
        "torch.allclose(m, m)",
        "m.nonzero()",
        "m[m > 0]",
        "m.masked_select(m > 0)",
        "torch.unique(m)",
        "m.repeat_interleave(torch.tensor([1, 2], device='meta'), 0)",
        "torch.linalg.eigvals(m)",
        "torch.linalg.inv(m)",
        "m.multinomial(1)",
        "m.max(0)",
        "m.fill_(torch.tensor(1.))",
        "m.data_ptr()",
        "m.get_device()",
        "m.untyped_storage().nbytes()",
        "m.new_tensor([1.])",
        "m.t().contiguous()",
        "torch.empty(100000, 100000, device='meta') + 1",
        "torch.ones(2, 2, requires_grad=True).to('meta').sum().backward()",
        "(torch.ones(2, requires_grad=True) * 2).backward(torch.ones(2, device='meta'))",
        "setattr(torch.ones(2), 'grad', torch.ones(2, device='meta'))",
    ],
)
def test_meta_answers_as_pytorch_does(text: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for each in (engine, torch):
        scope = {"torch": each, "a": each.ones(2, 2), "m": each.ones(2, 2, device="meta")}
        try:
            answer = repr(eval(text, scope))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        found.append(
            answer.partition("Please see")[0].partition("(Triggered")[0].partition("You may have")[0]
        )
    assert found[0] == found[1]
