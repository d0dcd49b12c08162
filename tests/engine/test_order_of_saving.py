"""What PyTorch saves for backward it saves before its kernel runs: what saving raises comes before the kernel's complaints."""

import pytest

import tensorcli.engine as T


def test_an_inference_tensor_is_refused_before_sizes_that_do_not_fit():
    x = T.ones(2, 2, requires_grad=True)
    with T.inference_mode():
        i = T.ones(3)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * i


def test_what_a_pack_hook_raises_comes_before_dtypes_that_do_not_fit():
    def pack(tensor):
        raise KeyError("packed")

    x = T.ones(3, requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(pack, pack), pytest.raises(KeyError):
        T.linalg.cross(x, T.ones(3, dtype=T.bfloat16))


def test_a_call_that_saves_nothing_keeps_the_kernels_complaint():
    x = T.ones(2, 2, requires_grad=True)
    with T.inference_mode():
        i = T.ones(3)
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        x + i


@pytest.mark.parametrize(("reduction", "version"), [("mean", 3), ("sum", 2)])
def test_the_gradient_of_bce_with_logits_counts_the_writes_that_made_it(reduction, version):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    T.nn.functional.binary_cross_entropy_with_logits(x, T.ones(2), reduction=reduction).backward()
    assert x.grad._version == version


@pytest.mark.parametrize("take", ["split(1)[0]", "unbind(0)[0]", "view(-1)"])
def test_a_view_of_a_view_of_inference_mode_is_one_of_inference_mode(take):
    base = T.arange(1.0, 5.0).view(2, 2).requires_grad_() * 1
    with T.inference_mode():
        view = base.narrow(1, 0, 1)
    with T.no_grad():
        part = eval(f"view.{take}", {"view": view})
        part.sin_()
    with pytest.raises(RuntimeError, match="created in inference mode"):
        part.grad_fn


@pytest.mark.parametrize("name", ["deg2rad", "isfinite", "nan_to_num", "rad2deg", "isreal"])
def test_what_is_made_like_its_input_keeps_the_strides_of_dimensions_of_size_one(name):
    x = T.ones(1, 3, dtype=T.int64).as_strided((1, 3), (7, 1))
    assert getattr(T, name)(x).stride() == (7, 1)


def test_subtract_takes_alpha_behind_a_number():
    assert T.ones(2).subtract(2, 3).tolist() == [-5.0, -5.0]
    assert type(T.ones(2, requires_grad=True).subtract(2, 1).grad_fn).__name__ == "SubBackward1"
    assert T.subtract(T.ones(2, dtype=T.int32), 2.5, 2).tolist() == [-4.0, -4.0]


@pytest.mark.parametrize("name", ["index_add_", "index_copy_"])
def test_in_place_twins_refuse_wide_unsigned_integers_as_their_originals(name):
    x = T.ones(2, dtype=T.uint16)
    with pytest.raises(NotImplementedError, match="not implemented for 'UInt16'"):
        getattr(x, name)(0, T.tensor([0, 0]), x.clone())


def test_rms_norm_gives_a_contiguous_result():
    x = T.arange(6.0).view(3, 2).t()
    assert T.nn.functional.rms_norm(x, (3,)).stride() == (3, 1)


def test_a_missing_kernel_is_named_before_a_missing_complex_gradient():
    x = T.ones(2, dtype=T.complex64, requires_grad=True)
    with pytest.raises(NotImplementedError, match="\"cummax_cpu\" not implemented for 'ComplexFloat'"):
        T.cummax(x, 0)


@pytest.mark.parametrize(
    ("compute", "listed"),
    [
        (lambda x: x * x, ["_raw_saved_other", "_raw_saved_self", "_saved_other", "_saved_self"]),
        (lambda x: x.exp(), ["_raw_saved_result", "_saved_result"]),
        (lambda x: x.sum(), ["_saved_self_sym_sizes"]),
        (lambda x: x.softmax(0), ["_raw_saved_result", "_saved_dim", "_saved_result"]),
    ],
)
def test_dir_of_a_node_lists_what_it_saved(compute, listed):
    """Recorded from PyTorch 2.13."""
    node = compute(T.ones(2, requires_grad=True)).grad_fn
    assert [name for name in dir(node) if "_saved_" in name] == listed
    assert all(getattr(node, name) is not None for name in listed)


def test_group_norm_does_not_save_its_bias():
    bias = T.ones(4)
    y = T.nn.functional.group_norm(T.ones(2, 4, 3, requires_grad=True), 2, T.ones(4), bias)
    assert not hasattr(y.grad_fn, "_saved_bias")
    bias.zero_()
    y.sum().backward()
