"""Devices: the backends' contract, PyTorch's rules about where tensors lie, and the same operators on each device.

Texts of the CPU build are compared with PyTorch where it is installed. A build with CUDA cannot run here: its texts are
those of PyTorch's sources (the strings of libtorch_cpu.so and libtorch_python.so, torchgen's device checks, torch/cuda),
written out in `placement` and here. What simulated devices compute is the CPU's, so results are compared bit for bit.
"""

import copy
import gc
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import backends, devices, effects, process
from tensorcli.engine.backends import inventory, simulate, transfer
from tensorcli.engine.devices import CPU, META, Device, resolve
from tensorcli.engine.storage import ledger
from tests.oracle import expressions

HISTORY: dict[str, Any] = json.loads(Path(expressions.__file__).with_name("history.json").read_text())


@pytest.fixture(autouse=True)
def _no_cuda() -> Iterator[None]:
    """Each test begins without a CUDA device, also on a machine that has one."""
    with process.aside():  # what is said once is left for others to hear
        process.reset()
        devices.visible.searched = True
        yield
        simulate(0)


@pytest.fixture
def cuda() -> Device:
    """Two simulated CUDA devices; the first one."""
    simulate(2)
    return resolve("cuda")


def raised(call: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the caller compares the text)
        call()
    return type(caught.value).__name__, str(caught.value)


# ---- torch.device


@pytest.mark.parametrize(
    "text",
    [
        "torch.device('cuda:1')",
        "torch.device('cuda', 1)",
        "torch.device(type='cpu', index=0)",
        "torch.device(device='cpu')",
        "str(torch.device('cuda', 1))",
        "torch.device('cuda') == torch.device('cuda:0')",
        "torch.device('meta').type",
        "torch.device('cpu').index",
        "torch.device(0)",
        "torch.device(-1)",
        "torch.device('cuda', -1)",
        "torch.device('cuda', '1')",
        "torch.device('cuda', True)",
        "torch.device(torch.device('cpu'), 1)",
        "torch.device('cuda:1', 1)",
        "torch.device('cuda:01')",
        "torch.device('cuda:')",
        "torch.device('')",
        "torch.device('foo')",
        "torch.device('a', 'b', 'c')",
        "torch.device()",
        "torch.device(1.5)",
        "torch.device(foo=1)",
        "torch.device('cpu:200')",
        "torch.device('cpu:127')",
        "torch.device('cuda:128')",
        "str(torch.device('cpu', 200))",
        "torch.device('cuda', 255)",
        "torch.device('cuda', 129).index",
        "torch.device('cpu:2147483647')",
        "torch.device('cpu:2147483648')",
        "torch.device('cuda', 2**63)",
        "torch.device(2**63)",
        "torch.ones(2, device=2**63)",
        "torch.ones(2).to(2**63)",
        "torch.ones(2, device='cuda')",
        "torch.ones(2, device='cuda:0')",
        "torch.ones(2, device='cuda', pin_memory=True)",
        "torch.ones(2).cuda()",
        "torch.ones(2).cuda('cpu')",
        "torch.ones(2).cuda(0)",
        "torch.ones(2).to('cuda', non_blocking=True)",
        "torch.ones(2, device='xpu')",
        "torch.ones(2, device=0)",
        "torch.ones(2, device='meta:1').device",
        "torch.ones(2, device='cpu:1').device",
        "torch.ones(2).pin_memory()",
        "torch.ones(2, pin_memory=True)",
        "torch.ones(2).is_pinned()",
        "torch.Generator(device='cuda')",
        "torch.Generator(device='meta')",
        "torch.cuda.is_available()",
        "torch.cuda.device_count()",
        "torch.cuda.is_initialized()",
        "torch.cuda.current_device()",
        "torch.cuda.synchronize()",
        "torch.cuda.manual_seed(1)",
        "torch.cuda.manual_seed_all(1)",
        "torch.cuda.empty_cache()",
        "torch.cuda.memory_allocated()",
        "torch.cuda.max_memory_allocated()",
        "torch.cuda.memory_reserved()",
        "torch.cuda.mem_get_info()",
        "torch.cuda.get_device_name(0)",
        "torch.cuda.get_device_capability()",
        "torch.cuda.set_device(0)",
        "torch.cuda.set_device('cpu')",
        "torch.cuda.set_device('cuda')",
        "torch.cuda.device(0).__enter__()",
        "torch.cuda.device(-1).__enter__()",
        "torch.cuda.init()",
        "torch.cuda.FloatTensor([1])",
        "torch.cuda.current_stream()",
        "torch.cuda.Stream()",
        "torch.cuda.Event()",
        "torch.cuda.initial_seed()",
        "torch.cuda.get_rng_state()",
        "torch.cuda.ipc_collect()",
        "torch.UntypedStorage(3, device='cuda')",
        "torch.get_default_device()",
    ],
)
def test_without_cuda_answers_are_those_of_pytorchs_cpu_build(text: str) -> None:
    torch = pytest.importorskip("torch")
    assert outcome(engine, text) == outcome(torch, text)


def outcome(torch: Any, text: str) -> str:
    try:
        return repr(eval(text, {"torch": torch}))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_a_device_is_equal_by_value_and_survives_copies() -> None:
    first, second = Device("cuda:1"), Device("cuda", 1)
    assert first == second
    assert hash(first) == hash(second)
    assert copy.deepcopy(first) is first
    assert pickle.loads(pickle.dumps(first)) == first


@pytest.mark.parametrize(
    "text",
    [
        "torch.ones(2)",
        "torch.tensor([1.])",
        "torch.as_tensor([1.])",
        "torch.as_tensor(np.ones(2))",
        "torch.asarray(np.ones(2))",
        "torch.as_tensor(there)",
        "torch.from_numpy(np.ones(2))",
        "torch.Tensor([1.])",
        "torch.FloatTensor([1.])",
        "torch.ones_like(there)",
        "torch.rand(2)",
        "torch.randperm(3)",
        "torch.frombuffer(bytearray(4), dtype=torch.int32)",
        "torch.ones(2, device='cpu')",
    ],
)
def test_the_default_device_holds_for_pytorchs_factories_and_for_nothing_else(text: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for each in (engine, torch):
        scope = {"torch": each, "np": np, "there": each.ones(2)}
        with each.device("meta"):
            found.append((str(eval(text, scope).device), repr(each.get_default_device())))
        assert str(each.ones(1).device) == "cpu"
    assert found[0] == found[1]


def test_set_default_device_is_refused_when_it_is_used() -> None:
    engine.set_default_device("cuda:9")
    assert str(engine.get_default_device()) == "cuda:9"
    assert raised(lambda: engine.ones(1)) == ("AssertionError", devices.NOT_COMPILED)
    engine.set_default_device(None)
    assert engine.ones(1).device is CPU


# ---- the contract


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_a_backend_allocates_windows_and_transfers(name: str, cuda: Device) -> None:
    device = resolve(name)
    backend = backends.of(device)
    buffer = backend.allocate(24, device)
    assert backend.bytes_of(buffer).nbytes == 24
    window = backend.window(buffer, (2, 2), (8, 4), 4, np.dtype(np.float32))
    window[...] = 3
    assert backend.to_host(backend.bytes_of(buffer)).view(np.float32).tolist() == [0, 3, 3, 3, 3, 0]
    moved = backend.from_host(np.arange(3), device)
    assert backend.to_host(moved).tolist() == [0, 1, 2]
    assert backend.settled(backend.xp.float32(2), device).shape == ()
    assert backend.run("add", lambda xp, a: xp.add(a, 1), [moved], device).tolist() == [1, 2, 3]
    backend.synchronize(device)
    backend.empty_cache()
    memory = backend.memory(device)
    assert memory is None or 0 < memory.free <= memory.total


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


def test_the_accelerator_is_the_cuda_device_where_there_is_one(cuda: Device) -> None:
    accelerator = engine.accelerator
    gc.collect()  # what another test left in a cycle would be counted
    assert (accelerator.is_available(), accelerator.device_count()) == (True, 2)
    assert str(accelerator.current_accelerator()) == "cuda"
    with accelerator.device_index(1):
        assert accelerator.current_device_index() == 1
        kept = engine.ones(200, device=accelerator.current_accelerator())
    assert accelerator.current_device_index() == 0
    assert kept.device == Device("cuda:1")
    assert (accelerator.memory_allocated(), accelerator.memory_allocated("cuda:1")) == (0, 1024)
    accelerator.set_device_index("cuda:1")
    assert engine.cuda.current_device() == 1
    assert raised(lambda: accelerator.synchronize("cpu")) == (
        "ValueError",
        "cpu doesn't match the current accelerator cuda.",
    )


def test_a_transfer_to_a_simulated_device_shares_no_memory(cuda: Device) -> None:
    array = np.ones(3)
    assert not np.shares_memory(transfer(array, CPU, cuda), array)
    assert transfer(array, CPU, CPU) is array


def test_the_inventory_names_each_device_and_what_is_missing() -> None:
    rows = {name: (there, text) for name, there, text in inventory.inventory()}
    assert rows["cpu"][0]
    assert rows["meta"][0]
    assert not rows["cuda"][0]
    assert "--simulate-cuda" in rows["cuda"][1]
    simulate(2)
    names = [name for name, _, _ in inventory.inventory()]
    assert names == ["cpu", "meta", "cuda:0 (simulated)", "cuda:1 (simulated)"]


# ---- the same operators on each device


def results_on(name: str, expression: str) -> tuple[dict[str, Any], list[Any]]:
    """The names that an expression used, and its tensors, with all its inputs on a device."""
    with engine.device(name):
        scope = expressions.names(engine, leaves=False)
        engine.manual_seed(0)
        result = eval(expression.removesuffix(" (x non-leaf)"), scope)
    return scope, flat(result)


def flat(result: Any) -> list[Any]:
    if isinstance(result, engine.Tensor):
        return [result]
    return [each for one in result for each in flat(one)] if isinstance(result, (tuple, list)) else []


def backward(tensors: list[Any]) -> str:
    """Run the backward pass of the first result; the words of its failure, if it fails."""
    first = tensors[0]
    if not first.requires_grad or not first.dtype.is_floating_point:
        return ""
    try:
        first.sum().backward()
    except RuntimeError as error:
        return str(error)[:40]
    return ""


LOOKING = {
    "x[x > 0.2]": "NotImplementedError",
    "x.masked_select(x > 0.2)": "NotImplementedError",
    "F.one_hot(torch.tensor([0]))": "RuntimeError",
}
"""Expressions whose results depend on elements, and PyTorch's errors for them on meta."""
MOVES = ("x.to('meta')", "x.cpu()")
LEAVES = ("v", "v2", "b3", "b4")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", [e for e in HISTORY if e not in MOVES])
def test_an_operator_on_a_simulated_device_gives_the_cpus_result_there(expression: str, cuda: Device) -> None:
    before, here = results_on("cpu", expression)
    scope, there = results_on("cuda", expression)
    assert len(here) == len(there)
    for own, other in zip(here, there, strict=True):
        assert other.device is cuda
        assert (own.shape, own.stride(), own.dtype) == (other.shape, other.stride(), other.dtype)
        assert np.array_equal(own.detach().values, other.detach().values, equal_nan=True)
    assert backward(here) == backward(there)
    for name in LEAVES:
        own, other = before[name].grad, scope[name].grad
        assert (own is None) == (other is None)
        if own is not None:
            assert other.device is cuda
            assert np.array_equal(own.values, other.values)


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
        assert type(own.grad_fn).__name__ == type(other.grad_fn).__name__
    assert backward(here) == backward(there)
    assert all(scope[name].grad is None or scope[name].grad.is_meta for name in LEAVES)


# ---- meta


def test_meta_tensors_of_any_size_cost_nothing() -> None:
    huge = engine.ones(100_000, 100_000, device="meta", requires_grad=True)
    result = ((huge @ huge).exp().softmax(1) + huge.t()).sum(0, keepdim=True)
    assert result.shape == (1, 100_000)
    result.mean().backward()
    assert huge.grad.shape == huge.shape
    assert huge.max(0).indices.dtype is engine.int64
    assert engine.cat([huge, huge], 1).shape == (100_000, 200_000)


def test_meta_tensors_are_not_held_to_the_sessions_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects.limit, "nbytes", 1000)
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


# ---- simulated CUDA: where tensors lie


def test_to_gives_self_where_nothing_changes_and_a_copy_else(cuda: Device) -> None:
    here = engine.ones(2)
    there = here.to("cuda")
    assert repr(there) == "tensor([1., 1.], device='cuda:0')"
    assert there.to("cuda:0") is there
    assert there.cuda() is there
    assert there.to("cuda", copy=True) is not there
    assert here.cpu() is here
    assert there.get_device() == 0
    assert here.get_device() == -1
    there.add_(1)
    assert here.tolist() == [1, 1]
    second = there.to("cuda:1", non_blocking=True)
    assert str(second.device) == "cuda:1"
    assert second.tolist() == [2, 2]
    assert there.cpu().device is CPU


def test_copy_goes_across_devices(cuda: Device) -> None:
    here, there = engine.zeros(2, 2), engine.tensor([1, 2], device="cuda")
    assert here.copy_(there).tolist() == [[1, 2], [1, 2]]
    there.copy_(engine.tensor([5.0, 6.0]), non_blocking=True)
    assert there.tolist() == [5, 6]
    assert there._version == 1


def test_the_current_device_is_where_cuda_without_a_number_lies(cuda: Device) -> None:
    with engine.cuda.device(1):
        assert str(engine.ones(1, device="cuda").device) == "cuda:1"
        assert engine.cuda.current_device() == 1
    assert engine.cuda.current_device() == 0
    engine.cuda.set_device("cuda:1")
    assert str(engine.ones(1).cuda().device) == "cuda:1"
    with engine.cuda.device_of(engine.ones(1, device="cuda:0")):
        assert engine.cuda.current_device() == 0
    assert engine.cuda.current_device() == 1


def test_a_number_beyond_the_last_device_is_cudas_own_error(cuda: Device) -> None:
    for call in (lambda: engine.ones(1, device="cuda:2"), lambda: engine.cuda.set_device(2)):
        kind, text = raised(call)
        assert kind == "AcceleratorError"
        assert text.startswith("CUDA error: invalid device ordinal\n")
    assert issubclass(engine.AcceleratorError, RuntimeError)
    assert raised(lambda: engine.cuda.get_device_name(2)) == ("AssertionError", "Invalid device id")


def test_questions_about_the_devices(cuda: Device) -> None:
    assert engine.cuda.is_available()
    assert engine.cuda.device_count() == 2
    assert engine.cuda.get_device_name(1) == "Simulated CUDA device 1"
    assert engine.cuda.get_device_properties(0).name == "Simulated CUDA device 0"
    assert engine.cuda.get_device_capability() == (0, 0)
    engine.cuda.synchronize()
    free, total = engine.cuda.mem_get_info()
    assert free <= total


def test_memory_is_counted_in_blocks_until_it_is_freed(cuda: Device) -> None:
    before = engine.cuda.memory_allocated()
    held = engine.ones(200, device="cuda")
    assert engine.cuda.memory_allocated() == before + 1024
    view = held[:2]
    del held
    assert engine.cuda.memory_allocated() == before + 1024
    del view
    assert engine.cuda.memory_allocated() == before
    assert engine.cuda.max_memory_allocated() >= before + 1024
    engine.cuda.reset_peak_memory_stats()
    assert engine.cuda.max_memory_allocated() == before
    assert ledger.allocated[cuda] == before


@pytest.mark.parametrize(
    "text",
    [
        "torch.ones(2, device='cuda')",
        "torch.zeros(2, device=0)",
        "torch.full((2,), 1, device='cuda')",
        "torch.arange(3, device='cuda')",
        "torch.linspace(0, 1, 3, device='cuda')",
        "torch.eye(2, device='cuda')",
        "torch.rand(2, device='cuda')",
        "torch.tensor([1, 2], device='cuda')",
        "torch.as_tensor([1.], device='cuda')",
        "torch.empty(2, 3, device='cuda').t().contiguous()",
        "torch.ones(2).cuda().new_zeros(3)",
        "torch.zeros_like(torch.ones(2), device='cuda')",
        "torch.rand_like(torch.ones(2, device='cuda'))",
        "torch.cuda.FloatTensor([1, 2])",
        "torch.ones(2).type('torch.cuda.DoubleTensor')",
        "torch.ones(2).type(torch.cuda.LongTensor)",
        "torch.ones(2).to(torch.ones(1, device='cuda'))",
        "torch.ones(2, device='cuda').double()",
        "torch.ones(2, device='cuda')[0]",
        "torch.ones(2, device='cuda')[[0]]",
        "torch.ones(2, device='cuda')[torch.tensor([1])]",
        "torch.ones(2, device='cuda') + torch.tensor(1.)",
        "torch.tensor(1.) * torch.ones(2, device='cuda')",
        "torch.where(torch.ones(2, device='cuda') > 0, torch.tensor(1.), torch.tensor(0.))",
        "torch.zeros(2, device='cuda').index_put_((torch.tensor([0]),), torch.tensor(1.))",
        "torch.zeros(2, device='cuda').masked_fill_(torch.ones(2, device='cuda') > 0, torch.tensor(2.))",
        "torch.zeros(2, device='cuda').fill_(torch.tensor(2.))",
        "copy.deepcopy(torch.ones(2, device='cuda'))",
        "copy.copy(torch.ones(2, device='cuda'))",
        "pickle.loads(pickle.dumps(torch.ones(2, device='cuda')))",
        "torch.nn.functional.linear(torch.ones(1, 2).cuda(), torch.ones(3, 2).cuda())",
        "torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 3).cuda()] * 3, is_causal=True)",
        "torch.nn.functional.embedding_bag(torch.zeros(2, 2, dtype=int).cuda(), torch.ones(1, 3).cuda())",
        "torch.ones(3).cuda().quantile(0.5)",
        "torch.unravel_index(torch.ones(2, dtype=int).cuda(), (2, 3))[0]",
    ],
)
def test_what_is_made_on_a_device_or_of_its_tensors_lies_there(text: str, cuda: Device) -> None:
    found = eval(text, {"torch": engine, "copy": copy, "pickle": pickle})
    assert found.device is cuda
    assert "device='cuda:0'" in repr(found)
    found.sum().item()


def test_legacy_types_know_their_device(cuda: Device) -> None:
    there = engine.ones(2, device="cuda")
    assert there.type() == "torch.cuda.FloatTensor"
    assert isinstance(there, engine.cuda.FloatTensor)
    assert not isinstance(there, engine.FloatTensor)
    assert not isinstance(engine.ones(2), engine.cuda.FloatTensor)


def test_pinned_memory_is_the_cpus(cuda: Device) -> None:
    here = engine.ones(2)
    pinned = here.pin_memory()
    assert (here.is_pinned(), pinned.is_pinned(), pinned.pin_memory() is pinned) == (False, True, True)
    assert pinned.tolist() == [1, 1]
    assert engine.zeros(2, pin_memory=True).is_pinned()
    assert engine.tensor([1.0], pin_memory=True).is_pinned()
    assert not pinned.clone().is_pinned()
    assert pinned.untyped_storage().is_pinned()
    there = engine.ones(2, device="cuda")
    assert raised(there.pin_memory)[1] == (
        "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned"
    )
    text = raised(lambda: engine.zeros(2, device="cuda", pin_memory=True))[1]
    assert text == "Only dense CPU tensors can be pinned"


def test_numpy_needs_the_host(cuda: Device) -> None:
    there = engine.ones(2, device="cuda")
    assert raised(there.numpy) == (
        "TypeError",
        "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
    )
    assert there.numpy(force=True).tolist() == [1, 1]
    assert there.tolist() == [1, 1]
    assert there.__dlpack_device__()[0].name == "kDLCUDA"


# ---- simulated CUDA: tensors of several devices

ITERATED = "Expected all tensors to be on the same device, but found at least two devices, {} and {}!"
CHECKED = (
    "Expected all tensors to be on the same device, but got {} is on {}, different from other tensors on {} "
    "(when checking argument in method {})"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("here + there", ITERATED.format("cuda:0", "cpu")),
        ("there + here", ITERATED.format("cuda:0", "cpu")),
        ("here.add_(there)", ITERATED.format("cuda:0", "cpu")),
        ("there.add_(here)", ITERATED.format("cuda:0", "cpu")),
        ("torch.tensor(1.).add_(there.sum())", ITERATED.format("cuda:0", "cpu")),
        ("there + there.to('cuda:1')", ITERATED.format("cuda:0", "cuda:1")),
        ("there < here", ITERATED.format("cuda:0", "cpu")),
        ("there @ here", CHECKED.format("mat2", "cpu", "cuda:0", "wrapper_CUDA_mm")),
        ("here @ there", CHECKED.format("mat2", "cuda:0", "cpu", "wrapper_CUDA_mm")),
        ("F.linear(there, here)", CHECKED.format("mat2", "cpu", "cuda:0", "wrapper_CUDA_mm")),
        ("torch.addmm(here, there, there)", CHECKED.format("mat1", "cuda:0", "cpu", "wrapper_CUDA_addmm")),
        ("torch.cat([there, here])", CHECKED.format("tensors", "cpu", "cuda:0", "wrapper_CUDA_cat")),
        ("there.gather(0, i)", CHECKED.format("index", "cpu", "cuda:0", "wrapper_CUDA_gather")),
        (
            "there.index_select(0, i[0])",
            CHECKED.format("index", "cpu", "cuda:0", "wrapper_CUDA__index_select"),
        ),
        (
            "here[i[0].cuda()]",
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)",
        ),
        (
            "there.masked_fill(here > 0, 1.)",
            "expected self and mask to be on the same device, but got mask on cpu and self on cuda:0",
        ),
        (
            "there.quantile(one)",
            "quantile() q tensor must be on the same device as the input tensor",
        ),
        (
            "torch.nn.utils.rnn.pack_padded_sequence(there[None], torch.ones(2, dtype=torch.int64).cuda())",
            "'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 Long tensor",
        ),
        ("torch.addcmul(there, one, one)", "Trying to pass too many CPU scalars to non-CPU kernel!"),
        (
            "torch.rand(2, device='cuda', generator=torch.Generator())",
            "Expected a 'cuda' device type for generator but found 'cpu'",
        ),
        (
            "torch.rand(2, generator=torch.Generator('cuda'))",
            "Expected a 'cpu' device type for generator but found 'cuda'",
        ),
        (
            "setattr(here, 'grad', there)",
            "attempting to assign a gradient with device type 'cuda' to a tensor with device type 'cpu'. Please ensure "
            "that the gradient and the tensor are on the same device",
        ),
        (
            "setattr(there, 'grad', there.to('cuda:1'))",
            "attempting to assign a gradient located on device with index '1' to a tensor located on device with index "
            "'0'. Please ensure that the gradient and the tensor are on the same device",
        ),
        (
            "setattr(there, 'data', torch.ones(2, 2, device='meta'))",
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type.",
        ),
    ],
)
def test_tensors_of_two_devices_are_refused_in_pytorchs_words(text: str, expected: str, cuda: Device) -> None:
    scope = {
        "torch": engine,
        "F": engine.nn.functional,
        "here": engine.ones(2, 2),
        "there": engine.ones(2, 2, device="cuda"),
        "i": engine.zeros(1, 2, dtype=engine.int64),
        "one": engine.tensor(1.0),
    }
    assert raised(lambda: eval(text, scope)) == ("RuntimeError", expected)


# ---- simulated CUDA: gradients


def test_gradients_flow_back_across_devices(cuda: Device) -> None:
    w = engine.tensor([1.0, 2.0], requires_grad=True)
    there = w.cuda()
    assert type(there.grad_fn).__name__ == "ToCopyBackward0"
    (there * 3).sum().backward()
    assert repr(w.grad) == "tensor([3., 3.])"
    v = engine.ones(2, device="cuda", requires_grad=True)
    (v.to("cuda:1") * w.to("cuda:1")).cpu().sum().backward()
    assert repr(v.grad) == "tensor([1., 2.], device='cuda:0')"
    assert w.grad.device is CPU


def test_a_zero_dimensional_cpu_tensor_gets_its_gradient_on_the_cpu(cuda: Device) -> None:
    factor = engine.tensor(2.0, requires_grad=True)
    (engine.ones(3, device="cuda") * factor).sum().backward()
    assert repr(factor.grad) == "tensor(3.)"


def test_deepcopy_keeps_the_device_of_a_leaf_and_of_its_gradient(cuda: Device) -> None:
    v = engine.ones(2, device="cuda:1", requires_grad=True)
    (v * 2).sum().backward()
    twin = copy.deepcopy(v)
    assert str(twin.device) == str(twin.grad.device) == "cuda:1"
    assert twin.untyped_storage().data_ptr() != v.untyped_storage().data_ptr()


def test_copy_from_another_device_is_recorded(cuda: Device) -> None:
    w = engine.ones(2, requires_grad=True)
    into = engine.zeros(2, device="cuda")
    into.copy_(w * 2)
    assert type(into.grad_fn).__name__ == "CopyBackwards"
    into.sum().backward()
    assert repr(w.grad) == "tensor([2., 2.])"


# ---- simulated CUDA: random numbers


def test_each_device_has_a_generator_of_its_own(cuda: Device) -> None:
    engine.manual_seed(0)
    alone = engine.rand(3).tolist()
    engine.manual_seed(0)
    first = engine.rand(3, device="cuda").tolist()
    assert engine.rand(3).tolist() == alone
    engine.cuda.manual_seed(0)
    assert engine.rand(3, device="cuda").tolist() == first
    assert engine.cuda.initial_seed() == 0
    state = engine.cuda.get_rng_state()
    drawn = engine.ones(2, device="cuda").normal_().tolist()
    engine.cuda.set_rng_state(state)
    assert engine.randn(2, device="cuda").tolist() == drawn


# ---- CuPy


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore")
def test_a_real_card_agrees_with_the_cpu() -> None:
    simulate(0)
    if not devices.cuda_devices():
        pytest.skip("no CUDA device, or no CuPy")
    differing = {}
    for expression in HISTORY:
        if expression not in MOVES and (difference := difference_on_card(expression)):
            differing[expression] = difference
    assert not differing


def difference_on_card(expression: str) -> str:
    """What an expression does otherwise on a card than on the CPU, rounding aside."""
    before, here = results_on("cpu", expression)
    try:
        scope, there = results_on("cuda", expression)
        for own, other in zip(here, there, strict=True):
            if not other.is_cuda or (own.shape, own.stride(), own.dtype) != (
                other.shape,
                other.stride(),
                other.dtype,
            ):
                return f"{own} here, {other} there"
            if not close(own.detach(), other.detach()):
                return f"{own.tolist()} here, {other.tolist()} there"
        if backward(here) != backward(there):
            return "the backward pass"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    grads = [(before[name].grad, scope[name].grad) for name in LEAVES]
    return "" if all(own is None or close(own, other) for own, other in grads) else "gradients"


def close(own: Any, other: Any) -> bool:
    return np.allclose(own.values, other.cpu().values, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore")
def test_a_cards_memory_is_windowed_and_transferred() -> None:
    simulate(0)
    if not devices.cuda_devices():
        pytest.skip("no CUDA device, or no CuPy")
    device = resolve("cuda")
    backend = backends.of(device)
    buffer = backend.allocate(24, device)
    window = backend.window(buffer, (2, 2), (8, 4), 4, np.dtype(np.float32))
    window[...] = 3
    assert backend.to_host(backend.bytes_of(buffer)).view(np.float32).tolist() == [0, 3, 3, 3, 3, 0]
    assert backend.to_host(backend.from_host(np.arange(3), device)).tolist() == [0, 1, 2]
    memory = backend.memory(device)
    assert memory is not None
    assert 0 < memory.free <= memory.total
    engine.cuda.synchronize()
    assert engine.cuda.get_device_capability() > (0, 0)
    assert engine.cuda.get_device_name()


@pytest.fixture
def cupy(cuda: Device, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A CUDA device behind CuPy's backend, with a strict stand-in for CuPy."""
    from tests.engine import strict_arrays

    monkeypatch.setitem(backends._REGISTERED, "cuda", strict_arrays.backend(2))
    return cuda


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", [e for e in HISTORY if e not in MOVES])
def test_behind_cupy_an_operator_agrees_with_the_cpu(expression: str, cupy: Device) -> None:
    before, here = results_on("cpu", expression)
    scope, there = results_on("cuda", expression)
    for own, other in zip(here, there, strict=True):
        assert other.device is cupy
        assert "device='cuda:0'" in repr(other)
        assert (own.shape, own.stride(), own.dtype) == (other.shape, other.stride(), other.dtype)
        # The order in which PyTorch's CPU adds up is followed on the CPU alone.
        found = other.detach().cpu().values
        assert np.allclose(own.detach().values, found, rtol=1e-6, atol=1e-7, equal_nan=True)
    assert backward(here) == backward(there)
    for name in LEAVES:
        own, other = before[name].grad, scope[name].grad
        assert (own is None) == (other is None)
        assert own is None or np.allclose(own.values, other.cpu().values, rtol=1e-6)


def test_behind_cupy_tensors_leave_the_device_only_when_asked(cupy: Device) -> None:
    there = engine.tensor([1.0, 2.0], device="cuda")
    assert type(there.array).__module__.endswith("strict_arrays")
    assert there.tolist() == [1, 2]
    assert there[1].item() == 2
    assert type(there.cpu().array) is np.ndarray
    assert engine.cuda.get_device_name() == "A card"
    assert engine.cuda.get_device_capability() == (9, 0)
    assert engine.cuda.mem_get_info() == (1 << 30, 2 << 30)
    there.normal_()
    assert engine.rand(3, device="cuda").device is cupy
    there.resize_(5)
    assert there.shape == (5,)
    assert engine.ones(2, dtype=engine.bfloat16).cuda().tolist() == [1, 1]
