"""What PyTorch says of a tensor that outlived its vmap: the words name the kind of rule that looks for the vmap."""

from typing import Any, Final

from tensorcli.engine import effects, messages
from tensorcli.engine.table import PACKETS
from tensorcli.engine.tensor import Tensor

_RULE: Final = {
    **dict.fromkeys(
        "sum.dim_IntList mean mean.dim std var std_mean var_mean amax amin argmax argmin count_nonzero nansum max.dim min.dim "
        "cumsum cumprod cummax cummin kthvalue aminmax topk mode sort logsumexp logcumsumexp _softmax _log_softmax all.dim "
        "any.dim prod.dim_int median.dim nanmedian.dim linalg_vector_norm norm rot90 sum _fft_c2c _fft_r2c _fft_c2r fft_fft "
        "fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_rfft fft_rfft2 fft_rfftn fft_ihfft".split(),
        "boxed_reduction_batch_rule",
    ),
    **dict.fromkeys(
        "add_ atan2_ bitwise_left_shift_ bitwise_right_shift_ copysign_ gcd_ lcm_ fill_ zero_ sigmoid_ addcmul addcdiv "
        "clamp.Tensor lerp frexp polygamma log_sigmoid log_sigmoid_forward clamp_max_ clamp_min_ special_bessel_j0 "
        "special_bessel_j1 special_bessel_y0 special_bessel_y1 special_modified_bessel_i0 special_modified_bessel_i1 "
        "special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0 "
        "special_scaled_modified_bessel_k1 special_spherical_bessel_j0".split(),
        "boxed_tensor_inputs_batch_rule",
    ),
    **dict.fromkeys(
        "clamp_max_.Tensor clamp_min_.Tensor mul_ sub_ div_ true_divide_ logical_and_ logical_or_ logical_xor_ bitwise_and_ "
        "bitwise_or_ bitwise_xor_ index_fill_ index_add_ scatter_add_ scatter_reduce_ masked_fill_".split(),
        "gen_vmap_inplace_plumbing",
    ),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), "boxed_existing_bdim_all_batch_rule"),
    "binary_cross_entropy": "binary_cross_entropy_plumbing",
    "native_group_norm": "native_group_norm_plumbing",
    "index": "index_plumbing",
    "index_put": "index_put_plumbing",
    "index_put_": "index_put__plumbing",
    "resize_": "resize__plumbing",
}
"""The kinds of rules that operators have, by their names or those of all their overloads."""
_OF_ALL: Final = frozenset(("all", "any", "prod", "median", "nanmedian"))
"""Those whose reduction of all elements has a rule of the usual kind."""
_TAKEN: Final = frozenset("alias conj _conj real positive resolve_conj resolve_neg".split())
"""What shows such a tensor without asking for its vmap."""


def looks(op: Any) -> bool:
    """Whether an operator asks for the vmap of a tensor whose bytes it does not read."""
    unread = (
        op.effect in (effects.view, effects.restride) or op.base.endswith("_like") or op.base == "resize_"
    )
    return unread and op.base not in _TAKEN


def is_escaped(one: Any) -> bool:
    """Whether this is a tensor of a vmap; asked where none runs."""
    return isinstance(one, Tensor) and one.batch is not None and one.batch.dim is not None


def refusal(op: Any) -> RuntimeError:
    """What an operator says that is given such a tensor."""
    rule = None if op.name in _OF_ALL else _RULE.get(op.name) or _RULE.get(op.base)
    if rule is None and op.writes and len(op.schema.tensors) == 1:
        twin = PACKETS.get(op.base.removesuffix("_"), ())
        if twin and twin[0].effect is effects.pointwise:
            rule = "boxed_tensor_inputs_batch_rule"
    return RuntimeError(messages.ESCAPED.replace("gen_vmap_plumbing", rule or "gen_vmap_plumbing"))
