"""Which device an operator runs on when its tensors do not all lie on the CPU, and PyTorch's refusals.

PyTorch checks in two ways. Operators over TensorIterator take the first device that is not the CPU and let one
zero-dimensional CPU tensor join; the others, named in CHECKED, compare every tensor with the first and name argument and
kernel. Both texts are those of a build with CUDA (c10/core/impl, ATen/TensorIterator.cpp, torchgen's device checks).
Nothing here is asked while all tensors are on the CPU.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import messages
from tensorcli.engine.devices import CPU, META, Device
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def common_device(op: "Op", values: Sequence[Any]) -> Device:
    """The device on which the operator runs. Errors: RuntimeError with PyTorch's text, for tensors that do not meet."""
    given = list(_named(op, values))
    if any(tensor.device is META for _, tensor in given):
        return _with_meta(op, [tensor for _, tensor in given])
    if op.base in INDEXED:
        return _indexed(given)
    if op.base in LED:
        return given[0][1].device
    if op.base.startswith("masked_fill"):
        _check_mask(given)
    kernel = _kernel(op)
    if kernel is not None:
        return _all_alike(given, kernel)
    return _iterated(op, [tensor for _, tensor in given])


def _named(op: "Op", values: Sequence[Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors among the values with the names of their arguments, in the order of the schema."""
    for i in op.tensors:
        value = values[i]
        for one in value if type(value) in (list, tuple) else (value,):
            if isinstance(one, Tensor) and not one.wrapped:
                yield op.names[i], one


# ---- two kinds of check


def _all_alike(given: Sequence[tuple[str, Tensor]], kernel: str) -> Device:
    found = given[0][1].device
    for name, tensor in given:
        if tensor.device is not found:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but got {name} is on {tensor.device}, different from "
                f"other tensors on {found} (when checking argument in method {kernel})"
            )
    return found


def _iterated(op: "Op", tensors: Sequence[Tensor]) -> Device:
    found = next((tensor.device for tensor in tensors if tensor.device is not CPU), CPU)
    joined = 0
    for number, tensor in enumerate(tensors):
        if tensor.device is found:
            continue
        if tensor.device is CPU and not tensor.geometry.sizes and not (op.writes and not number):
            joined += 1
            if joined > 1 and op.base not in UNCOUNTED:
                raise RuntimeError("Trying to pass too many CPU scalars to non-CPU kernel!")
            continue
        raise messages.different_devices(found, tensor.device)
    return found


# ---- operators with a rule of their own


def _indexed(given: Sequence[tuple[str, Tensor]]) -> Device:
    own = given[0][1].device
    for name, tensor in given[1:]:
        if name == "indices":
            if tensor.device is not own and tensor.device is not CPU:
                raise RuntimeError(
                    f"indices should be either on cpu or on the same device as the indexed tensor ({own})"
                )
        elif tensor.device is not own and tensor.geometry.sizes:
            raise messages.different_devices(
                *((own, tensor.device) if own is not CPU else (tensor.device, own))
            )
    return own


def _check_mask(given: Sequence[tuple[str, Tensor]]) -> None:
    own = given[0][1].device
    for name, tensor in given:
        if name == "mask" and tensor.device is not own:
            raise RuntimeError(
                f"expected self and mask to be on the same device, but got mask on {tensor.device} and self on {own}"
            )


def _with_meta(op: "Op", tensors: Sequence[Tensor]) -> Device:
    """With a meta tensor among them. PyTorch lets some operators through that read no bytes of the others; where it
    would read bytes of a meta tensor, which has none, it is refused here."""
    if op.base in WITHOUT_META_KERNEL:
        raise messages.no_meta_kernel(NAMED_ON_META.get(op.base, op.name))
    if tensors[0].device is META and op.base in LENIENT_ON_META:
        return META
    if op.name == "addmm":
        # What is added meets the first matrix, of which nobody asks where the second lies.
        bias, matrix, _ = tensors
        if bias.device is not matrix.device:
            raise messages.different_devices(matrix.device, bias.device)
        return matrix.device
    found: Device | None = None
    first = tensors[0]
    for tensor in tensors:
        device = tensor.device
        if found is None or (found is CPU and device is not CPU and not first.geometry.sizes):
            first, found = tensor, device
        elif device is not found and (tensor.geometry.sizes or device is not CPU):
            raise messages.different_devices(found, device)
    assert found is not None
    return found


def _kernel(op: "Op") -> str | None:
    """The name that PyTorch's generated check gives its kernel; None where TensorIterator checks."""
    base, overload = op.base, op.overload
    if op.name in STRUCTURED:
        return f"wrapper_CUDA_{base}_{overload}" if overload else f"wrapper_CUDA_{base}"
    return f"wrapper_CUDA_{overload}_{base}" if op.name in UNSTRUCTURED else None


INDEXED: Final = ("index", "index_put", "index_put_", "_index_put_impl_")
LED: Final = ("_pack_padded_sequence", "_pack_padded_sequence_backward")
"""Operators that run where their first tensor is; their lengths lie on the CPU."""
UNCOUNTED: Final = ("where",)
"""Operators that move all their zero-dimensional CPU tensors before they check."""
LENIENT_ON_META: Final = frozenset(
    "mm bmm mv linear matmul index index_select gather index_put index_put_ _index_put_impl_ embedding take_along_dim".split()
)
"""Operators that take CPU tensors beside a meta tensor which comes first."""
WITHOUT_META_KERNEL: Final = frozenset(
    """
    equal _unique _unique2 unique_dim _unique_consecutive bincount masked_select linalg_lstsq geqrf binomial
    histogram _histogramdd_bin_edges _histogramdd_from_bin_cts _histogramdd_from_bin_tensors
    _ctc_loss_backward fractional_max_pool3d_backward
    multi_margin_loss_backward multilabel_margin_loss_backward _sample_dirichlet _dirichlet_grad _standard_gamma_grad
    """.split()
)
"""Operators that PyTorch registers no kernel for on meta."""
NAMED_ON_META: Final = {"linalg_lstsq": "linalg_lstsq.out", "_unique_consecutive": "unique_consecutive"}
"""What it calls those of them that it computes by way of another form, or that are declared under a name of their own."""

STRUCTURED: Final = frozenset(
    """
    logaddexp logaddexp2 nextafter nextafter_ clamp.Tensor clamp_.Tensor clamp_min.Tensor clamp_min_.Tensor
    clamp_max.Tensor clamp_max_.Tensor isin.Tensor_Tensor gather mm bmm addmm addmm_ baddbmm baddbmm_ addmv addmv_ gcd
    gcd_ lcm lcm_ sigmoid_backward tanh_backward logit_backward threshold_backward leaky_relu_backward elu_backward
    gelu_backward silu_backward softplus_backward hardsigmoid_backward hardshrink_backward softshrink_backward cat
    scatter.src scatter_.src scatter.value scatter_.value scatter.reduce scatter_.reduce scatter.value_reduce
    scatter_.value_reduce scatter_add scatter_add_ scatter_reduce.two scatter_reduce_.two index_add index_add_
    index_reduce index_reduce_ index_copy index_copy_ _softmax_backward_data _log_softmax_backward_data
    _linalg_solve_ex lu_unpack linalg_lu_solve linalg_cross nll_loss_forward nll_loss_backward
    reflection_pad1d_backward replication_pad1d_backward reflection_pad3d_backward max_pool2d_with_indices_backward
    avg_pool2d_backward avg_pool3d_backward adaptive_max_pool2d_backward adaptive_max_pool3d_backward igamma igamma_
    igammac igammac_
    """.split()
)
UNSTRUCTURED: Final = frozenset(
    """
    equal searchsorted.Tensor searchsorted.Scalar bucketize.Tensor index_select take put_ masked_select
    masked_scatter_ dot vdot addbmm addbmm_ addr _prelu_kernel _prelu_kernel_backward mish_backward
    log_sigmoid_backward hardtanh_backward hardswish_backward glu_backward rrelu_with_noise rrelu_with_noise_
    normal.Tensor_Tensor native_dropout_backward embedding_dense_backward embedding_renorm_ linalg_solve_triangular
    linalg_householder_product mse_loss_backward huber_loss nll_loss2d_forward nll_loss2d_backward
    binary_cross_entropy_backward multi_margin_loss multi_margin_loss_backward multilabel_margin_loss_forward
    multilabel_margin_loss_backward native_layer_norm native_layer_norm_backward native_batch_norm
    native_batch_norm_backward native_group_norm native_group_norm_backward convolution_backward
    reflection_pad2d_backward replication_pad2d_backward replication_pad3d_backward max_pool3d_with_indices_backward
    _adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward bincount _cdist_backward _cdist_forward
    _pdist_backward
    """.split()
)
"""Operators whose tensors must all be on one device: those with a structured kernel, and the others. From
native_functions.yaml: a CUDA kernel, no `device_check: NoCheck`, more than one tensor."""
