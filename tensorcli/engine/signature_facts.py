"""Facts about PyTorch 2.13's Python signatures that its schema lines do not state.

Literal tables, in PyTorch's own names. This module knows nothing but the tables; `signatures` reads them.
"""

from typing import Final

NUMPY_NAMES: Final = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
"""numpy's keywords for the arguments they stand for, tried in this order after the argument's own name."""

NUMBERS_AS_TENSORS: Final = frozenset(
    (
        *(
            "add",
            "add_",
            "div",
            "div_",
            "divide",
            "divide_",
            "mul",
            "mul_",
            "multiply",
            "multiply_",
            "sub",
            "sub_",
        ),
        *(
            "subtract",
            "subtract_",
            "true_divide",
            "true_divide_",
            "floor_divide",
            "floor_divide_",
            "to",
            "copy_",
        ),
    )
)
"""Functions whose Tensor arguments a Python number may stand for."""

_FIVE = "Scalar beta, Tensor self, Scalar alpha, {}"
_FOUR = "Scalar beta, Tensor self, {}"
_VALUE = "Tensor self, Scalar value, Tensor tensor1, Tensor tensor2"


def _scaled(operands: str) -> tuple[str, ...]:
    return _FIVE.format(operands), _FOUR.format(operands)


_DEPRECATED: Final[dict[str, tuple[str, ...]]] = {
    "add": ("Tensor self, Scalar alpha, Tensor other",),
    "addbmm": _scaled("Tensor batch1, Tensor batch2"),
    "addcdiv": (_VALUE,),
    "addcmul": (_VALUE,),
    "addmm": _scaled("Tensor mat1, Tensor mat2"),
    "addmv": _scaled("Tensor mat, Tensor vec"),
    "addr": _scaled("Tensor vec1, Tensor vec2"),
    "baddbmm": _scaled("Tensor batch1, Tensor batch2"),
    "sspaddmm": _scaled("Tensor mat1, Tensor mat2"),
    "sub": ("Tensor self, Scalar alpha, Tensor other",),
}


def deprecated(name: str) -> tuple[str, ...]:
    """The old orders of arguments that PyTorch still takes, with a warning, for a function or its twin."""
    return _DEPRECATED.get(name.removesuffix("_"), ())


DEPRECATED_WITHOUT_OUT: Final = ("sspaddmm",)
"""Functions that have `out=`, but not in their old order of arguments."""

WITH_OUT: Final = frozenset(
    """
_add_relu.Tensor _addmm_activation _chunk_cat _compute_linear_combination _conj_copy _conv_depthwise2d
_convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo _fft_c2c _fft_c2r _fft_r2c
_fw_primal_copy _indices_copy _int_mm _linalg_det _linalg_eigh _linalg_slogdet _linalg_solve_ex
_linalg_svd _log_softmax _log_softmax_backward_data _logcumsumexp _make_dual_copy
_native_batch_norm_legit _native_batch_norm_legit.no_stats _neg_view_copy _nested_get_values_copy
_nested_view_from_buffer_copy _nested_view_from_jagged_copy _reshape_alias_copy _scaled_mm _scaled_mm_v2
_softmax _softmax_backward_data _sparse_broadcast_to_copy _stack
_test_autograd_multiple_dispatch_view_copy _upsample_bicubic2d_aa _upsample_bilinear2d_aa
_upsample_lanczos2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
_values_copy abs absolute acos acosh adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d
adaptive_max_pool3d add.Tensor addbmm addcdiv addcmul addmm addmm.dtype addmv addr alias_copy all
all.dim all.dims amax amin aminmax angle any any.dim any.dims arange arange.start_step arccos arccosh
arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort.stable as_strided_copy asin asinh atan atan2
atanh avg_pool2d avg_pool3d baddbmm baddbmm.dtype batch_norm_elemt bernoulli binary_cross_entropy
bitwise_and.Scalar bitwise_and.Tensor bitwise_left_shift.Tensor bitwise_left_shift.Tensor_Scalar
bitwise_not bitwise_or.Scalar bitwise_or.Tensor bitwise_right_shift.Tensor
bitwise_right_shift.Tensor_Scalar bitwise_xor.Scalar bitwise_xor.Tensor bmm bmm.dtype bucketize.Tensor
cat ccol_indices_copy ceil chain_matmul cholesky cholesky_inverse cholesky_solve clamp clamp.Tensor
clamp_max clamp_max.Tensor clamp_min clamp_min.Tensor clip clip.Tensor col2im col_indices_copy
column_stack complex concat concatenate conj_physical copysign.Scalar copysign.Tensor cos cosh cross
crow_indices_copy cudnn_batch_norm cudnn_convolution cummax cummin cumprod cumsum deg2rad detach_copy
diag diagonal_copy diff digamma div.Tensor div.Tensor_mode divide.Tensor divide.Tensor_mode dot dstack
elu empty.memory_format eq.Scalar eq.Tensor erf erfc erfinv exp exp2 expand_copy expm1 eye eye.m fft_fft
fft_fft2 fft_fftfreq fft_fftn fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn fft_ihfft
fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn fix
float_power.Scalar float_power.Tensor_Scalar float_power.Tensor_Tensor floor floor_divide fmax fmin
fmod.Scalar fmod.Tensor frac fractional_max_pool2d fractional_max_pool3d frexp.Tensor frobenius_norm.dim
full gather gcd ge.Scalar ge.Tensor gelu geqrf ger glu greater.Scalar greater.Tensor
greater_equal.Scalar greater_equal.Tensor gt.Scalar gt.Tensor hardshrink hardsigmoid hardswish hardtanh
hash_tensor heaviside histc histogram.bin_ct histogram.bins_tensor hspmm hstack huber_loss hypot i0
igamma igammac im2col index_add index_copy index_reduce index_select indices_copy inner inverse
isin.Scalar_Tensor isin.Tensor_Scalar isin.Tensor_Tensor isneginf isposinf kron kthvalue lcm
ldexp.Tensor le.Scalar le.Tensor leaky_relu lerp.Scalar lerp.Tensor less.Scalar less.Tensor
less_equal.Scalar less_equal.Tensor lgamma linalg_cholesky linalg_cholesky_ex linalg_cond
linalg_cond.p_str linalg_cross linalg_det linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh
linalg_householder_product linalg_inv linalg_inv_ex linalg_ldl_factor linalg_ldl_factor_ex
linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve
linalg_matmul linalg_matrix_norm linalg_matrix_norm.str_ord linalg_matrix_power linalg_matrix_rank
linalg_matrix_rank.atol_rtol_float linalg_matrix_rank.atol_rtol_tensor linalg_matrix_rank.tol_tensor
linalg_multi_dot linalg_norm linalg_norm.ord_str linalg_pinv linalg_pinv.atol_rtol_float
linalg_pinv.atol_rtol_tensor linalg_pinv.rcond_tensor linalg_qr linalg_slogdet linalg_solve
linalg_solve_ex linalg_solve_triangular linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve
linalg_vecdot linalg_vector_norm linear linspace linspace.Scalar_Tensor linspace.Tensor_Scalar
linspace.Tensor_Tensor log log10 log1p log2 log_sigmoid log_softmax.int logaddexp logaddexp2
logcumsumexp logical_and logical_not logical_or logical_xor logit logspace logspace.Scalar_Tensor
logspace.Tensor_Scalar logspace.Tensor_Tensor logsumexp lt.Scalar lt.Tensor lu_solve lu_unpack
masked_select matmul matrix_power max max.dim max.other max_pool2d_with_indices max_pool3d_with_indices
max_unpool2d max_unpool3d maximum mean mean.dim median.dim min min.dim min.other minimum mish
mkldnn_adaptive_avg_pool2d mm mm.dtype mode mse_loss msort mul.Tensor multi_margin_loss
multilabel_margin_loss multinomial multiply.Tensor mv mvlgamma nan_to_num nanmean nanmedian.dim
nanquantile nanquantile.scalar nansum narrow_copy native_batch_norm ne.Scalar ne.Tensor neg negative
nextafter nll_loss nll_loss2d nonzero_static norm.ScalarOpt_dim norm.ScalarOpt_dim_dtype
normal.Tensor_Tensor normal.Tensor_float normal.float_Tensor normal.float_float not_equal.Scalar
not_equal.Tensor norm.number norm.str nuclear_norm nuclear_norm.dim ones orgqr ormqr outer permute_copy polar polygamma
pow.Scalar pow.Tensor_Scalar pow.Tensor_Tensor prod.dim_int qr quantile quantile.scalar rad2deg rand
rand.generator randint randint.generator randint.low randint.low_generator randn randn.generator
randperm randperm.generator range.step reciprocal reflection_pad1d reflection_pad2d reflection_pad3d
remainder.Scalar remainder.Tensor renorm replication_pad1d replication_pad2d replication_pad3d round
round.decimals row_indices_copy row_stack rrelu_with_noise rsqrt scatter.reduce scatter.src
scatter.value scatter.value_reduce scatter_add scatter_reduce.two searchsorted.Scalar
searchsorted.Tensor select_copy.int sgn sigmoid sign signbit silu sin sinc sinh slice_copy.Tensor
slice_scatter slogdet slow_conv3d slow_conv_transpose2d slow_conv_transpose3d smooth_l1_loss
soft_margin_loss softmax.int softplus softshrink sort sort.stable sparse_sampled_addmm special_airy_ai
special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_chebyshev_polynomial_t
special_chebyshev_polynomial_t.n_scalar special_chebyshev_polynomial_t.x_scalar
special_chebyshev_polynomial_u special_chebyshev_polynomial_u.n_scalar
special_chebyshev_polynomial_u.x_scalar special_chebyshev_polynomial_v
special_chebyshev_polynomial_v.n_scalar special_chebyshev_polynomial_v.x_scalar
special_chebyshev_polynomial_w special_chebyshev_polynomial_w.n_scalar
special_chebyshev_polynomial_w.x_scalar special_digamma special_entr special_erf special_erfc
special_erfcx special_erfinv special_exp2 special_expit special_expm1 special_gammainc special_gammaincc
special_gammaln special_hermite_polynomial_h special_hermite_polynomial_h.n_scalar
special_hermite_polynomial_h.x_scalar special_hermite_polynomial_he
special_hermite_polynomial_he.n_scalar special_hermite_polynomial_he.x_scalar special_i0 special_i0e
special_i1 special_i1e special_laguerre_polynomial_l special_laguerre_polynomial_l.n_scalar
special_laguerre_polynomial_l.x_scalar special_legendre_polynomial_p
special_legendre_polynomial_p.n_scalar special_legendre_polynomial_p.x_scalar special_log1p
special_log_ndtr special_logit special_logsumexp special_modified_bessel_i0 special_modified_bessel_i1
special_modified_bessel_k0 special_modified_bessel_k1 special_multigammaln special_ndtr special_ndtri
special_polygamma special_psi special_round special_scaled_modified_bessel_k0
special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t
special_shifted_chebyshev_polynomial_t.n_scalar special_shifted_chebyshev_polynomial_t.x_scalar
special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_u.n_scalar
special_shifted_chebyshev_polynomial_u.x_scalar special_shifted_chebyshev_polynomial_v
special_shifted_chebyshev_polynomial_v.n_scalar special_shifted_chebyshev_polynomial_v.x_scalar
special_shifted_chebyshev_polynomial_w special_shifted_chebyshev_polynomial_w.n_scalar
special_shifted_chebyshev_polynomial_w.x_scalar special_sinc special_spherical_bessel_j0 special_xlog1py
special_xlog1py.other_scalar special_xlog1py.self_scalar special_xlogy special_xlogy.other_scalar
special_xlogy.self_scalar special_zeta special_zeta.other_scalar special_zeta.self_scalar
split_copy.Tensor split_with_sizes_copy sqrt square squeeze_copy squeeze_copy.dim squeeze_copy.dims
sspaddmm stack std.correction std.dim sub.Tensor subtract.Tensor sum.dim_IntList svd t_copy take
take_along_dim tan tanh tensordot thnn_conv2d threshold topk transpose_copy.int triangular_solve tril
triu true_divide.Tensor trunc unbind_copy.int unfold_copy unsqueeze_copy upsample_bicubic2d
upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
upsample_trilinear3d values_copy var.correction var.dim vdot view_as_complex_copy view_as_real_copy
view_copy view_copy.dtype vstack where.self xlogy.Scalar_Other xlogy.Scalar_Self xlogy.Tensor zeros
""".split()
)
"""The operators whose Python function takes `out=`, by the full name of the one that returns a new tensor."""
