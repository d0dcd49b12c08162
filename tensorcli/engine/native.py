"""What the classes that PyTorch has in C share: complaints name their module, too."""

from typing import Any


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
