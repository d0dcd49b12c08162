"""Which kernels of PyTorch refuse unsigned integers of more than a byte, float8 and complex32: most do, and ours would not.

The tables name PyTorch's kernels, which its errors name, and the operators that call them: base names, or full ones where
overloads differ.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, messages

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_WITHOUT: Final = {
    "add_stub": "add sub rsub dist",
    "div_floor_cpu": "floor_divide",
    "div_{2}_cpu": "div.Tensor_mode",
    "remainder_cpu": "remainder",
    "fmod_cpu": "fmod",
    "addcmul_cpu_out": "addcmul",
    "pow": "pow square",
    "neg_cpu": "neg",
    "sign_cpu": "sgn sign",
    "maximum_cpu": "maximum clamp_min.Tensor",
    "minimum_cpu": "minimum clamp_max.Tensor",
    "clamp_min_scalar_cpu": "clamp_min relu",
    "clamp_max_scalar_cpu": "clamp_max",
    "clamp_scalar_cpu": "hardtanh",
    "heaviside_cpu": "heaviside",
    "max_all": "max",
    "min_all": "min",
    "max_cpu": "max.dim",
    "min_cpu": "min.dim",
    "max_values_cpu": "amax",
    "min_values_cpu": "amin",
    "aminmax_cpu": "aminmax",
    "argmax_cpu": "argmax",
    "argmin_cpu": "argmin",
    "nonzero_count_cpu": "count_nonzero nonzero",
    "median_cpu": "median nanmedian",
    "median_out": "median.dim nanmedian.dim",
    "mode_cpu": "mode",
    "addr_cpu": "addr",
    "cross": "linalg_cross",
    "kthvalue_cpu": "kthvalue",
    "topk_cpu": "topk",
    "cummax_cpu": "cummax",
    "cummin_cpu": "cummin",
    "cumsum_out_cpu": "cumsum",
    "cumprod_out_cpu": "cumprod",
    "sum_cpu": "sum linalg_matrix_exp",
    "prod_out_cpu": "prod",
    **{f"{name}_cpu": name for name in ("lt", "le", "gt", "ge")},
    **{f"logical_{name}_cpu": f"logical_{name}" for name in ("and", "or", "xor", "not")},
    "searchsorted_out_cpu": "searchsorted bucketize",
    "isin_default_cpu": "isin",
    "take_cpu": "take",
    "take_put_cpu": "put put_",
    "masked_scatter": "masked_scatter masked_scatter_",
    "masked_fill": "masked_fill",
    "index_fill_cpu": "index_fill",
    "index_copy_cpu": "index_copy",
    "index_add_": "index_add",
    "scatter_gather_tensor_cpu": "gather scatter_add scatter_reduce scatter.src scatter.reduce",
    "scatter_gather_scalar_cpu": "scatter.value scatter.value_reduce",
    "addmv_impl_cpu": "addmv mv",
    "dot": "dot vdot",
    "gcd_cpu": "gcd",
    "lcm_cpu": "lcm",
    "bitwise_not_cpu": "bitwise_not",
    "lshift_cpu": "bitwise_left_shift",
    "rshift_cpu": "bitwise_right_shift",
    "tril": "tril lu_unpack",
    "triu": "triu",
    "bincount_cpu": "bincount",
    "bmm": "_trilinear",
    "cholesky_solve_cpu": "cholesky_solve",
    "geqrf_cpu": "geqrf",
    "xor_sum_cpu": "hash_tensor",
    "flip_cpu": "flip rot90",
    "arange_cpu": "arange hann_window hamming_window blackman_window bartlett_window kaiser_window",
    **{f"{name}_cpu": name for name in ("linspace", "logspace", "range")},
    "threshold_cpu": "threshold",
    "channel_shuffle": "channel_shuffle native_channel_shuffle",
    **{name: name for name in ("pixel_shuffle", "pixel_unshuffle")},
    "max_pool2d": "max_pool2d_with_indices",
    "max_pool3d": "max_pool3d_with_indices",
}
"""The kernels that take all dtypes but these."""
_WITHOUT_UNSIGNED: Final = {
    "abs_cpu": "abs",
    "maximum_cpu": "fmax",
    "minimum_cpu": "fmin",
    "index_select": "index_select",
    "index_put": "index_put index_put_",
    "conj_cpu": "_conj_physical",
    "masked_select": "masked_select",
    "addmm_impl_cpu_": "addmm mm",
    **{name: name for name in ("eye", "tril_indices", "triu_indices")},
}
"""Those that take float8."""
_WITHOUT_FLOAT8: Final = {
    "mul_cpu": "mul",
    "div_cpu": "div",
    "addcdiv_cpu_out": "addcdiv",
    "fmax_cpu": "fmax",
    "fmin_cpu": "fmin",
    "mul_cpu_reduced_float": "deg2rad rad2deg",
    "pow": "ldexp",
    "arange_cpu": "mvlgamma",
    "baddbmm": "baddbmm",
    "bmm": "bmm",
    "nansum_cpu": "nansum",
    "norm_cpu": "linalg_vector_norm",
    "max_values_cpu": "logsumexp",
    "std_cpu": "std var std_mean var_mean",
    "sum_cpu": "mean",
    "aminmax_cpu": "multinomial",
    "sorting_kernel_method_name": "sort",
    "unique": "_unique _unique2 _unique_consecutive unique_dim",
    "nan_to_num": "nan_to_num",
    "isinf": "isinf",
    "isfinite": "isfinite",
    "batch_norm": "native_batch_norm",
    "GeluKernelImpl": "gelu",
    "GroupNormKernelImpl": "native_group_norm",
    "LayerNormKernelImpl": "native_layer_norm",
    "cdist": "_cdist_forward",
    "elu_cpu": "elu celu",
    "log_sigmoid_cpu": "log_sigmoid_forward binary_cross_entropy_with_logits",
    "prelu_cpu": "_prelu_kernel",
    "softshrink_check": "softshrink",
    "sigmoid_cpu_reduced_float": "sigmoid",
    "lerp_kernel_scalar": "lerp.Scalar",
    "lerp_kernel_tensor": "lerp.Tensor",
    "mse_cpu": "mse_loss",
    "huber_cpu": "huber_loss",
    "smooth_l1_cpu": "smooth_l1_loss",
    "frexp_cpu": "frexp",
    "round_cpu": "round.decimals",
    "logcumsumexp_out_cpu": "logcumsumexp",
    "entr_cpu": "special_entr",
    "adaptive_avg_pool2d": "_adaptive_avg_pool2d",
    "adaptive_avg_pool3d_cpu": "_adaptive_avg_pool3d",
    "adaptive_max_pool3d_cpu": "adaptive_max_pool3d",
    "bernoulli_tensor_cpu_self_": "bernoulli bernoulli_.Tensor",
    "bernoulli_scalar_cpu_": "bernoulli_",
    "check_uniform_bounds": "uniform_ rand rand_like",
    "normal_kernel_cpu": "normal_ randn randn_like normal",
    "random_kernel_cpu": "random_",
    "random_update_from_to": "random_.from random_.to randint randint_like",
    **{f"{name}_cpu": f"{name}_" for name in ("cauchy", "exponential", "geometric", "log_normal")},
    **{f"bitwise_{name}_cpu": f"bitwise_{name}" for name in ("and", "or", "xor")},
    **{f"{name}_cpu": f"special_{name}" for name in ("i0e", "i1", "i1e", "xlog1py")},
    **{name: name for name in ("adaptive_max_pool2d", "binary_cross_entropy", "digamma", "exp2", "trace")},
    **{
        f"{name}_vml_cpu": name
        for name in (
            "acos asin atan ceil cos erf erfc erfinv exp expm1 floor i0 lgamma log log10 log1p log2 round sin sqrt tan tanh "
            "trunc"
        ).split()
    },
    **{
        f"{name}_cpu": name
        for name in (
            "acosh asinh atanh angle atan2 copysign cosh frac glu hardshrink hardsigmoid hardswish hypot igamma igammac "
            "isneginf isposinf leaky_relu logaddexp logaddexp2 logit mish nextafter reciprocal rsqrt signbit silu sinc sinh "
            "softplus xlogy"
        ).split()
    },
}
"""Those that take unsigned integers, or whose operators refuse them in other words."""
_WITH_COMPLEX32: Final = frozenset(
    "add_stub addcmul_cpu_out neg_cpu sign_cpu masked_fill index_fill_cpu index_copy_cpu index_add_ tril triu abs_cpu "
    "nonzero_count_cpu index_select index_put conj_cpu masked_select mul_cpu norm_cpu std_cpu isinf isfinite "
    "check_uniform_bounds normal_kernel_cpu cauchy_cpu exponential_cpu".split()
)
"""Those of the above that take complex32, or are refused in other words."""
_WITHOUT_COMPLEX32: Final = {
    "equal_cpu": "equal",
    "vdot": "vdot",
    "bmm": "linalg_matrix_exp",
    "cholesky_cpu": "cholesky linalg_cholesky_ex",
    "cholesky_inverse_out_cpu": "cholesky_inverse",
    "linalg_eig_out_cpu": "linalg_eig",
    "linalg_eigh_cpu": "_linalg_eigh",
    "linalg_svd_cpu": "_linalg_svd",
    "ldl_factor_kernel_cpu": "linalg_ldl_factor_ex",
    "ldl_solve_kernel_cpu": "linalg_ldl_solve",
    "lu_cpu": "linalg_lu_factor_ex",
    "orgqr_cpu": "linalg_householder_product",
    "ormqr_cpu": "ormqr",
    "triangular_solve_cpu": "triangular_solve linalg_solve_triangular",
    "sigmoid_cpu": "sigmoid",
    "im2col_out_cpu": "im2col",
    "scatter_gather_scalar_cpu": "scatter.value scatter.value_reduce lu_unpack",
    "exp_vml_cpu": "soft_margin_loss logsumexp",
    "addmm_impl_cpu_": "addbmm",
    **{f"{name}d": f"{name}d" for name in ("reflection_pad1", "reflection_pad2", "reflection_pad3")},
    **{f"{name}d": f"{name}d" for name in ("replication_pad1", "replication_pad2", "replication_pad3")},
}
"""Others that do not."""
_AS_FOR: Final = {
    **dict.fromkeys(
        (
            "clamp histc polygamma _softmax _log_softmax _softmax_backward_data _log_softmax_backward_data upsample_nearest1d "
            "upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d "
            "_upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d"
        ).split(),
        np.complex64,
    ),
    "convolution": np.bool_,
}
"""The operators whose kernel depends on the arguments, and a dtype for which our kernel names it."""
_TAKEN: Final = {
    "count_nonzero.dim_IntList": (*dtypes.BAREBONES, *dtypes.FLOAT8),
    **dict.fromkeys(("isinf", "isfinite"), (dtypes.float8_e5m2,)),
}
"""The operators that have a kernel after all."""


def _by_operator(*tables: dict[str, str]) -> dict[str, str]:
    return {name: kernel for table in tables for kernel, names in table.items() for name in names.split()}


_OF_UNSIGNED: Final = _by_operator(_WITHOUT, _WITHOUT_UNSIGNED)
_OF_FLOAT8: Final = _by_operator(_WITHOUT, _WITHOUT_FLOAT8)
_OF_COMPLEX32: Final = {
    name: kernel
    for name, kernel in _by_operator(_WITHOUT, _WITHOUT_UNSIGNED, _WITHOUT_FLOAT8, _WITHOUT_COMPLEX32).items()
    if kernel not in _WITH_COMPLEX32
}

_REFUSED_FIRST: Final = frozenset(
    "bincount dist bernoulli bernoulli_ uniform_ normal_ rand randn rand_like randn_like normal randint randint_like cauchy_ "
    "exponential_ geometric_ log_normal_ remainder fmod floor_divide div".split()
)
"""The operators whose kernel is refused before anything else is."""
_NOT_FOR_NOTHING: Final = frozenset(
    "amax amin cummax cummin gather masked_select median nanmedian mode tril triu mm addmm mv addmv bmm _trilinear isin flip sum "
    "prod cumsum cumprod take scatter linspace logspace bernoulli channel_shuffle native_channel_shuffle pixel_shuffle "
    "pixel_unshuffle _adaptive_avg_pool2d cholesky linalg_cholesky_ex linalg_ldl_factor_ex linalg_ldl_solve _linalg_eigh "
    "_linalg_svd linalg_lu_solve".split()
)
"""The operators that do not call their kernel where there are no elements, to read or to give."""
_NOT_FOR_A_SCALAR: Final = frozenset(
    "cumsum cumprod cummax cummin kthvalue mode sort topk flip linalg_vector_norm norm max.dim min.dim".split()
)
"""Nor where there is one element that has no dimensions."""
_BY_SELF: Final = ("index_fill",)
"""Operators whose other tensors are read as numbers."""
_ONLY_ASKED: Final = ("cumsum", "cumprod", "sum", "prod")
"""Operators that compute whole numbers in int64 unless another dtype is asked for."""
_BY_A_NUMBER: Final = frozenset("mul div floor_divide".split())
"""Operators with a kernel of its own for reduced dtypes and a second operand that is one number."""


def refuse(op: "Op", kind: dtypes.dtype | None, arguments: Sequence[Any]) -> None:
    """Refuse a dtype that PyTorch's kernel is not compiled for, after what our kernel has to say of sizes and numbers, which
    PyTorch checks first. `kind` is the dtype that arrays were widened from, None where they were not. Errors:
    NotImplementedError.
    """
    kind = kind or next((one for one in arguments if isinstance(one, dtypes.dtype)), None)
    if kind is None:
        if op.base in _ONLY_ASKED:
            return
        asked = arguments[:1] if op.base.rstrip("_") in _BY_SELF else arguments
        bare = next((one for one in asked if _is_bare(one)), None)
        if bare is None:
            return
        kind = dtypes.from_numpy_dtype(bare.dtype)
    if kind not in dtypes.FEW_KERNELS:
        return
    kernel = _kernel(op, kind, arguments)
    if kernel is None:
        return
    refusal = messages.not_implemented(kernel, kind.scalar_type)
    if op.base in _REFUSED_FIRST:
        raise refusal
    first = arguments[0]
    tried = (first.copy(), *arguments[1:]) if op.writes else arguments
    with contextlib.suppress(TypeError, ValueError, OverflowError, KeyError):  # numpy's, and our tables'
        answer = op.kernel(np, *tried)
        found = answer[0] if type(answer) is tuple else answer
        found = np.asarray(getattr(found, "array", found))
        base = op.base.rstrip("_")
        if base in _NOT_FOR_NOTHING and not (np.size(first) and found.size):
            return
        alone = {base, op.name} & _NOT_FOR_A_SCALAR or (base == "aminmax" and arguments[1] == 0)
        if alone and not first.ndim:
            return
        if op.base == "searchsorted" and not found.size:
            return
    raise refusal


def _kernel(op: "Op", kind: dtypes.dtype, arguments: Sequence[Any]) -> str | None:
    """The name of the kernel that lacks the dtype, None where PyTorch has one."""
    kernels = _OF_COMPLEX32 if kind.is_complex else _OF_FLOAT8 if kind.is_floating_point else _OF_UNSIGNED
    out_of_place = op.base.strip("_")
    if kind in _TAKEN.get(op.name, ()):
        return None
    if op.base in _AS_FOR:
        return _named(op, arguments, _AS_FOR[op.base])
    if out_of_place in _BY_ARGUMENTS and out_of_place in kernels:
        return _BY_ARGUMENTS[out_of_place](*arguments)
    names = (op.name, op.base, f"{out_of_place}.{op.overload}", out_of_place)
    found = next((kernels[name] for name in names if name in kernels), None)
    if found is None:
        return None
    if kind.is_floating_point and out_of_place in _BY_A_NUMBER:
        if np.size(arguments[1]) == 1:
            found += "_reduced_float"
        elif out_of_place == "mul":
            return None
    return found.format(*arguments)


def _named(op: "Op", arguments: Sequence[Any], dtype: Any) -> str | None:
    """The kernel that ours names when it is called with arrays of a dtype that PyTorch's lacks as well."""
    asked = [np.zeros(one.shape, dtype) if isinstance(one, np.ndarray) else one for one in arguments]
    try:
        op.kernel(np, *asked)
    except NotImplementedError as error:
        return str(error).split('"')[1]
    return None


def _of_scatter(array: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool) -> str:
    if not include_self:
        return "scatter_reduce_exclude_input_init"
    kernel = "scatter_gather_tensor_cpu"
    return kernel if reduce in ("sum", "prod") else f"{kernel}_reduce_{reduce}"


def _of_flip(array: Any, dims: Sequence[int]) -> str | None:
    """None where the elements that lie side by side keep their order: PyTorch copies them as bytes."""
    long = [d for d in range(array.ndim) if array.shape[d] > 1]
    inner = min(long, key=lambda d: array.strides[d], default=None)
    moves_rows = (
        inner is not None
        and array.strides[inner] == array.itemsize
        and inner not in {d % array.ndim for d in dims}
    )
    return None if moves_rows else "flip_cpu"


def _of_rotation(array: Any, times: int, dims: Sequence[int]) -> str | None:
    flipped = ((), dims[1:], dims, dims[:1])[times % 4]
    return _of_flip(array, flipped) if flipped else None


def _of_product(kernel: str, *matrices: Any) -> str:
    """Small products have a loop of their own (aten/src/ATen/native/LinearAlgebra.cpp, `bmm_out_or_baddbmm_`)."""
    _, rows, inner = matrices[-2].shape
    return kernel if inner * rows * matrices[-1].shape[-1] < 400 else "baddbmm_with_gemm"


def _of_points(kernel: str, *arguments: Any) -> str | None:
    """One point needs no kernel."""
    return None if arguments[2] == 1 else f"{kernel}_cpu"


def _of_power(base: Any, exponent: Any) -> str | None:
    """Powers by a number may be other operators; those of one are filled in, as the first and the zeroth are."""
    if isinstance(exponent, np.ndarray):
        return "pow" if isinstance(base, np.ndarray) or base != 1 else None
    if exponent in (0, 1):
        return None
    others = {-1: "reciprocal_cpu", 0.5: "sqrt_vml_cpu", -0.5: "rsqrt_cpu"}
    return others.get(exponent, "pow") if base.dtype.kind == "c" else "pow"


def _of_window(length: int, *rest: Any) -> str | None:
    """One weight needs no kernel."""
    return None if length < 2 else "arange_cpu"


_BY_ARGUMENTS: Final[dict[str, Callable[..., str | None]]] = {
    "flip": _of_flip,
    "rot90": _of_rotation,
    "count_nonzero": lambda array, dim, *rest: None if dim is not None else "nonzero_count_cpu",
    "scatter_reduce": _of_scatter,
    "bmm": lambda self, mat2: _of_product("bmm", self, mat2),
    "baddbmm": lambda self, batch1, batch2, *rest: _of_product("baddbmm", batch1, batch2),
    **dict.fromkeys(
        "hann_window hamming_window blackman_window bartlett_window kaiser_window".split(), _of_window
    ),
    "pow": _of_power,
    "linspace": lambda *arguments: _of_points("linspace", *arguments),
    "logspace": lambda *arguments: _of_points("logspace", *arguments),
}
"""Operators whose kernel depends on what they are given: its name, None where PyTorch gets along without one."""


def _is_bare(one: Any) -> bool:
    """Whether this is an array of a dtype that few kernels take."""
    return hasattr(one, "dtype") and one.dtype.char in dtypes.BARE
