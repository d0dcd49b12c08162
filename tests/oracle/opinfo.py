"""PyTorch's operator database (OpInfo) as a measure: its samples run on PyTorch and on the engine, and what differs.

Needs PyTorch. A sample agrees when values, dtype, shape, strides, storage sharing, versions of the inputs afterwards,
requires_grad, the grad_fn's name and the gradient of each input agree. Nothing is written here; the callers count.
"""

import builtins
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from ml_dtypes import bfloat16, complex32
from torch.testing._internal import common_utils
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo import core

import tensorcli.engine as engine

# PyTorch looks through the whole stack for the unittest that asks for samples. There is none, and a look takes a tenth of a
# second in a worker of pytest-xdist.
common_utils.extract_test_fn = core.extract_test_fn = lambda: None

# It also keeps each seed for devices that it has not begun with, and beside it the whole stack that gave it, written out: a third
# of the time of these tests. Those that are not there need no seed.
for _device in (torch.cuda, torch.mtia, torch.xpu):
    if not _device.is_available():
        _device.manual_seed_all = lambda seed: None

DTYPES: Final = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "complex32",
    "uint16",
    "uint32",
    "uint64",
)
TOLERANCE: Final = {
    "float16": 0.0,
    "bfloat16": 0.0,
    "complex32": 0.0,
    "float32": 2e-4,
    "float64": 1e-7,
    "complex64": 2e-4,
    "complex128": 1e-7,
}
"""By the dtype of what is compared, not by that of the sample: how far apart two roundings may be. Those of the reduced
dtypes have few digits, all of which are printed: none may differ."""
MOST_SAMPLES: Final = 40
"""How many samples of an operator count: a few operators have thousands of the same kind."""

UNWRITTEN: Final = re.compile(r"^(new_)?empty|lowrank")
"""Operators whose values nobody wrote, or that start from a draw of their own."""
OUTSIDE: Final = re.compile(
    r"^(_segment_reduce|_chunk_cat|_unsafe_masked|_native_batch|_batch_norm_with|_upsample.*_aa|torch\.ops|sparse|to_sparse"
    r"|masked\.|jiterator|native_dropout_backward|max_pool2d_with_indices_backward)"
    r"|^slice$|^linalg\.pinv/singular$"
)
"""What the engine does not claim (sparse layouts, masked reductions, internals), and an entry that is no function's own."""

CALLS: Final[dict[str, Callable[[Any], Callable[..., Any]]]] = {
    "einsum": lambda space: lambda operands, equation: space.einsum(equation, *operands),
    "polygamma": lambda space: lambda x, n, **options: space.polygamma(n, x, **options),
    "special.polygamma": lambda space: lambda x, n, **options: space.special.polygamma(n, x, **options),
    "where": lambda space: lambda x, condition, other, **options: space.where(condition, x, other, **options),
    "nn.functional.embedding": lambda space: (
        lambda weight, indices, **options: space.nn.functional.embedding(indices, weight, **options)
    ),
    "normal/number_mean": lambda space: (
        lambda std, mean, *rest, **options: space.normal(mean, std, *rest, **options)
    ),
    "rand_like": lambda space: space.randn_like,
    "zero_": lambda space: lambda x: x.clone().zero_(),
    "resize_": lambda space: lambda x, sizes: x.clone().resize_(sizes),
    "resize_as_": lambda space: lambda x, other: x.clone().resize_as_(other),
    "linalg.lstsq/grad_oriented": lambda space: (
        lambda a, b, driver: space.linalg.lstsq(a, b, driver=driver)[:2]
    ),
    "normal/in_place": lambda space: lambda x, *given: x.normal_(*given),
    **{
        name: lambda space, name=name: lambda x, *given: getattr(x, f"{name}_")(*given)  # type: ignore[misc]
        for name in "cauchy exponential geometric log_normal uniform".split()
    },
}
"""Functions that the database calls in a way of its own: the arguments in another order, a copy first, in place."""
CASTS: Final = frozenset(
    "bool byte char short int long half float double bfloat16 chalf cfloat cdouble".split()
)


class UnsupportedError(Exception):
    """A sample that cannot be carried over (sparse tensors, objects of PyTorch's own)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did: a row of facts for each output, the versions of its inputs, the gradients of its leaves."""

    rows: tuple[dict[str, Any], ...]
    versions: tuple[int, ...]
    gradients: tuple[Any, ...]


# ---- the database


def title(info: Any) -> str:
    return str(info.name) + (f"/{info.variant_test_name}" if info.variant_test_name else "")


def operators(only: str = "") -> list[Any]:
    """The operators that count, in PyTorch's order; `only` is a pattern that their titles contain."""
    return [
        info
        for info in op_db
        if not UNWRITTEN.search(info.name)
        and not (OUTSIDE.search(info.name) or OUTSIDE.search(title(info)))
        and (not only or re.search(only, title(info)))
    ]


def differentiable(info: Any, dtype: str) -> bool:
    """Whether PyTorch differentiates an operator in a dtype."""
    kind = getattr(torch, dtype)
    floating = kind.is_floating_point or kind.is_complex
    return bool(info.supports_autograd and floating and kind in info.supported_backward_dtypes("cpu"))


def samples(info: Any, dtype: str, most: int = MOST_SAMPLES) -> list[Any]:
    """The first samples of an operator in a dtype; none where PyTorch does not support it."""
    kind = getattr(torch, dtype)
    if not info.supports_dtype(kind, "cpu"):
        return []
    torch.manual_seed(0)
    np.random.seed(0)
    requires_grad = differentiable(info, dtype)
    try:
        found = list(islice(info.sample_inputs("cpu", kind, requires_grad=requires_grad), most))
    except Exception:
        return []
    return [
        s
        for s in found
        if not any(isinstance(v, torch.Tensor) and v.is_sparse for v in leaves([s.input, *s.args]))
    ]


def measure(info: Any, sample: Any, dtype: str) -> str | None:
    """What differs between PyTorch and the engine in one sample: "" when they agree, None when it does not count."""
    differentiate = differentiable(info, dtype)
    try:
        expected = observe(torch, info.op, sample, differentiate)
        if difference(expected, observe(torch, info.op, sample, differentiate)):
            return None  # PyTorch does not agree with itself.
    except Exception:
        return None
    try:
        with torch_is_refused():
            found = observe(engine, resolve(engine, info), sample, differentiate)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return difference(expected, found)


ORDERS: Final = ("reversed", "channels_last", "stepped")
"""Ways in which `relaid` lays elements out."""


def relaid(sample: Any, order: str) -> Any:
    """A sample whose tensors of two dimensions and more have their elements in another order of memory: the first dimension
    innermost, an image's channels innermost, or with a gap after each element.
    """

    def laid(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.ndim < 2:
            return value
        found = value.detach()
        if order == "stepped":
            room = torch.empty((*found.shape[:-1], 2 * found.shape[-1]), dtype=found.dtype)
            found = room[..., ::2].copy_(found)
        elif order == "channels_last" and found.ndim in (4, 5):
            last = torch.channels_last if found.ndim == 4 else torch.channels_last_3d
            found = found.contiguous(memory_format=last)
        else:
            found = (
                found.permute(*reversed(range(found.ndim))).contiguous().permute(*reversed(range(found.ndim)))
            )
        return found.requires_grad_(value.requires_grad)

    return sample.transform(laid)


# ---- carrying arguments over


def carry(value: Any, space: Any, memo: dict[int, Any] | None = None) -> Any:
    """An argument of a sample in another namespace: tensors with the same bytes, sizes and strides, each once; PyTorch's
    functions as the namespace's of the same name."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            made = _carry_tensor(value, space)
            if isinstance(value, torch.nn.Parameter):
                made = space.nn.Parameter(made.detach(), value.requires_grad)
            memo[id(value)] = made
        return memo[id(value)]
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (list, tuple)):
        return type(value)(carry(one, space, memo) for one in value)
    if isinstance(value, dict):
        return {key: carry(one, space, memo) for key, one in value.items()}
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(space, str(value).removeprefix("torch."))
    if is_dataclass(value) and type(value).__module__.startswith("torch.nn."):
        settings = {each.name: carry(getattr(value, each.name), space) for each in fields(value)}
        return getattr(space.nn, type(value).__name__)(**settings)
    if isinstance(value, torch.nn.Module):
        # One without parameters, as a distance: its settings are its attributes.
        made = getattr(space.nn, type(value).__name__)()
        for name, setting in vars(value).items():
            if isinstance(setting, (int, float)) and not name.startswith("_"):
                setattr(made, name, setting)
        return made
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.Generator):
        return space.Generator().manual_seed(value.initial_seed())
    if callable(value) and str(getattr(value, "__module__", "")).startswith("torch"):
        return getattr(space.nn.functional, value.__name__, None) or getattr(space, value.__name__)
    return value


def _carry_tensor(tensor: torch.Tensor, space: Any) -> Any:
    if tensor.is_sparse or tensor.layout is not torch.strided:
        raise UnsupportedError("a sparse tensor")
    base = tensor.detach()
    sizes, strides = tuple(base.shape), tuple(base.stride())
    kind = getattr(space, str(base.dtype).removeprefix("torch."))
    if base.device.type == "meta":
        result = space.empty_strided(sizes, strides, dtype=kind, device="meta")
    elif not base.numel():
        result = space.empty_strided(sizes, strides, dtype=kind)
    else:
        span = 1 + sum((size - 1) * stride for size, stride in zip(sizes, strides))
        flat = torch.as_strided(base, (span,), (1,)).resolve_conj().resolve_neg().clone()
        if space is not torch:
            narrow = base.dtype in (torch.bfloat16, torch.complex32)
            wide = (
                flat.to(torch.float32 if base.dtype is torch.bfloat16 else torch.complex64)
                if narrow
                else flat
            )
            flat = space.from_numpy(wide.numpy())
            flat = flat.to(kind) if narrow else flat
        result = space.as_strided(flat, sizes, strides).detach()
    return result.requires_grad_() if tensor.requires_grad else result


def resolve(space: Any, info: Any) -> Callable[..., Any]:
    """The function of a namespace that an entry of the database is about, or the method where there is only one."""
    return named(space, title(info) if title(info) in CALLS else info.name)


def named(space: Any, name: str) -> Callable[..., Any]:
    """The function or method of this name. Errors: NotImplementedError where there is none."""
    if name in CALLS:
        return CALLS[name](space)
    method = name.rpartition(".")[2]
    if name not in CASTS:
        target: Any = space
        try:
            for part in name.removeprefix("Tensor.").split("."):
                target = getattr(target, part)
        except AttributeError:
            if not hasattr(space.Tensor, method):
                raise NotImplementedError(f"no {name}") from None
        else:
            return target  # type: ignore[no-any-return]
    found = getattr(space.Tensor, method)
    return found if callable(found) else lambda x: getattr(x, method)


@contextmanager
def torch_is_refused() -> Iterator[None]:
    """Refuse `import torch` to modules of tensorcli: the engine answers by itself."""
    imports = builtins.__import__

    def guarded(name: str, scope: Any = None, *rest: Any, **options: Any) -> Any:
        asking = str((scope or {}).get("__name__", ""))
        if name.partition(".")[0] == "torch" and asking.partition(".")[0] == "tensorcli":
            raise ImportError(f"{asking} asks for PyTorch while the engine is measured against it")
        return imports(name, scope, *rest, **options)

    builtins.__import__ = guarded  # type: ignore[assignment]
    try:
        yield
    finally:
        builtins.__import__ = imports


class Call:
    """A sample's arguments, carried over to PyTorch or the engine, for one call. `tensors` are those among them, each once."""

    def __init__(self, sample: Any, space: Any) -> None:
        memo: dict[int, Any] = {}
        self.space = space
        self.arguments, self.options = carry([[sample.input, *sample.args], sample.kwargs], space, memo)
        self.tensors = list(memo.values())

    def of(self, function: Callable[..., Any]) -> list[Any]:
        """What the function gives, as a flat list."""
        return leaves(function(*self.arguments, **self.options))

    def roots(self, outputs: Sequence[Any]) -> list[Any]:
        """The outputs that a backward pass can start from."""
        return [one for one in outputs if isinstance(one, self.space.Tensor) and one.requires_grad]

    def gradients(self) -> list[Any]:
        """The gradients of the leaves among the arguments."""
        return [one.grad for one in self.tensors if one.requires_grad and one.is_leaf]


# ---- observing and comparing


def leaves(value: Any) -> list[Any]:
    """The values in nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def array(tensor: Any) -> Any:
    """The elements, bits of conjugation and negation applied; numpy has bfloat16 and complex32 from ml_dtypes."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    if str(plain.dtype) == "torch.bfloat16":
        return np.asarray(plain.float().numpy()).astype(bfloat16)
    if str(plain.dtype) == "torch.complex32":
        return np.asarray(plain.cfloat().numpy()).astype(complex32)
    return np.asarray(plain.numpy())


def observe(space: Any, function: Callable[..., Any], sample: Any, differentiate: bool) -> Outcome:
    """Call a function on a sample's arguments, carried over, and look at everything it did."""
    call = Call(sample, space)
    space.manual_seed(42)  # The seed that the database itself sets before each call of what draws.
    outputs = call.of(function)
    rows = tuple(_row(one, space, call.tensors) for one in outputs)
    versions = tuple(one._version for one in call.tensors)
    gradients: tuple[Any, ...] = ()
    roots = call.roots(outputs) if differentiate else []
    if roots:
        seeds = []
        for number, root in enumerate(roots):
            draw = np.random.default_rng(number)
            drawn = draw.standard_normal(tuple(root.shape))
            kind = array(root).dtype
            if root.dtype.is_complex:
                drawn = drawn + 1j * draw.standard_normal(tuple(root.shape))
            drawn = drawn.astype({bfloat16: np.float32, complex32: np.complex64}.get(kind.type, kind))
            seeds.append(space.from_numpy(np.array(drawn)).to(root.dtype))
        space.autograd.backward(roots, seeds)
        gradients = tuple(None if grad is None else array(grad) for grad in call.gradients())
    return Outcome(rows, versions, gradients)


def _row(output: Any, space: Any, inputs: Sequence[Any]) -> dict[str, Any]:
    if not isinstance(output, space.Tensor):
        return {"value": tuple(output) if isinstance(output, torch.Size) else output}
    address = output.untyped_storage().data_ptr() if output.numel() else None
    shares = [i for i, x in enumerate(inputs) if x.numel() and x.untyped_storage().data_ptr() == address]
    return {
        "value": array(output),
        "dtype": str(output.dtype).removeprefix("torch."),
        "shape": tuple(output.shape),
        "strides": tuple(output.stride()),
        "sharing": shares,
        "requires_grad": bool(output.requires_grad),
        "grad_fn": None if output.grad_fn is None else output.grad_fn.name(),
    }


def difference(expected: Outcome, found: Outcome) -> str:
    """The first thing in which two outcomes differ, in words; "" when they agree."""
    if len(expected.rows) != len(found.rows):
        return f"number of outputs: {len(expected.rows)} expected, {len(found.rows)} found"
    for fact in ("dtype", "shape", "strides", "sharing", "requires_grad", "grad_fn"):
        for want, got in zip(expected.rows, found.rows):
            # Where a size is 0 or 1 a stride addresses nothing.
            if fact == "strides" and any(size < 2 for size in want.get("shape", (0,))):
                continue
            if want.get(fact) != got.get(fact):
                return f"{fact}: {want.get(fact)} expected, {got.get(fact)} found"
    if not all(close(w["value"], g["value"]) for w, g in zip(expected.rows, found.rows)):
        return "values"
    if expected.versions != found.versions:
        return f"versions: {expected.versions} expected, {found.versions} found"
    if [g is None for g in expected.gradients] != [g is None for g in found.gradients]:
        return "gradients: missing or extra"
    for want, got in zip(expected.gradients, found.gradients):
        if want is not None and not close(want, got, 10):
            return "gradients: values"
    return ""


def close(want: Any, got: Any, factor: float = 1) -> bool:
    tolerance = factor * TOLERANCE.get(str(getattr(want, "dtype", "")), 1e-6)
    try:
        if isinstance(want, (bool, int, tuple, str)) or want is None:
            return bool(want == (tuple(got) if isinstance(want, tuple) else got))
        if not tolerance:
            want, got = (np.asarray(each, np.complex128) for each in (want, got))
        return bool(np.allclose(want, got, rtol=tolerance, atol=tolerance, equal_nan=True))
    except (TypeError, ValueError):
        return bool(want == got)


# ---- wrong calls


def error_inputs(info: Any) -> list[Any]:
    """The wrong calls of an operator that PyTorch's database holds, as samples."""
    if info.error_inputs_func is None:
        return []
    torch.manual_seed(0)
    try:
        return [one.sample_input for one in info.error_inputs("cpu")]
    except Exception:
        return []


def complaint(space: Any, function: Callable[..., Any], sample: Any) -> tuple[str, str]:
    """The type and text of what a wrong call raises; ("", "") when it raises nothing."""
    call = Call(sample, space)
    try:
        call.of(function)
    except Exception as error:
        return type(error).__name__, first_words(str(error))
    return "", ""


def first_words(text: str) -> str:
    """An error's text without what follows it on other lines where PyTorch appends a C++ stack."""
    return text.partition("\nException raised from")[0]
