"""Attention: which rows of a value each row of a query asks for, weighted by a softmax over the keys.

PyTorch has two ways on the CPU: one fused operator, which keeps the logarithm of each softmax's sum instead of the
weights, and a composite of multiplications where the fused one does not apply.
"""

import numpy as np

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.backend_flags import WAYS
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED, is_reduced
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._registers import LANES, MOST, is_small_single, reduced, reduced_products, rough_exp
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.tensor import Tensor

# ---- the fused operator


def _scores(xp, query, key, is_causal, attn_mask, scale):
    """How well the keys answer each query, and by what the products were scaled."""
    factor = query.dtype.type(1 / np.sqrt(query.shape[-1]) if scale is None else scale)
    scores = _answers(xp, query, key) * factor
    if attn_mask is not None:
        scores = scores + attn_mask
    if is_causal:
        rows, columns = scores.shape[-2:]
        scores = xp.where(xp.tri(rows, columns, dtype=bool), scores, scores.dtype.type(-np.inf))
    return scores, factor


def _answers(xp, a, b):
    """The products of all rows of a with those of b, small ones in the order of PyTorch's dot product."""
    if is_small_single(xp, a) and a.size * b.shape[-2] <= MOST:
        return reduced(a[..., :, None, :] * b[..., None, :, :])
    return a @ b.swapaxes(-1, -2)


def _inner(xp, a, b, own):
    """The products of two arrays, added up over the last dimension; few of a reduced dtype one after the other."""
    if not is_small_single(xp, a):
        return (a * b).sum(axis=-1)
    if is_reduced(own) and a.shape[-1] <= LANES:
        return np.add.accumulate(a * b, -1)[..., -1]
    return reduced_products(a, b)


def _powers(xp, scores, own):
    """The exponentials of scores, the largest of which is 0. For a reduced dtype those that fill a register are rough."""
    if not (xp is np and is_reduced(own)):
        return xp.exp(scores)
    whole = scores.shape[-1] - scores.shape[-1] % LANES
    return np.concatenate([rough_exp(scores[..., :whole]), np.exp(scores[..., whole:])], -1)


def _heads(xp, array, count):
    """Groups of queries share a key: each key's head as often as it is asked for."""
    times = count // array.shape[1]
    return array if times == 1 else xp.repeat(array, times, axis=1)


def _as_input(array, source):
    """Laid out as the input it belongs to."""
    return Laid(array, geometry.preserved_strides(own_geometry(source)))


def _by_rows(array):
    """Laid out as (batch, rows, heads, size), as PyTorch lays out the gradients."""
    _, heads, rows, size = array.shape
    return Laid(array, (rows * heads * size, size, heads * size, 1))


@op(
    "_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, "
    "bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
    out=False,
    stepwise=REDUCED,
    variants="function",
    namespace="nn",
    query__key__value=lambda grad, query, key, value, output, logsumexp, dropout_p, is_causal, attn_mask, scale: (
        functions._scaled_dot_product_flash_attention_for_cpu_backward(
            grad, query, key, value, output, logsumexp, dropout_p, is_causal, attn_mask=attn_mask, scale=scale
        )
    ),
    attn_mask=None,
    logsumexp=None,
)
def flash_attention(xp, query, key, value, dropout_p, is_causal, attn_mask, scale):
    """The values that each query asks for, weighted by a softmax over the keys, as one fused step."""
    own, source = query.dtype, query
    query, key, value, attn_mask = widened(query, key, value, attn_mask)
    count = query.shape[1]
    scores, _ = _scores(xp, query, _heads(xp, key, count), is_causal, attn_mask, scale)
    most = scores.max(axis=-1, keepdims=True)
    powers = _powers(xp, scores - xp.where(xp.isinf(most), 0, most), own)
    total = powers.sum(axis=-1, keepdims=True)
    # A row that may see nothing gives zeros.
    seen = total > 0
    safe = xp.where(seen, total, 1)
    (rounded,) = widened(powers.astype(own, copy=False))
    found = xp.where(seen, (rounded @ _heads(xp, value, count)) / safe, 0).astype(own)
    sums = (xp.where(seen, xp.log(safe), -np.inf) + most)[..., 0]
    _, heads, rows = sums.shape
    return _as_input(found, source), Laid(sums, (rows * heads, 1, heads))


@op(
    "_scaled_dot_product_flash_attention_for_cpu_backward(Tensor grad_out, Tensor query, Tensor key, Tensor value, "
    "Tensor out, Tensor logsumexp, float dropout_p, bool is_causal, *, Tensor? attn_mask=None, float? scale=None) "
    "-> (Tensor grad_query, Tensor grad_key, Tensor grad_value)",
    stepwise=REDUCED,
    variants="function",
    namespace="nn",
)
def flash_attention_backward(
    xp, grad_out, query, key, value, out, logsumexp, dropout_p, is_causal, attn_mask, scale
):
    """The gradients of the fused attention."""
    own = query.dtype
    grad_out, query, key, value, out, attn_mask = widened(grad_out, query, key, value, out, attn_mask)
    count = query.shape[1]
    keys, values = _heads(xp, key, count), _heads(xp, value, count)
    scores, factor = _scores(xp, query, keys, is_causal, attn_mask, scale)
    sums = logsumexp[..., None]
    weights = xp.where(xp.isneginf(sums), 0, xp.exp(scores - sums))
    shared = _inner(xp, grad_out, out, own)
    of_scores = weights * (_answers(xp, grad_out, values) - shared[..., None])
    weights, of_scores = widened(weights.astype(own, copy=False), of_scores.astype(own, copy=False))
    of_query, of_key = of_scores @ keys * factor, of_scores.swapaxes(-1, -2) @ query * factor
    of_value = weights.swapaxes(-1, -2) @ grad_out
    if count != key.shape[1]:
        shared = (key.shape[0], key.shape[1], count // key.shape[1], *key.shape[2:])
        of_key, of_value = of_key.reshape(shared).sum(axis=2), of_value.reshape(shared).sum(axis=2)
    return tuple(_by_rows(each.astype(own, copy=False)) for each in (of_query, of_key, of_value))


# ---- the function


@composite(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, "
    "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
    variants="function",
    namespace="nn",
)
def scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    """The values that each query asks for, weighted by a softmax over the keys."""
    _check(query, key, value, attn_mask)
    if attn_mask is not None and attn_mask.dtype is dtypes.bool_:
        attn_mask = _added(attn_mask, query)
    if _takes_fused(query, key, value, attn_mask, dropout_p, enable_gqa):
        if attn_mask is not None:
            sizes = (query.size(0), query.size(1), query.size(2), key.size(2))
            if attn_mask.ndim == 4:
                attn_mask = attn_mask.expand(sizes)
        return functions._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale
        )[0]
    return _multiplied(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


def _takes_fused(query, key, value, attn_mask, dropout_p, enable_gqa):
    """Whether the fused operator is taken. Errors: RuntimeError where no way is left that could be."""
    if not (WAYS["flash"] or WAYS["math"]):
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the math "
            "kernel and the fused kernels."
        )
    reason = _why_not_fused(query, key, value, attn_mask, dropout_p, enable_gqa) if WAYS["flash"] else ""
    if WAYS["flash"] and reason is None and not query.is_meta:
        return True
    if not WAYS["math"]:
        messages.warn("Flash attention kernel not used because:")
        if reason:
            messages.warn(reason)
        raise RuntimeError("No available kernel.  Aborting execution.")
    return False


def _added(seen, query):
    """What is added to the scores: nothing where a key is seen, else minus infinity."""
    nothing, never = (
        functions.full((), value, dtype=query.dtype, device=query.device) for value in (0, -np.inf)
    )
    return functions.where(seen, nothing, never)


def _check(query, key, value, attn_mask):
    """Errors: RuntimeError with PyTorch's texts."""
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {_word(query)} key.dtype: "
            f"{_word(key)} and value.dtype: {_word(value)} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} key.dim: "
            f"{key.ndim} and value.dim: {value.ndim} instead."
        )
    if attn_mask is not None and attn_mask.dtype not in (dtypes.bool_, dtypes.float32, query.dtype):
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{_word(attn_mask)} and  query.dtype: {_word(query)} instead."
        )


_WORDS = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}
_WORDS |= {
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
}
_WORDS |= {"bool": "bool", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}


def _word(tensor):
    """The C++ name of a dtype."""
    return _WORDS.get(tensor.dtype.name, tensor.dtype.name)


def _why_not_fused(query, key, value, attn_mask, dropout_p, enable_gqa):
    """Why PyTorch's fused operator does not apply on the CPU (aten/src/ATen/native/transformers/sdp_utils_cpp.cpp), in its
    words, which for some reasons are none; None where it applies."""
    inputs = (query, key, value)
    named = dict(zip(("Query", "Key", "Value"), inputs, strict=True))

    def told(what, of, separator):
        return separator.join(f"{name}{what}: {of(one)}" for name, one in named.items())

    if query.dtype.category != dtypes.FLOATING:
        kinds = [f"{name} dtype: {_word(one)}" for name, one in named.items()]
        return (
            "Expected query, key and value to all be of dtype: {Float, Double, BFloat16, Half}. Got "
            f"{kinds[0]}, {kinds[1]}, and {kinds[2]} instead."
        )
    if dropout_p > 0:
        return "Both fused kernels do not support non-zero dropout."
    if any(one.ndim != 4 for one in inputs):
        return (
            "All fused kernels requires query, key and value to be 4 dimensional, but got "
            f"{told(' dim', lambda one: one.ndim, ', ')} instead."
        )
    reason = _why_not_by_heads(query, key, value, enable_gqa)
    if reason is not None:
        return reason
    if attn_mask is not None:
        attn_mask.size(-2)  # PyTorch's own look at the sizes refuses a mask of one dimension.
        if attn_mask.ndim not in (2, 4):
            return (
                "Please use the following attn mask shapes: 2d - ({Q_seq_len, 1}  x {KV_seq_len, 1}); 4d - ({Batch, 1} x "
                "{Num_heads, 1} x {Q_seq_len, 1}  x {KV_seq_len, 1})"
            )
        if attn_mask.requires_grad or not _mask_fits(query, key, attn_mask):
            return ""
    if len({one.size(3) for one in inputs}) > 1:
        return (
            "Flash attention requires q,k,v to have the same last dimension. Got "
            f"{told('.size(-1)', lambda one: one.size(3), ', ')} instead."
        )
    if key.size(2) != value.size(2) or not all(one.numel() for one in inputs):
        return ""
    if any(one.stride(-1) != 1 for one in inputs):
        return (
            "All fused kernels require the last dimension of the input to have stride 1. Got "
            f"{told('.stride(-1)', lambda one: one.stride(-1), ', ')}"
        )
    return None


def _why_not_by_heads(query, key, value, enable_gqa):
    sizes = [list(one.geometry.sizes) for one in (query, key, value)]
    batches, heads = zip(*((one[0], one[1]) for one in sizes), strict=True)
    end = "To broadcast dense inputs, try using unsqueeze and expand_to before passing them into the kernel."
    if len(set(batches)) > 1:
        return (
            "For dense inputs, both fused kernels require query, key and value to have the same batch_size. Query.sizes(): "
            f"{sizes[0]}, Key.sizes(): {sizes[1]}, Value.sizes(): {sizes[2]} instead. {end}"
        )
    if not enable_gqa:
        if len(set(heads)) > 1:
            return (
                "For dense input, both fused kernels require query, key and value to have the same num_heads. "
                f"Query.sizes(): {sizes[0]}, Key sizes(): {sizes[1]}, Value sizes(): {sizes[2]} instead. {end}"
            )
    elif heads[1] != heads[2]:
        return (
            "Both fused kernels require key and value to have the same num_heads and batch_size but got: Key sizes: "
            f"{sizes[1]}, Value sizes: {sizes[2]}, Query sizes: {sizes[0]} instead."
        )
    elif not heads[1] or heads[0] % heads[1]:
        return (
            "The number of heads in key/value must divide number of heads in query.Got input Key sizes(): "
            f"{heads[1]}, Value sizes(): {heads[2]}, Query sizes(): {heads[0]} instead."
        )
    return None


def _mask_fits(query, key, attn_mask):
    wanted = (query.size(0), query.size(1), query.size(2), key.size(2))
    sizes = attn_mask.geometry.sizes
    return all(own in (1, size) for own, size in zip(reversed(sizes), reversed(wanted), strict=False))


def _multiplied(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    """Attention as multiplications: both sides are scaled by the root of the scale, which overflows later."""
    kept = query.dtype
    if kept.reduced:
        query, key, value = (one.to(dtypes.float32) for one in (query, key, value))
        if attn_mask is not None:
            attn_mask = attn_mask.to(dtypes.float32)
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )
        sizes = (query.size(-2), key.size(-2))
        seen = functions.ones(sizes, dtype=dtypes.bool_, device=query.device).tril()
        attn_mask = _added(seen, query if query.dtype.category >= dtypes.FLOATING else query.float())
    if enable_gqa:
        groups = query.size(-3)
        if any(groups % one.size(-3) for one in (key, value)):
            raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
        key = key.repeat_interleave(groups // key.size(-3), -3)
        value = value.repeat_interleave(groups // value.size(-3), -3)
    total = 1 / np.sqrt(query.size(-1)) if scale is None else scale
    root = float(np.sqrt(abs(total)))
    query = direct("_mul.Scalar", query, -root if total < 0 else root)
    scores = query.matmul(direct("_mul.Scalar", key.transpose(-2, -1), root))
    if attn_mask is not None:
        scores = scores.add_(attn_mask)
    weights = functions._safe_softmax(scores, -1)
    if dropout_p > 0:
        weights = functions.dropout(weights, dropout_p, True)
    result = weights.matmul(value)
    return result.to(kept) if isinstance(result, Tensor) and kept.reduced else result


@op(
    "_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
    out=False,
    variants="function",
    namespace="nn",
    self=lambda grad, result, dim, self_dtype: functions._softmax_backward_data(
        grad, result, dim, self_dtype
    ),
)
def safe_softmax(xp, self, dim, dtype):
    """A softmax that gives zeros where all elements are minus infinity."""
    if not self.size:
        return self.copy()
    refuse(self, "softmax_lastdim_kernel_impl", "c")
    most = xp.max(self, axis=dim, keepdims=True)
    masked = most == -xp.inf
    powers = xp.exp(self - xp.where(masked, 0, most))
    total = powers.sum(axis=dim, keepdims=True)
    return xp.where(masked, 0, powers / xp.where(masked, 1, total)).astype(self.dtype)
