"""`torch.backends`: flags of the libraries that PyTorch computes with. They are remembered and can be read back, and change
nothing, but for the ways in which attention may be computed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from tensorcli.engine import messages, process
from tensorcli.engine.native import type_name

WAYS = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True, "overrideable": True}
"""The ways in which `scaled_dot_product_attention` may be computed; only the first two exist on the CPU."""
process.keep_contents(WAYS)


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict[str, Any]]:
    """`torch.backends.cuda.sdp_kernel`, which `sdpa_kernel` has replaced."""
    messages.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
        "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature.",
        category=FutureWarning,
    )
    told = {"flash": enable_flash, "math": enable_math, "mem_efficient": enable_mem_efficient}
    with only(name for name, enabled in (told | {"cudnn": enable_cudnn}).items() if enabled):
        yield {}


@contextmanager
def only(names: Iterable[str]) -> Iterator[None]:
    """Allow only these ways inside."""
    before = dict(WAYS)
    try:
        WAYS.update(dict.fromkeys(WAYS, False) | dict.fromkeys(names, True))
        yield
    finally:
        WAYS.update(before)


class _Flags:
    """The flags of one library, which a script may read, set and import as if they were a module."""

    stands_for_module = True
    _available = False
    _setters: ClassVar[Mapping[str, str]] = {}
    """The functions by which PyTorch sets flags, which take a bool alone."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._setters and not isinstance(value, bool):
            raise RuntimeError(f"{self._setters[name]} expects a bool, but got {type_name(type(value))}")
        super().__setattr__(name, value)

    def is_available(self) -> bool:
        """Whether PyTorch for the CPU has the library."""
        return self._available

    def __repr__(self) -> str:
        return f"<module '{type(self).__module__}'>"


class CuDNN(_Flags):
    """The library for networks on NVIDIA's cards."""

    __module__ = "torch.backends.cudnn"
    _setters: ClassVar = {
        **{name: f"set_{name}_cudnn" for name in ("enabled", "benchmark", "deterministic")},
        "allow_tf32": "set_allow_tf32_cublas",
    }

    def __init__(self) -> None:
        self.enabled, self.deterministic, self.benchmark, self.allow_tf32 = True, False, False, True
        self.benchmark_limit: int | None = None
        self.fp32_precision = "none"

    def version(self) -> None:
        """Which version there is: none."""


class MatMul(_Flags):
    """Products of matrices on NVIDIA's cards."""

    __module__ = "torch.backends.cuda"
    stands_for_module = False
    _setters: ClassVar = {"allow_tf32": "set_allow_tf32_cublas"}

    def __init__(self) -> None:
        self.allow_tf32 = False
        self.allow_fp16_reduced_precision_reduction = self.allow_bf16_reduced_precision_reduction = True
        self.fp32_precision = "none"

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in MATMUL:
            raise AttributeError(f"Unknown attribute {name}")
        super().__setattr__(name, value)


MATMUL = frozenset(
    "allow_tf32 allow_fp16_reduced_precision_reduction allow_bf16_reduced_precision_reduction fp32_precision".split()
)


class Cuda(_Flags):
    """NVIDIA's cards."""

    __module__ = "torch.backends.cuda"

    def __init__(self) -> None:
        self.matmul = MatMul()

    def is_built(self) -> bool:
        """Whether PyTorch for the CPU was built for them."""
        return False

    def __getattr__(self, name: str) -> Any:
        if name == "sdp_kernel":
            return sdp_kernel
        for way in WAYS:
            if name == f"{way}_sdp_enabled":
                return lambda: WAYS[way]
            if name == f"enable_{way}_sdp":
                return lambda enabled: WAYS.update({way: enabled})
        raise AttributeError(f"module 'torch.backends.cuda' has no attribute '{name}'")


class MPS(_Flags):
    """Apple's cards."""

    __module__ = "torch.backends.mps"

    def is_built(self) -> bool:
        """Whether PyTorch for the CPU was built for them."""
        return False


class MKL(_Flags):
    """Intel's library of linear algebra."""

    __module__ = "torch.backends.mkl"
    _available = True


class MKLDNN(_Flags):
    """Intel's library for networks."""

    __module__ = "torch.backends.mkldnn"
    _available = True
    _setters: ClassVar = {
        **{name: f"set_{name}_mkldnn" for name in ("enabled", "deterministic")},
        "allow_tf32": "_set_onednn_allow_tf32",
    }

    def __init__(self) -> None:
        self.enabled, self.deterministic, self.fp32_precision = True, False, "none"

    @property
    def allow_tf32(self) -> None:
        """None: without Intel's cards there is nothing that it could allow."""

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        messages.warn(
            "TF32 acceleration on top of oneDNN is available for Intel GPUs. The current Torch version does not have Intel "
            "GPU Support."
        )


class MHA(_Flags):
    """The shortcuts of attention for inference."""

    __module__ = "torch.backends.mha"

    def __init__(self) -> None:
        self.enabled = True

    def get_fastpath_enabled(self) -> bool:
        """Whether they may be taken."""
        return self.enabled

    def set_fastpath_enabled(self, value: bool) -> None:
        """Say whether they may be taken."""
        self.enabled = value


class OpenMP(_Flags):
    """Threads."""

    __module__ = "torch.backends.openmp"
    _available = True


class Backends(_Flags):
    """All of them."""

    __module__ = "torch.backends"

    def __init__(self) -> None:
        self.cuda, self.cudnn, self.mps = Cuda(), CuDNN(), MPS()
        self.mkl, self.mkldnn, self.openmp, self.mha = MKL(), MKLDNN(), OpenMP(), MHA()


backends = Backends()
for flags in (backends.cudnn, backends.cuda.matmul, backends.mkldnn, backends.mha):
    process.keep_contents(vars(flags))
