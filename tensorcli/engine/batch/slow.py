"""The operators that PyTorch has no batching rule for: it warns that it runs them example by example."""

from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import passing

NAMES: Final = frozenset(
    "_conj_physical _scaled_dot_product_flash_attention_for_cpu addbmm_ addcdiv_ addcmul_ addmm_ addmv_ addr_ argwhere "
    "as_strided_ baddbmm_ bilinear bincount chalf clamp_ clamp_.Tensor clip_ clip_.Tensor conj_physical_ conv_tbc "
    "ctc_loss.Tensor cumprod_ cumsum_ detach_ diagflat embedding_bag.padding_idx eq_.Scalar eq_.Tensor fft_ihfft2 "
    "fft_ihfftn fill.Scalar fill_diagonal_ fix_ float_power_.Scalar float_power_.Tensor floor_divide_.Tensor fmod_.Scalar "
    "fmod_.Tensor ge_.Scalar ge_.Tensor greater_.Scalar greater_.Tensor greater_equal_.Scalar greater_equal_.Tensor "
    "gru_cell gt_.Scalar gt_.Tensor hash_tensor heaviside_ histc histogram.bin_ct histogram.bins_tensor hypot_ igamma_ "
    "igammac_ index_copy_ index_reduce index_reduce_ isclose isin.Tensor_Tensor istft kl_div ldexp_ le_.Scalar le_.Tensor "
    "lerp_.Scalar lerp_.Tensor less_.Scalar less_.Tensor less_equal_.Scalar less_equal_.Tensor linalg_cond.p_str "
    "linalg_ldl_solve linalg_lu linalg_tensorsolve lt_.Scalar lt_.Tensor lu_solve margin_ranking_loss masked_fill.Tensor "
    "masked_fill_.Tensor masked_scatter masked_scatter_ max_unpool2d max_unpool3d multi_margin_loss multilabel_margin_loss "
    "nanquantile.scalar native_channel_shuffle ne_.Scalar ne_.Tensor negative_ nextafter_ nonzero_static not_equal_.Scalar "
    "not_equal_.Tensor ormqr pdist permute_copy polygamma_ pow_.Tensor put put_ quantile.scalar remainder_.Scalar "
    "remainder_.Tensor renorm renorm_ resize_as_ rnn_relu_cell rnn_tanh_cell scatter_.src scatter_.value set_ "
    "set_.source_Storage set_.source_Storage_storage_offset set_.source_Tensor set_.source_Tensor_storage_offset "
    "soft_margin_loss special_airy_ai special_chebyshev_polynomial_t special_chebyshev_polynomial_u "
    "special_chebyshev_polynomial_v special_chebyshev_polynomial_w special_hermite_polynomial_h "
    "special_hermite_polynomial_he special_laguerre_polynomial_l special_legendre_polynomial_p special_log_ndtr "
    "special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v "
    "special_shifted_chebyshev_polynomial_w square_ squeeze_copy squeeze_copy.dim stft subtract_.Scalar subtract_.Tensor "
    "t_copy take transpose_copy.int tril_ triplet_margin_loss triu_ unsqueeze_copy vander xlogy_.Scalar_Other "
    "xlogy_.Tensor".split()
)
"""By their full names, as PyTorch 2.13.0 told them."""


def warn(op: Any, size: int) -> None:
    """Warn where PyTorch does: not of what gradients are made of, which is not always what PyTorch makes them of.

    Errors: RuntimeError where there are no examples.
    """
    if op.name in NAMES and not passing:
        messages.warn(
            f"There is a performance drop because we have not yet implemented the batching rule for aten::{op.name}. Please file "
            "us an issue on GitHub so that we can prioritize its implementation."
        )
        if not size:
            raise RuntimeError(
                f"Batching rule not implemented for aten::{op.name}. The fallback path does not support vmap over dims of size 0."
            )
