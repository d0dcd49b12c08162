"""`torch.version`: which PyTorch this engine reproduces, and what that build was made with."""

from tensorcli.engine import __version__ as _version

__version__ = str(_version)

debug = False
cuda: str | None = None
git_version = "cf30153c4c131c8164ee7798e5022d810682e2cb"
hip: str | None = None
rocm: str | None = None
xpu: str | None = None


def compiled_with_cxx11_abi() -> bool:
    """Whether PyTorch was compiled with the newer interface of C++'s library."""
    return True


def is_vulkan_available() -> bool:
    """Whether PyTorch computes on Vulkan."""
    return False
