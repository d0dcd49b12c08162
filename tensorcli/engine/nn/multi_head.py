"""`torch.nn.functional.multi_head_attention_forward`, and what reads its masks."""

import math
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.nn.functional import dropout
from tensorcli.engine.tensor import Tensor


def float_mask(mask: Any, name: str, kind: Any, other: Any = None) -> Any:
    """A mask that is added to the scores: of a boolean one, minus infinity where it is true. `other`: the other mask.

    Errors: AssertionError for a mask of integers, RuntimeError where the other one is none.
    """
    if other is not None and not isinstance(other, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and mask.dtype is not other.dtype:
        messages.warn(
            f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both instead."
        )
    if mask.is_floating_point():
        return mask
    return functions.zeros_like(mask, dtype=kind).masked_fill_(mask, float("-inf"))


def _checked_shapes(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether there is a dimension for the batch. Errors: AssertionError."""
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    what = f"For {'batched' if dims == 3 else 'unbatched'} ({dims}-D) `query`, expected"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"{what} `key` and `value` to be {dims}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != dims - 1:
        raise AssertionError(
            f"{what} `key_padding_mask` to be `None` or {dims - 1}-D but found {padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"{what} `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if dims == 2 and mask is not None and mask.dim() == 3:
        expected = (heads, query.shape[0], key.shape[0])
        if mask.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return bool(dims == 3)


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """The three inputs through one weight of three parts; what is the same input goes through in one product.

    Errors: AssertionError where key and value have different shapes.
    """
    if key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    size = query.size(-1)
    if key is not value:
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        parts = zip((query, key, value), weight.chunk(3), biases, strict=True)
        first, second, third = (functions.linear(*each) for each in parts)
        return first, second, third
    if query is key:
        found = _several(functions.linear(query, weight, bias), 3, size)
        return found[0], found[1], found[2]
    own, others = weight.split([size, 2 * size])
    own_bias, other_bias = (None, None) if bias is None else bias.split([size, 2 * size])
    first = functions.linear(query, own, own_bias)
    found = _several(functions.linear(key, others, other_bias), 2, size)
    return first, found[0], found[1]


def _several(product: Any, count: int, size: int) -> Any:
    """A product that holds several, one beside the other, taken apart."""
    return product.unflatten(-1, (count, size)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()


def _separately(inputs: Any, weights: Any, bias: Any) -> tuple[Any, Any, Any]:
    """The three inputs through a weight each. Errors: AssertionError for shapes that do not fit."""
    _, key, value = inputs
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    size = inputs[0].size(-1)
    for name, one, weight in zip(("query", "key", "value"), inputs, weights, strict=True):
        expected = (size, one.size(-1))
        if weight.shape != expected:
            raise AssertionError(f"expecting {name} weights shape of {expected}, but got {weight.shape}")
    first, second, third = (functions.linear(*each) for each in zip(inputs, weights, biases, strict=True))
    return first, second, third


def multi_head_attention_forward(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None,
    v_proj_weight: Any = None, static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Attention of several heads: the inputs projected, attended to, and projected back; and the weights of it, if asked."""
    batched = _checked_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (each.unsqueeze(1) for each in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, size = query.shape
    key_padding_mask = float_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = float_mask(attn_mask, "attn_mask", query.dtype)
        is_causal = is_causal and key_padding_mask is None
    if size != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    head = size // num_heads
    if head * num_heads != size:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        for letter, weight in zip("qkv", (q_proj_weight, k_proj_weight, v_proj_weight), strict=True):
            if weight is None:
                raise AssertionError(f"use_separate_proj_weight is True but {letter}_proj_weight is None")
        weights = q_proj_weight, k_proj_weight, v_proj_weight
        q, k, v = _separately((query, key, value), weights, in_proj_bias)
    else:
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _checked_mask(attn_mask, (length, key.shape[0]), batch * num_heads)
    _check_given(static_k, static_v, bias_k, bias_v, (batch * num_heads, head))

    def widened(mask: Any) -> Any:
        return None if mask is None else functions.pad(mask, (0, 1))

    if bias_k is not None and bias_v is not None:
        k = functions.cat([k, bias_k.repeat(1, batch, 1)])
        v = functions.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = widened(attn_mask), widened(key_padding_mask)
    q = q.view(length, batch * num_heads, head).transpose(0, 1)
    k = k.view(k.shape[0], batch * num_heads, head).transpose(0, 1) if static_k is None else static_k
    v = v.view(v.shape[0], batch * num_heads, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        k, v = (functions.cat([each, each.new_zeros((batch * num_heads, 1, head))], 1) for each in (k, v))
        attn_mask, key_padding_mask = widened(attn_mask), widened(key_padding_mask)
    source = k.size(1)
    if key_padding_mask is not None:
        padding = _of_heads(key_padding_mask, batch, num_heads, source)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    dropped, shares = dropout_p if training else 0.0, None
    if need_weights:
        shares = _shares(q * math.sqrt(1.0 / float(head)), k, attn_mask, dropped)
        found = functions.bmm(shares, v).transpose(0, 1).reshape(length * batch, size)
    else:
        found = _fused(q, k, v, attn_mask, (batch, num_heads, length, source, head), dropped, is_causal)
    found = functions.linear(found, out_proj_weight, out_proj_bias)
    found = found.view(length, batch, found.size(1))
    if shares is not None:
        shares = shares.view(batch, num_heads, length, source)
        shares = shares.mean(1) if average_attn_weights else shares
    if batched:
        return found, shares
    return found.squeeze(1), None if shares is None else shares.squeeze(0)


def _check_given(static_k: Any, static_v: Any, bias_k: Any, bias_v: Any, sizes: tuple[int, int]) -> None:
    """Errors: AssertionError for keys and values given ready-made, of heads of `sizes`, or for one bias without the other."""
    if (bias_k is None) != (bias_v is None):
        there, missing = ("bias_k", "bias_v") if bias_v is None else ("bias_v", "bias_k")
        raise AssertionError(f"{there} is set but {missing} is None")
    for name, bias, static in (("key", bias_k, static_k), ("value", bias_k, static_v)):
        if bias is not None and static is not None:
            raise AssertionError(f"bias cannot be added to static {name}.")
    for name, static in (("static_k", static_k), ("static_v", static_v)):
        for dim, wanted in zip((0, 2), sizes, strict=True):
            if static is not None and static.size(dim) != wanted:
                raise AssertionError(f"expecting {name}.size({dim}) of {wanted}, but got {static.size(dim)}")


def _of_heads(mask: Any, batch: int, heads: int, source: int) -> Any:
    """A mask of the keys, for each head. Errors: AssertionError for one of other sizes."""
    for dim, wanted in enumerate((batch, source)):
        if mask.shape[dim] != wanted:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{dim}] to be {wanted}, but got {mask.shape[dim]}"
            )
    return mask.view(batch, 1, 1, source).expand(-1, heads, -1, -1).reshape(batch * heads, 1, source)


def _shares(scaled: Any, k: Any, mask: Any, dropped: float) -> Any:
    """How much of each value every query takes."""
    keys = k.transpose(-2, -1)
    scores = functions.bmm(scaled, keys) if mask is None else functions.baddbmm(mask, scaled, keys)
    shares = scores.softmax(-1)
    return dropout(shares, dropped) if dropped > 0.0 else shares


def _checked_mask(mask: Any, sizes: tuple[int, int], several: int) -> Any:
    if mask is None:
        return None
    expected = sizes if mask.dim() == 2 else (several, *sizes)
    if mask.shape != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _fused(q: Any, k: Any, v: Any, mask: Any, sizes: Any, dropped: float, is_causal: bool) -> Any:
    batch, heads, length, source, head = sizes
    if mask is not None:
        one = mask.size(0) == 1 and mask.dim() == 3
        mask = mask.unsqueeze(0) if one else mask.view(batch, heads, -1, source)
    found = functions.scaled_dot_product_attention(
        q.view(batch, heads, length, head),
        k.view(batch, heads, source, head),
        v.view(batch, heads, source, head),
        mask,
        dropped,
        is_causal,
    )
    return found.permute(2, 0, 1, 3).reshape(batch * length, heads * head)


def attend_at_once(
    module: Any, query: Any, mask: Any, kind: int | None, need_weights: bool = True, average: bool = True
) -> tuple[Any, Any]:
    """Attention of a sequence to itself, (batch, length, size), as PyTorch's operator for inference has it.

    `mask` hides where it is not 0: (batch, length) if `kind` is 1, else (batch, heads, length, length). A place that may see
    nothing finds NaN. Errors: RuntimeError with PyTorch's texts.
    """
    batch, length, size = query.shape
    if size != module.embed_dim:
        raise RuntimeError(f"passed-in embed_dim {module.embed_dim} didn't match last dim of query {size}")
    heads, head = module.num_heads, module.head_dim
    projected = functions.linear(query, module.in_proj_weight, module.in_proj_bias)
    q, k, v = projected.view(batch, length, 3, heads, head).permute(2, 0, 3, 1, 4).unbind()
    scores = functions.matmul(q * (1.0 / math.sqrt(head)), k.transpose(-2, -1))
    if mask is not None:
        if kind == 1:
            if mask.shape != (batch, length):
                raise RuntimeError("For mask_type == 1 mask shape should be (B, L)")
            mask = mask.view(batch, 1, 1, length)
        scores = scores.masked_fill(mask.ne(0), float("-inf"))
    shares = scores.softmax(-1)
    found = functions.matmul(shares, v).transpose(1, 2).reshape(batch, length, size)
    output = functions.linear(found, module.out_proj.weight, module.out_proj.bias)
    if not need_weights:
        return output, None
    return output, shares.sum(1) / heads if average else shares
