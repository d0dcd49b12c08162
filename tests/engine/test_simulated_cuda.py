"""Simulated CUDA: where tensors lie, what is refused across devices, gradients and random numbers.

A build with CUDA cannot run here: its texts are those of PyTorch's sources (the strings of libtorch_cpu.so and
libtorch_python.so, torchgen's device checks, torch/cuda), written out in `placement` and here. What simulated devices compute is
the CPU's, so results are compared bit for bit.
"""

import copy
import gc
import pickle

import numpy as np
import pytest

import tensorcli.engine as engine
from tensorcli.engine.devices import CPU, Device
from tensorcli.engine.storage import ledger
from tests.engine.on_devices import HISTORY, LEAVES, MOVES, backward, raised, results_on

pytestmark = pytest.mark.usefixtures("no_cuda")


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


# ---- where tensors lie


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
    gc.collect()  # What other tests left in cycles is freed at any time.
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


# ---- tensors of several devices

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


# ---- gradients


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


def test_gradients_of_several_devices_are_clipped_together(cuda: Device) -> None:
    weights = [engine.ones(3, requires_grad=True), engine.ones(2, device=cuda, requires_grad=True)]
    alone = [each.detach().cpu().clone().requires_grad_() for each in weights]
    norms = []
    for each in (weights, alone):
        ((each[0].sum() * 3).cpu() + (each[1].sum() * 4).cpu()).backward()
        norms.append(engine.nn.utils.clip_grad_norm_(each, 1.0))
    assert norms[0].device.type == "cpu"  # the first one's
    assert engine.equal(*norms)
    for there, here in zip(weights, alone):
        assert there.grad.device == there.device
        assert engine.equal(there.grad.cpu(), here.grad)
    with pytest.raises(TypeError, match="Found two parameters on different devices"):
        engine.nn.utils.parameters_to_vector(weights)


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


# ---- random numbers


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
