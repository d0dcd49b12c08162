"""Attention of several heads, and the encoder layer that is made of it.

For inference PyTorch takes a shortcut through one operator, which shows in what comes out: it is laid out otherwise, a place
that may see nothing finds NaN, and `is_causal` without a mask says nothing. `attend_at_once` is that way.
"""

import sys
from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers.activation import GELU, Dropout, ReLU
from tensorcli.engine.nn.layers.linear import Linear, NonDynamicallyQuantizableLinear, empty
from tensorcli.engine.nn.layers.norm import LayerNorm
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.multi_head import attend_at_once, float_mask


class MultiheadAttention(Module):
    """Queries attend to keys and values, in several heads."""

    __module__ = "torch.nn.modules.activation"
    in_proj_weight: Any
    q_proj_weight: Any
    k_proj_weight: Any
    v_proj_weight: Any
    in_proj_bias: Any

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        where = {"device": device, "dtype": dtype}
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        inward = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        if not self._qkv_same_embed_dim:
            for name, size in inward.items():
                setattr(self, f"{name}_proj_weight", empty((embed_dim, size), **where))
            self.register_parameter("in_proj_weight", None)
        else:
            self.in_proj_weight = empty((3 * embed_dim, embed_dim), **where)
            for name in inward:
                self.register_parameter(f"{name}_proj_weight", None)
        self.register_parameter("in_proj_bias", empty(3 * embed_dim, **where) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **where)
        self.bias_k: Any = None
        self.bias_v: Any = None
        if add_bias_kv:
            del self.bias_k, self.bias_v
            self.bias_k = empty((1, 1, embed_dim), **where)
            self.bias_v = empty((1, 1, embed_dim), **where)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """What the queries found, and how much each looked at what (None unless `need_weights`)."""
        added = any(mask is not None and mask.is_floating_point() for mask in (attn_mask, key_padding_mask))
        key_padding_mask = float_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask)
        attn_mask = float_mask(attn_mask, "attn_mask", query.dtype)
        if not added and query is key is value and self._may_attend_at_once(query, query.dim()):
            mask, kind = self.merge_masks(attn_mask, key_padding_mask, query)
            return attend_at_once(self, query, mask, kind, need_weights, average_attn_weights)
        turned = self.batch_first and query.dim() == 3
        if turned:
            # What was one tensor stays one: the projection looks whether the inputs are the same.
            found: dict[int, Any] = {}
            for each in (query, key, value):
                if id(each) not in found:
                    found[id(each)] = each.transpose(1, 0)
            query, key, value = (found[id(each)] for each in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if turned else output), weights

    def _may_attend_at_once(self, query: Any, dims: int, *more: Any) -> bool:
        """Whether PyTorch takes its operator for inference. `more`: what else must not require grad."""
        if self.training or dims != 3 or not self.batch_first or self.num_heads % 2:
            return False
        if (
            not self._qkv_same_embed_dim
            or self.in_proj_bias is None
            or self.bias_k is not None
            or self.add_zero_attn
            or not shortcuts()
        ):
            return False
        if query.dtype is not self.in_proj_weight.dtype:
            return False
        own = (self.in_proj_weight, self.in_proj_bias, self.out_proj.weight, self.out_proj.bias)
        return not (mode.grad and any(each.requires_grad for each in (query, *own, *more)))

    def merge_masks(self, attn_mask: Any, key_padding_mask: Any, query: Any) -> tuple[Any, int | None]:
        """One mask of both for (batch, heads, length, length), and which kind: 1 where it is of the keys alone, else 2."""
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length, _ = query.shape
        if attn_mask.dim() == 3:
            mask = attn_mask.view(batch, -1, length, length)
        else:
            mask = attn_mask.view(1, 1, length, length).expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            mask = mask + key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return mask, 2


def shortcuts() -> bool:
    """Whether PyTorch may take its operators for inference: not in autocast, nor where they are switched off."""
    from tensorcli.engine.backend_flags import backends

    autocast = sys.modules.get("tensorcli.engine.amp.casting")
    return backends.mha.enabled and not (autocast is not None and autocast.is_autocast_enabled())


class TransformerEncoderLayer(Module):
    """Self-attention and two linear layers, each added to what came in and normalised."""

    __module__ = "torch.nn.modules.transformer"

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where = {"device": device, "dtype": dtype}
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **where
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of(activation)
        self.activation_relu_or_gelu = _number_of(self.activation)

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Any:
        """The sequence, each place having looked at the others."""
        padding = float_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, src_mask)
        mask = float_mask(src_mask, "src_mask", src.dtype)
        if self._may_run_at_once(src):
            return self._at_once(src, mask, padding)
        if self.norm_first:
            src = src + self._sa_block(self.norm1(src), mask, padding, is_causal=is_causal)
            return src + self._ff_block(self.norm2(src))
        src = self.norm1(src + self._sa_block(src, mask, padding, is_causal=is_causal))
        return self.norm2(src + self._ff_block(src))

    def _may_run_at_once(self, src: Any) -> bool:
        if not self.activation_relu_or_gelu or self.norm1.eps != self.norm2.eps:
            return False
        layers = (self.norm1, self.norm2, self.linear1, self.linear2)
        rest = [each for layer in layers for each in (layer.weight, layer.bias)]
        if self.training or not self.self_attn._may_attend_at_once(src, src.dim(), *rest):
            return False
        return not any(each._forward_hooks or each._forward_pre_hooks for each in self.modules())

    def _at_once(self, src: Any, mask: Any, padding: Any) -> Any:
        merged, kind = self.self_attn.merge_masks(mask, padding, src)

        def attended(x: Any) -> Any:
            return attend_at_once(self.self_attn, x, merged, kind, need_weights=False)[0]

        activated = F.gelu if self.activation_relu_or_gelu == 2 else F.relu

        def fed(x: Any) -> Any:
            return self.linear2(activated(self.linear1(x)))

        if self.norm_first:
            src = src + attended(self.norm1(src))
            return src + fed(self.norm2(src))
        src = self.norm1(src + attended(src))
        return self.norm2(src + fed(src))

    def _sa_block(self, x: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        return self.dropout1(attend(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))

    def _ff_block(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def attend(attention: Any, x: Any, memory: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
    """What the places of `x` take from a memory that they look at."""
    masks = {"attn_mask": mask, "key_padding_mask": padding, "is_causal": is_causal}
    return attention(x, memory, memory, **masks, need_weights=False)[0]


def _number_of(activation: Any) -> int:
    """1 for relu, 2 for gelu (of whichever kind), 0 for others: PyTorch's operator for inference knows those two."""
    if activation is F.relu or isinstance(activation, ReLU):
        return 1
    return 2 if activation is F.gelu or isinstance(activation, GELU) else 0


def activation_of(given: str | Callable[[Any], Any]) -> Any:
    """An activation, by its name or itself. Errors: RuntimeError for an unknown name."""
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return getattr(F, given)
