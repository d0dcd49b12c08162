"""Devices: `torch.device`, the default device, the backends' contract and what is there.

Texts of the CPU build are compared with PyTorch where it is installed.
"""

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine import backends, devices
from tensorcli.engine.backends import inventory, simulate, transfer
from tensorcli.engine.devices import CPU, Device, resolve
from tests.engine.on_devices import raised

pytestmark = pytest.mark.usefixtures("no_cuda")


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
