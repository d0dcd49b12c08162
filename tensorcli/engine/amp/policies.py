"""Which operators autocast treats, and which dtype it brings their tensors to: one table for each type of device.

Operators that stand in no table run as they always do. The others are wrapped when autocast is first switched on, so that
nothing is paid before.
"""

from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine import dtypes
from tensorcli.engine.amp.casting import DeviceState, state
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import surround
from tensorcli.engine.dtypes import FLOATING, dtype
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

Values = tuple[Any, ...]
Policy = Callable[[Op, Values, DeviceState], Values]


# ---- what is done to the values of a call


def _eligible(value: Any, device: str) -> bool:
    """Whether autocast may cast a value: a floating tensor of that type of device, but no float64."""
    return (
        isinstance(value, Tensor)
        and value._dtype.category == FLOATING
        and value._dtype is not dtypes.float64
        and value.device.type == device
    )


def _cast(value: Any, kind: dtype, setting: DeviceState) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_cast(one, kind, setting) for one in value)
    if not _eligible(value, setting.type) or value._dtype is kind:
        return value
    if (
        kind is not setting.dtype
        or value._dtype is not dtypes.float32
        or not (state.cache_enabled and mode.enabled)
        or not (value.requires_grad and value.is_leaf and value.view_of is None)
    ):
        return value.to(kind)
    # A parameter is cast once a block, so that its gradients meet in one node.
    found = state.cache.get(id(value))
    if found is None or found[0] is not value:
        found = state.cache[id(value)] = value, value.to(kind)
    return found[1]


def _all(op: Op, values: Values, kind: dtype, setting: DeviceState) -> Values:
    tensors = op.tensors
    return tuple(_cast(v, kind, setting) if i in tensors else v for i, v in enumerate(values))


def lower(op: Op, values: Values, setting: DeviceState) -> Values:
    """Cast to the dtype of the block."""
    return _all(op, values, setting.dtype, setting)


def wide(op: Op, values: Values, setting: DeviceState) -> Values:
    """Cast to float32."""
    return _all(op, values, dtypes.float32, setting)


def widest(op: Op, values: Values, setting: DeviceState) -> Values:
    """Cast to the widest of the tensors' dtypes: float32 where one has it. Errors: RuntimeError for a third dtype before."""
    kind = setting.dtype
    for one in _tensors(op, values):
        if not _eligible(one, setting.type):
            continue
        if dtypes.float32 in (kind, one._dtype):
            kind = dtypes.float32
        elif one._dtype is not setting.dtype:
            raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return _all(op, values, kind, setting)


def wide_result(op: Op, values: Values, setting: DeviceState) -> Values:
    """Ask for a float32 result, unless a dtype is given."""
    place = op.names.index("dtype") if "dtype" in op.names else None
    if place is None:
        return wide(op, values, setting) if _eligible(values[0], setting.type) else values
    if values[place] is not None or not _eligible(values[0], setting.type):
        return values
    return (*values[:place], dtypes.float32, *values[place + 1 :])


def refused(op: Op, values: Values, setting: DeviceState) -> Values:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\nMany models use a sigmoid "
        "layer right before the binary cross entropy layer.\nIn this case, combine the two layers using "
        "torch.nn.functional.binary_cross_entropy_with_logits\nor torch.nn.BCEWithLogitsLoss.  "
        "binary_cross_entropy_with_logits and BCEWithLogits are\nsafe to autocast."
    )


def _tensors(op: Op, values: Values) -> list[Any]:
    found: list[Any] = []
    for i in op.tensors:
        found += values[i] if type(values[i]) in (list, tuple) else (values[i],)
    return found


# ---- the tables

_LOWER_EVERYWHERE = (
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d.input conv_transpose3d.input bmm mm baddbmm addmm addbmm linear "
    "matmul prelu linalg_vecdot scaled_dot_product_attention"
)

POLICIES: Final[dict[str, dict[Policy, str]]] = {
    "cpu": {
        lower: f"{_LOWER_EVERYWHERE} conv1d.padding conv2d.padding conv3d.padding",
        wide: "avg_pool3d binary_cross_entropy grid_sampler polar prod prod.dim_int quantile quantile.scalar nanquantile "
        "nanquantile.scalar stft.center cdist grid_sampler_2d grid_sampler_3d trace view_as_complex cholesky "
        "cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse max_pool3d max_unpool2d max_unpool3d "
        "adaptive_avg_pool3d adaptive_max_pool3d reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d "
        "replication_pad3d mse_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss poisson_nll_loss "
        "smooth_l1_loss cross_entropy_loss l1_loss huber_loss margin_ranking_loss soft_margin_loss triplet_margin_loss "
        "multi_margin_loss ctc_loss.IntList ctc_loss.Tensor kl_div multilabel_margin_loss multilabel_margin_loss_forward "
        "binary_cross_entropy_with_logits fft_fft fft_ifft fft_fft2 fft_ifft2 fft_fftn fft_ifftn fft_rfft fft_irfft "
        "fft_rfft2 fft_irfft2 fft_rfftn fft_irfftn fft_hfft fft_ihfft linalg_cond linalg_cond.p_str linalg_matrix_rank "
        "linalg_matrix_rank.atol_rtol_tensor linalg_matrix_rank.atol_rtol_float linalg_solve linalg_cholesky "
        "linalg_svdvals linalg_eigvals linalg_eigvalsh linalg_inv linalg_householder_product linalg_tensorinv "
        "linalg_tensorsolve geqrf _lu_with_info qr svd triangular_solve linalg_qr linalg_cholesky_ex linalg_svd "
        "linalg_eig linalg_eigh linalg_lstsq linalg_inv_ex",
        widest: "stack cat index_copy",
    },
    "cuda": {
        lower: f"{_LOWER_EVERYWHERE} convolution addmv addr mv chain_matmul linalg_multi_dot",
        wide: "acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar "
        "pow.Tensor_Tensor pow.Scalar softplus layer_norm native_layer_norm group_norm rms_norm cosine_similarity "
        "poisson_nll_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss smooth_l1_loss "
        "huber_loss mse_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss "
        "multi_margin_loss binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp upsample_nearest1d "
        "_upsample_nearest_exact1d upsample_nearest2d _upsample_nearest_exact2d upsample_nearest3d "
        "_upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa upsample_trilinear3d "
        "upsample_bicubic2d _upsample_bicubic2d_aa",
        wide_result: "prod prod.dim_int softmax.int log_softmax.int cumprod cumsum linalg_vector_norm linalg_matrix_norm "
        "linalg_matrix_norm.str_ord sum sum.dim_IntList",
        widest: "addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add",
        refused: "binary_cross_entropy",
    },
}
"""By type of device and what is done: the operators."""


def _wrapped(op: Op, policies: dict[str, Policy]) -> Callable[[Any], Any]:
    def wrap(run: Callable[[Values], Any]) -> Callable[[Values], Any]:
        def call(values: Values) -> Any:
            if not state.active or len(values) != op.arity:  # More values than arguments: `out=`.
                return run(values)
            device = next((v.device.type for v in _tensors(op, values) if isinstance(v, Tensor)), "cpu")
            policy = policies.get(device)
            setting = state.devices.get(device)
            if policy is None or setting is None or not setting.enabled or device in state.inside:
                return run(values)
            # What the operator is made of is not treated once more.
            state.inside.append(device)
            try:
                return run(policy(op, values, setting))
            finally:
                state.inside.pop()

        return call

    return wrap


def install() -> None:
    """Wrap the operators of the tables."""
    found: dict[str, dict[str, Policy]] = {}
    for device, table in POLICIES.items():
        for policy, names in table.items():
            for name in names.split():
                found.setdefault(name, {})[device] = policy
    for name, policies in found.items():
        if name in OPS:
            surround(OPS[name], _wrapped(OPS[name], policies))
