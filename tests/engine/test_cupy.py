"""What kernels ask of CuPy, against the record of what it has; and PyTorch's samples behind CuPy's backend."""

import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import backends, devices, ops, process
from tensorcli.engine.backends import scans, simulate
from tests.engine import strict_arrays

SOURCES = sorted(Path(ops.__file__).parent.glob("*.py"))
LACKING = {"linalg.ldl_factor", "linalg.ldl_factor_ex", "linalg.ldl_solve"}
"""Operators of PyTorch's database that CuPy has nothing for."""


@pytest.fixture(autouse=True)
def _behind_cupy() -> Iterator[None]:
    """A CUDA device behind CuPy's backend, with the stand-in for CuPy."""
    with process.aside():  # what is said once is left for others to hear
        process.reset()
        simulate(1)
        backends._REGISTERED["cuda"] = strict_arrays.backend(1)
        yield
        simulate(0)


# ---- names


def asked(tree: ast.Module) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What a chapter asks of the array module: (module, name, keywords)."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        path: list[str] = []
        at: ast.expr = node
        while isinstance(at, ast.Attribute):
            path.insert(0, at.attr)
            at = at.value
        call = called.get(id(node))
        keywords = tuple(k.arg for k in call.keywords if k.arg) if call else ()
        if isinstance(at, ast.Name) and at.id == "xp":
            yield ".".join(["cupy", *path[:-1]]), path[-1], keywords
        elif (
            isinstance(at, ast.Call)
            and ast.unparse(at) == "behind(xp)"
            and path[:1] == ["special"]
            and path[1:]
        ):
            yield "cupyx.scipy.special", path[1], keywords


def missing(module: str, name: str, keywords: tuple[str, ...]) -> str:
    """What CuPy lacks of that, in words."""
    known = strict_arrays.RECORD["modules"].get(module)
    if known is None:
        # A method of a ufunc's: `xp.add.at`.
        ufunc = module.rpartition(".")[2]
        methods = strict_arrays.RECORD["modules"]["cupy"]["ufuncs"].get(ufunc, {"methods": ()})["methods"]
        return "" if name in methods else f"{module}.{name}"
    if name in known["ufuncs"]:
        return next((f"{name}({word}=)" for word in keywords if word not in ("out", "dtype", "casting")), "")
    if name in known["functions"]:
        taken = known["functions"][name]
        if taken is None or "**" in taken:
            return ""
        names = [one.strip("*=") for one in taken.split(", ")]
        return next((f"{name}({word}=)" for word in keywords if word not in names), "")
    return "" if name in known["others"] or name == "ndarray" else f"{module}.{name}"


def test_kernels_ask_for_nothing_that_cupy_has_not() -> None:
    found = {}
    for path in SOURCES:
        for request in asked(ast.parse(path.read_text())):
            if words := missing(*request):
                found[words] = path.name
    assert not found


def test_the_record_says_what_is_not_there() -> None:
    xp = strict_arrays.Cupy()
    with pytest.raises(AttributeError, match="module 'cupy' has no attribute 'block'"):
        xp.block([[1]])
    with pytest.raises(TypeError, match="unexpected keyword argument 'initial'"):
        xp.max(xp.arange(3), initial=0)
    with pytest.raises(TypeError, match="Wrong arguments"):
        xp.divide(xp.arange(3), 2, where=True)
    with pytest.raises(NotImplementedError, match=r"`cupy_multiply.at` is not supported yet"):
        xp.multiply.at(xp.arange(3), xp.arange(2), 2)
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        xp.add(xp.arange(3), np.arange(3))
    with pytest.raises(TypeError, match="Wrong type"):
        xp.logical_not(xp.zeros(2, np.complex64))


def test_dtypes_that_cupys_kernels_have_not_are_refused_or_widened() -> None:
    xp = strict_arrays.Cupy()
    reduced = xp.asarray(np.arange(4).astype(ml_dtypes.bfloat16))
    assert (reduced * 2).dtype == (reduced * reduced).dtype == reduced.dtype
    for widened in (
        reduced * 2.0,
        xp.where(reduced > 1, reduced, 0),
        xp.clip(reduced, 0, 1),
        xp.tril(reduced.reshape(2, 2)),
    ):
        assert widened.dtype == np.float32
    for call in (xp.sort, xp.argsort):
        with pytest.raises(NotImplementedError, match="Sorting arrays with dtype 'bfloat16'"):
            call(reduced)
    with pytest.raises(Exception, match="no operator"):
        xp.cumsum(reduced)


def test_an_element_of_an_array_is_a_view_of_it() -> None:
    xp = strict_arrays.Cupy()
    array = xp.arange(4).reshape(2, 2)
    element = array[1, 0]
    array[1, 0] = 7
    assert int(element) == 7
    assert element.shape == ()


def test_a_number_of_a_higher_kind_decides_over_an_arrays_dtype() -> None:
    xp = strict_arrays.Cupy()
    found = [
        (xp.ones(1, kind) * number).dtype.name
        for kind, number in (("u1", 2), ("u1", 0.5), ("?", 2), ("f2", 2.0), ("f2", 1j), ("i4", 1j))
    ]
    assert found == ["uint8", "float64", "int64", "float16", "complex64", "complex128"]


# ---- the methods that CuPy's own are not enough for


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logical_or"])
def test_combining_by_doubling_is_combining_one_after_the_other(name: str) -> None:
    rng = np.random.default_rng(0)
    kind = bool if name == "logical_or" else np.int64
    for count in (0, 1, 7, 64):
        key = (rng.integers(0, 3, count), rng.integers(0, 4, count))
        values = rng.integers(0, 3, count).astype(kind)
        one, other = (np.arange(12).reshape(3, 4).astype(kind) for _ in range(2))
        getattr(np, name).at(one, key, values)
        scans.combine(np, getattr(np, name), other, key, values)
        assert (one == other).all()


@pytest.mark.parametrize("name", ["maximum", "minimum", "logaddexp"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_by_doubling_is_accumulating(name: str, axis: int) -> None:
    array = np.random.default_rng(0).standard_normal((5, 9))
    array[2, 3] = np.nan
    with np.errstate(invalid="ignore"):
        found = scans.running(np, getattr(np, name), array, axis)
        np.testing.assert_allclose(found, getattr(np, name).accumulate(array, axis=axis))


def test_rows_are_ordered_by_pivots_as_on_the_host() -> None:
    own = backends._REGISTERED["cuda"]
    for pivots in ([[3, 2, 3], [1, 3, 3]], [2, 2], np.zeros((2, 0)), np.zeros((0, 3))):
        pivots = np.array(pivots, np.int32)
        there = own.row_order(own.xp.asarray(pivots), 4)
        assert own.to_host(there).tolist() == backends.HOST.row_order(pivots, 4).tolist()


# ---- errors


def lacking(xp: Any, array: Any) -> Any:
    return xp.block([[array]])


def meeting_the_host(xp: Any, array: Any) -> Any:
    return array + np.ones(3)


def refusing(xp: Any, array: Any) -> Any:
    raise RuntimeError("a kernel's own")


def test_an_error_about_cupy_names_the_operator_and_the_device_and_others_stay_as_they_are() -> None:
    device = devices.resolve("cuda")
    backend = backends.of(device)
    array = backend.from_host(np.ones(3), device)
    for kernel in (lacking, meeting_the_host):
        with pytest.raises(NotImplementedError, match=r"^some is not available on cuda:0 with CuPy: "):
            backend.run("some", kernel, [array], device)
    with pytest.raises(RuntimeError, match=r"^a kernel's own$"):
        backend.run("some", refusing, [array], device)
    with pytest.raises(NotImplementedError, match="float8_e5m2 is not available on cuda:0 with CuPy"):
        backend.from_host(np.ones(2, ml_dtypes.float8_e5m2), device)


def test_a_matrix_that_is_not_positive_definite_is_refused_behind_cupy() -> None:
    matrix = engine.tensor([[1.0, 2.0], [2.0, 1.0]], device="cuda")
    with pytest.raises(engine.linalg.LinAlgError, match="the leading minor of order 2"):
        engine.linalg.cholesky(matrix)
    with pytest.raises(engine.linalg.LinAlgError, match="is zero"):
        engine.linalg.inv(engine.zeros(2, 2, device="cuda"))


def test_an_index_beyond_the_end_is_refused_behind_cupy_which_would_wrap_it_around() -> None:
    x = engine.arange(3.0, device="cuda")
    beyond = engine.tensor([5], device="cuda")
    for call in (
        lambda: x[beyond],
        lambda: x.gather(0, beyond),
        lambda: x.take(beyond),
        lambda: x.index_select(0, beyond),
        lambda: x.index_add(0, beyond, x[:1]),
        lambda: x.index_copy(0, beyond, x[:1]),
        lambda: x.index_fill(0, beyond, 1.0),
        lambda: x.scatter(0, beyond, 1.0),
        lambda: x.put(beyond, x[:1]),
        lambda: x.index_put((beyond,), x[:1]),
        lambda: engine.nn.functional.embedding(beyond, x.reshape(3, 1)),
    ):
        with pytest.raises((IndexError, RuntimeError), match=r"out of|bounds|range"):
            call()


@pytest.mark.parametrize("kind", ["int64", "bool", "float16", "bfloat16", "complex64"])
def test_a_sum_times_alpha_agrees_behind_cupy(kind: str) -> None:
    x = engine.tensor([1, 0, 1]).to(getattr(engine, kind))
    alpha = True if kind == "bool" else 3
    there = engine.add(x.cuda(), x.cuda(), alpha=alpha)
    assert there.cpu().tolist() == engine.add(x, x, alpha=alpha).tolist()


def test_recurrent_layers_and_packed_sequences_agree_behind_cupy() -> None:
    nn = engine.nn
    found = []
    for device in ("cpu", "cuda"):
        engine.manual_seed(0)
        x = engine.linspace(-1, 1, 40).reshape(5, 2, 4).to(device).requires_grad_()
        packed = nn.utils.rnn.pack_padded_sequence(x, [3, 5], enforce_sorted=False)
        assert (packed.data.device.type, packed.batch_sizes.device.type) == (device, "cpu")
        answers = []
        for layer in (nn.GRU(4, 3), nn.LSTM(4, 3, bias=False), nn.GRUCell(4, 3)):
            layer = layer.to(device)
            answers.append(layer(x[0]) if isinstance(layer, nn.GRUCell) else layer(x)[0])
            if not isinstance(layer, nn.GRUCell):
                answers.append(nn.utils.rnn.pad_packed_sequence(layer(packed)[0])[0])
        sum(one.square().sum() for one in answers).backward()
        found.append([one.detach().cpu() for one in [*answers, x.grad]])
    for own, other in zip(*found, strict=True):
        assert engine.allclose(own, other, atol=1e-6)


def test_gradients_are_scaled_behind_cupy() -> None:
    w = engine.ones(2, device="cuda", requires_grad=True)
    optimizer = engine.optim.SGD([w], lr=0.5)
    scaler = engine.amp.GradScaler("cuda", init_scale=8.0, growth_interval=1)
    for factor, scale in ((1.0, 16.0), (float("inf"), 8.0)):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert (w.tolist(), scaler.get_scale()) == ([0.5, 0.5], scale)


def test_gradcheck_runs_behind_cupy() -> None:
    x = engine.tensor([0.5, 1.0], dtype=engine.float64, device="cuda", requires_grad=True)
    assert engine.autograd.gradcheck(lambda v: v.sin() * v, (x,))
    assert x.tolist() == [0.5, 1.0]


def test_a_full_card_is_pytorchs_error(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = backends.of(devices.Device("cuda:0"))

    def full(*_: Any, **__: Any) -> None:
        raise MemoryError("Out of memory allocating 3,145,728 bytes (allocated so far: 512 bytes).")

    monkeypatch.setattr(type(backend), "memory", lambda self, device: backends.Memory(1 << 20, 4 << 30))
    x = engine.ones(2, device="cuda")
    monkeypatch.setattr(type(backend.module), "zeros", full, raising=False)
    expected = "CUDA out of memory. Tried to allocate 3.00 MiB. GPU 0 has a total capacity of 4.00 GiB of which 1.00 MiB is free."
    with pytest.raises(engine.cuda.OutOfMemoryError, match=expected):
        engine.empty(3, device="cuda")
    with pytest.raises(engine.OutOfMemoryError, match=expected):
        backend.run("exp", full, [x], x.device)


def test_bfloat16_is_there_behind_cupy() -> None:
    assert engine.cuda.is_bf16_supported()
    assert engine.cuda.is_bf16_supported(
        including_emulation=False
    )  # the card of the stand-in is of capability 9
    with engine.autocast("cuda", dtype=engine.bfloat16):
        assert (engine.ones(2, 2, device="cuda") @ engine.ones(2, 2, device="cuda")).dtype is engine.bfloat16


def test_losses_of_bfloat16_stay_bfloat16_behind_cupy() -> None:
    rows = engine.tensor([[1.0, 2.0, 4.0], [0.5, 0.25, 1.0]], dtype=engine.bfloat16)
    target = engine.tensor([2, 0])
    found = []
    for device in ("cpu", "cuda"):
        given = rows.detach().to(device, copy=True).requires_grad_()
        sums = given.logsumexp(1)
        losses = engine.nn.functional.nll_loss(given, target.to(device), reduction="none")
        (sums.sum() + losses.sum()).backward()
        found.append([one.detach().cpu() for one in (sums, losses, given.grad)])
    for own, other in zip(*found, strict=True):
        assert other.dtype is engine.bfloat16
        assert engine.allclose(own, other, rtol=0.02)


# ---- PyTorch's samples


PARTS = 4
"""The database in parts, so that they run side by side."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(PARTS))
def test_behind_cupy_pytorchs_samples_agree_with_the_cpu_or_are_refused_by_name(part: int) -> None:
    pytest.importorskip("torch")
    from tests.oracle import on_cuda, opinfo

    verdicts = {}
    for info in islice(on_cuda.operators(), part, None, PARTS):
        tally = on_cuda.measure(info, 1, ("float32",))
        assert not tally.differing, (opinfo.title(info), tally.differing)
        if tally.agreed or tally.lacking:
            verdicts[opinfo.title(info)] = tally.verdict
    assert {name for name, verdict in verdicts.items() if verdict != "agrees"} == LACKING & set(verdicts)
    assert len(verdicts) > 550 // PARTS
