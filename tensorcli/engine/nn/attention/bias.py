"""`torch.nn.attention.bias`: masks of attention that say where the diagonal begins, of which no element is kept."""

from enum import IntEnum
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import CPU
from tensorcli.engine.tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """In which corner the diagonal begins (UPPER_LEFT), or ends (LOWER_RIGHT)."""

    __module__ = "torch.nn.attention.bias"

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A mask for `scaled_dot_product_attention`: each query sees the keys up to the diagonal."""

    __module__ = "torch.nn.attention.bias"

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        self.variant = variant
        self.seq_len_q = seq_len_q
        self.seq_len_kv = seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            messages.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!"
            )

    def _materialize(self, device: Any = CPU) -> Any:
        """The mask as an ordinary tensor."""
        whole = functions.ones(self.seq_len_q, self.seq_len_kv, device=device, dtype=dtypes.bool_)
        upper = self.variant == CausalVariant.UPPER_LEFT
        return functions.tril(whole, 0 if upper else self.seq_len_kv - self.seq_len_q)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ == "scaled_dot_product_attention":
            return _attention(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def __repr__(self) -> str:
        return repr(self._materialize())


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: CausalBias,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if is_causal:
        raise ValueError("CausalBias should not be used with causal=True")
    mask = None
    if attn_mask.variant == CausalVariant.LOWER_RIGHT and attn_mask.seq_len_q != attn_mask.seq_len_kv:
        _check(query, key, value)
        mask = attn_mask._materialize(query.device)
    return functions.scaled_dot_product_attention(
        query, key, value, mask, dropout_p, mask is None, scale=scale, enable_gqa=enable_gqa
    )


def _check(query: Any, key: Any, value: Any) -> None:
    """Errors: ValueError for tensors that differ in dtype or device, or have less than two dimensions."""
    for name, told in (("dtype", "dtype"), ("device", "device type")):
        given = [getattr(each, name) for each in (query, key, value)]
        if len(set(given)) > 1:
            raise ValueError(
                f"Expected query, key, and value to have the same {told}, but got query.{name}: {given[0]}, key.{name}: "
                f"{given[1]}, and value.{name}: {given[2]} instead."
            )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise ValueError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.dim()}, key.dim: "
            f"{key.dim()} and value.dim: {value.dim()} instead."
        )


def _two(name: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if len(sizes) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return sizes


def causal_upper_left(*size: int) -> CausalBias:
    """A mask whose diagonal begins in the upper left corner: of as many queries and keys."""
    return CausalBias(CausalVariant.UPPER_LEFT, *_two("causal_upper_left", size))


def causal_lower_right(*size: int) -> CausalBias:
    """A mask whose diagonal ends in the lower right corner: of as many queries and keys."""
    return CausalBias(CausalVariant.LOWER_RIGHT, *_two("causal_lower_right", size))
