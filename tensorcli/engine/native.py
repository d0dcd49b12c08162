"""What PyTorch has in C, shown as such: classes whose complaints name their module, functions and methods that are built in."""

import re
from typing import Any, Final


class NativeType(type):
    """CPython's texts have the name that a class was made with (`'torch.Size' object has no attribute 'x'`), whereas
    `__name__` is the short one.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> "NativeType":
        """The class, of the module and by the name that its body says."""
        short = body.setdefault("__qualname__", name)
        return super().__new__(cls, f"{body['__module__']}.{short}", bases, body, **options)

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        """The name alone."""
        return cls.__qualname__


class Native(metaclass=NativeType):
    """A class that PyTorch has in C."""

    __slots__ = ()


def seal(cls: type) -> None:
    """Let there be no more instances of a class than those that were made so far. Errors, of its calls: TypeError."""
    told = f"cannot create '{type_name(cls)}' instances"

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(told)

    cls.__new__ = refuse  # type: ignore[method-assign, assignment]


PYTHON_METHODS: Final = frozenset(
    "backward dim_order eig index istft is_shared lstsq lu module_load norm register_hook register_post_accumulate_grad_hook "
    "reinforce resize resize_as share_memory_ solve split stft storage storage_type symeig to_sparse_coo unflatten unique "
    "unique_consecutive".split()
)
"""The methods of tensors that PyTorch wrote in Python."""
PYTHON_FUNCTIONS: Final = frozenset(
    "are_deterministic_algorithms_enabled atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors "
    "cartesian_prod cdist chain_matmul compiled_with_cxx11_abi eig einsum from_dlpack get_default_device "
    "get_deterministic_debug_mode get_float32_matmul_precision get_rng_state initial_seed "
    "is_deterministic_algorithms_warn_only_enabled is_storage is_tensor is_warn_always_enabled load lstsq lu manual_seed "
    "matrix_rank meshgrid norm pca_lowrank save seed set_default_device set_default_dtype set_default_tensor_type "
    "set_deterministic_debug_mode set_float32_matmul_precision set_printoptions set_rng_state set_warn_always solve split stft "
    "svd_lowrank sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum symeig tensordot typename unique "
    "unique_consecutive unravel_index use_deterministic_algorithms vmap".split()
)
"""The functions of `torch` that PyTorch wrote in Python."""
_STFT = (
    "n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode='reflect', normalized=False, "
    "onesided=None, return_complex=None, align_to_window=None"
)
PYTHON_PARAMETERS: Final = {
    "Tensor.istft": "self, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, "
    "onesided=None, length=None, return_complex=False",
    "Tensor.lu": "self, pivot=True, get_infos=False",
    "Tensor.norm": "self, p='fro', dim=None, keepdim=False, dtype=None",
    "Tensor.stft": f"self, {_STFT}",
    "Tensor.unflatten": "self, dim, sizes",
    "Tensor.unique": "self, sorted=True, return_inverse=False, return_counts=False, dim=None",
    "Tensor.unique_consecutive": "self, return_inverse=False, return_counts=False, dim=None",
    "_lu_no_infos": "A, pivot=True, get_infos=False, out=None",
    "norm": "input, p='fro', dim=None, keepdim=False, out=None, dtype=None",
    "stft": f"input, {_STFT}",
    "_return_output": "input, sorted=True, return_inverse=False, return_counts=False, dim=None",
    "_consecutive_return_output": "input, return_inverse=False, return_counts=False, dim=None",
}
"""The parameters of what PyTorch wrote in Python and the table has as operators: CPython speaks of a wrong call of them."""
_UNIQUE = (
    "functions._unique2({0}, sorted=sorted, return_inverse=return_inverse, return_counts=return_counts) if dim is None else "
    "functions.unique_dim({0}, dim, sorted=sorted, return_inverse=return_inverse, return_counts=return_counts)"
)
_LU = "functions._lu_with_info({0}, pivot=pivot, check_errors=not get_infos)"
_NORM = (
    "{0}.layout and functions.linalg_matrix_norm({0}, p, dim, keepdim, dtype=dtype) "
    "if isinstance(p, str) and not (p == 'fro' and (dim is None or isinstance(dim, int) or len(dim) <= 2)) else "
    "{0}.layout and functions.linalg_vector_norm("
    "{0}, 2 if p == 'fro' else p, [dim] if isinstance(dim, int) else dim, keepdim, dtype=dtype{1})"
)
PYTHON_CALLS: Final = {
    "Tensor.unique": _UNIQUE.format("self"),
    "_return_output": _UNIQUE.format("input"),
    "Tensor.unique_consecutive": "functions.unique_consecutive(self, return_inverse=return_inverse, "
    "return_counts=return_counts, dim=dim)",
    "Tensor.lu": _LU.format("self"),
    "_lu_no_infos": _LU.format("A"),
    "Tensor.norm": _NORM.format("self", ""),
    "norm": _NORM.format("input", ", out=out"),
    "Tensor.istft": "functions.istft(self, n_fft, hop_length, win_length, window, center, normalized, onesided, length)",
    "Tensor.stft": "center and n_fft // 2",
    "stft": "center and input.dim() and n_fft // 2",
}
"""What they call, or work out first, with their arguments: it complains of those that it does not take."""
SPOKEN_OF: Final = {
    "lu": "_lu_no_infos",
    "unique": "_return_output",
    "unique_consecutive": "_consecutive_return_output",
}
"""The functions that complaints name instead of others."""
PLAIN_FUNCTIONS: Final = frozenset(
    "clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype get_default_dtype "
    "get_num_interop_threads get_num_threads is_anomaly_check_nan_enabled is_anomaly_enabled is_autocast_cache_enabled "
    "is_autocast_cpu_enabled is_autocast_enabled is_grad_enabled is_inference_mode_enabled set_anomaly_enabled "
    "set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled "
    "set_autocast_gpu_dtype set_flush_denormal set_num_interop_threads set_num_threads".split()
)
"""The functions of `torch` in C that are no methods of its class of functions."""
C_FUNCTIONS: Final = {
    **dict.fromkeys(
        "avg_pool2d avg_pool3d elu_ gelu hardtanh_ leaky_relu_ linear one_hot scaled_dot_product_attention softplus "
        "softshrink".split(),
        "built-in function {}",
    ),
    **dict.fromkeys(
        "adaptive_avg_pool1d avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d "
        "conv_transpose2d conv_transpose3d cosine_similarity hardshrink native_channel_shuffle pairwise_distance pdist "
        "pixel_shuffle pixel_unshuffle prelu relu_ rrelu_ selu_ threshold_".split(),
        "built-in method {} of type object",
    ),
    "logsigmoid": "built-in function log_sigmoid",
}
"""The functions of `torch.nn.functional` in C, and what their reprs say."""


_METHOD: Final = r"method '?(\w+)'? of '?(?:[\w.]+\.)?(\w+)'? object"


def qualified_name(told: str) -> str:
    """The qualified name of a function or method in C, of which its repr says this."""
    found = re.search(_METHOD, told)
    if found is None:
        name = told.removeprefix("built-in function ")
        if name in PLAIN_FUNCTIONS:
            return f"torch.{name}"
        chapter = name.partition("_")[0]
        return f"torch._C._{chapter if chapter in ('linalg', 'fft', 'special') else 'nn'}.{name}"
    name, owner = found.groups()
    return f"{'torch._VariableFunctionsClass' if owner == 'type' else owner}.{name}"


def built_in(module: str, name: str) -> str | None:
    """What the repr of a function says that PyTorch has in C (followed by an address where it is a method of an object); None
    for one that it wrote in Python.
    """
    if module == "torch" and name not in PYTHON_FUNCTIONS:
        return (
            f"built-in function {name}"
            if name in PLAIN_FUNCTIONS
            else f"built-in method {name} of type object"
        )
    if module in ("torch.linalg", "torch.fft", "torch.special"):
        return f"built-in function {module.removeprefix('torch.')}_{name}"
    if module == "torch.nn.functional" and name in C_FUNCTIONS:
        return C_FUNCTIONS[name].format(name)
    return None


# ---- types as C prints them

_ENGINE_TYPES: Final = {
    "TensorType": "torch._C._TensorMeta",
    "TypedStorage": "torch.storage.TypedStorage",
}
"""Classes of the engine that are not native, by the names that their like have in PyTorch."""

_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8


_type_names: dict[type, str] = {}


def type_name(cls: type) -> str:
    """The name of a class as C prints it: `Tensor`, `torch.dtype`, `numpy.ndarray`, `NoneType`."""
    found = _type_names.get(cls)
    if found is None:
        found = _type_names[cls] = _type_name(cls)
    return found


def _type_name(cls: type) -> str:
    if isinstance(cls, NativeType):
        return str(type.__dict__["__name__"].__get__(cls))
    module, name = cls.__module__, cls.__name__
    # Types that C defines carry their module in their name, those that a class statement made do not.
    made = cls.__flags__ & _HEAP_TYPE and not cls.__flags__ & _IMMUTABLE_TYPE
    if module == "builtins" or (made and module != "torch.return_types"):
        return _ENGINE_TYPES.get(name, name) if module.startswith(("tensorcli.engine", "torch")) else name
    return f"{module}.{name}"
