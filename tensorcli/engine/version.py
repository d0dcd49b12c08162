"""`torch.version`: of which PyTorch this is the engine, and what that build was made with."""

__version__ = "2.13.0+cpu"
debug = False
cuda: str | None = None
git_version = "cf30153c4c131c8164ee7798e5022d810682e2cb"
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
