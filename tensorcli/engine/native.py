"""What the classes that PyTorch has in C share: their complaints name the module."""

from typing import Any


class Native:
    """A class that is told of with its module's name: `'torch.Size' object has no attribute 'x'`, `… is not callable`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        kind = type(self)
        raise AttributeError(
            f"'{kind.__module__}.{kind.__name__}' object has no attribute '{name}'", name=name, obj=self
        )

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        kind = type(self)
        raise TypeError(f"unsupported format string passed to {kind.__module__}.{kind.__name__}.__format__")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind = type(self)
        raise TypeError(f"'{kind.__module__}.{kind.__name__}' object is not callable")
