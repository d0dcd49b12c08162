"""Behind CuPy's backend operators agree with the CPU: on a stand-in for CuPy and, marked `cuda`, on a card where there is one."""

from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import backends, devices
from tensorcli.engine.backends import simulate
from tensorcli.engine.devices import Device, resolve
from tests.engine.on_devices import HISTORY, LEAVES, MOVES, backward, results_on

pytestmark = pytest.mark.usefixtures("no_cuda")


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
