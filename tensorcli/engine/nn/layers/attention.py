"""Attention of several heads, and the encoder layer that is made of it.

The shortcut that PyTorch takes for inference in one operator is not there: it computes the same.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn import init
from tensorcli.engine.nn.heads import float_mask
from tensorcli.engine.nn.layers.activation import Dropout
from tensorcli.engine.nn.layers.linear import Linear, NonDynamicallyQuantizableLinear, empty
from tensorcli.engine.nn.layers.norm import LayerNorm
from tensorcli.engine.nn.module import Module


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
        self._separate = not self.kdim == self.vdim == embed_dim
        inward = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        if self._separate:
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
        other = None if attn_mask is None else attn_mask.dtype
        key_padding_mask = float_mask(key_padding_mask, "key_padding_mask", query.dtype, other)
        attn_mask = float_mask(attn_mask, "attn_mask", query.dtype)
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
            use_separate_proj_weight=self._separate,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if turned else output), weights


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

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Any:
        """The sequence, each place having looked at the others."""
        other = None if src_mask is None else src_mask.dtype
        padding = float_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, other)
        mask = float_mask(src_mask, "src_mask", src.dtype)
        if self.norm_first:
            src = src + self._sa_block(self.norm1(src), mask, padding, is_causal=is_causal)
            return src + self._ff_block(self.norm2(src))
        src = self.norm1(src + self._sa_block(src, mask, padding, is_causal=is_causal))
        return self.norm2(src + self._ff_block(src))

    def _sa_block(self, x: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        masks = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "is_causal": is_causal}
        found = self.self_attn(x, x, x, **masks, need_weights=False)
        return self.dropout1(found[0])

    def _ff_block(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def activation_of(given: str | Callable[[Any], Any]) -> Any:
    """An activation, by its name or itself. Errors: RuntimeError for an unknown name."""
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return getattr(F, given)
