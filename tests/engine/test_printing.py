"""PyTorch's repr: properties live against PyTorch, and examples recorded from it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorcli.engine import printing
from tensorcli.engine.printing import array_text, number_format, set_printoptions, tensor_text

FLOATS = ("float16", "bfloat16", "float32", "float64")
EIGHTS = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
WHOLE = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool")
COMPLEX = ("complex64", "complex128")


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def text(values: Any, dtype: str = "float32", **more: Any) -> str:
    array = np.asarray(values, dtype)
    return tensor_text(array, dtype=dtype, sizes=array.shape, **more)


# ---- live

numbers = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(-10, 10, width=16),
    st.sampled_from([0.1, 1.5, 100.0, 1000.0, 1001.0, 1e-4, 1.1e-4, 9.9e-5, 1e8, 1.0001e8, 99999.5, 2.675]),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 65504.0, 6e-8, 1e-45, 1e-40, 3e38, 5e-324]),
    st.sampled_from([1e-308, 1.7e308, 5e-5]),
    st.floats(),
)  # fmt: skip
plain_numbers = st.integers(-3, 3).map(float) | st.floats(-2, 2, width=16)
sizes = st.lists(st.integers(0, 4), max_size=4) | st.sampled_from(
    [
        [20],
        [1000],
        [1001],
        [7, 200],
        [2, 501],
        [1, 1, 1, 1001],
        [11, 10, 10],
        [3, 0, 2],
        [40, 2],
        [2, 1, 2, 2],
    ]
)
option_sets = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.sampled_from([0, 1, 5, 20, 1000, math.inf]),
        "edgeitems": st.integers(0, 5),
        "linewidth": st.sampled_from([1, 10, 20, 40, 79, 80, 81, 120, 500]),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([True, False, None]),
    },
)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Any, np.ndarray]:
    """A tensor and its elements as a numpy array, of awkward strides at times."""
    torch = pytest.importorskip("torch")
    shape = draw(sizes)
    dtype = draw(st.sampled_from([*FLOATS, "float32", *EIGHTS, *WHOLE, *COMPLEX]))
    n = math.prod(shape)
    source = numbers if draw(st.booleans()) else plain_numbers
    few = draw(st.lists(source, min_size=1, max_size=12))
    if dtype in WHOLE and dtype != "bool":
        info = torch.iinfo(getattr(torch, dtype))
        few = draw(st.lists(st.integers(info.min, info.max) | st.integers(0, 9), min_size=1, max_size=12))
    pick = np.random.default_rng(draw(st.integers(0, 99)))
    values: Any = [few[i] for i in pick.integers(0, len(few), n)]
    if dtype in COMPLEX:
        values = [
            complex(value, few[i]) for value, i in zip(values, pick.integers(0, len(few), n), strict=True)
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = torch.tensor(
            values, dtype=getattr(torch, dtype) if dtype not in (*FLOATS, *EIGHTS) else torch.float64
        )
        tensor = tensor.to(getattr(torch, dtype)).reshape(shape)
    if shape and draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    return tensor, as_numpy(tensor, flipped=draw(st.booleans()))


def as_numpy(tensor: Any, *, flipped: bool) -> np.ndarray:
    torch = pytest.importorskip("torch")
    name = str(tensor.dtype).removeprefix("torch.")
    if name == "bfloat16" or name in EIGHTS:
        ml_dtypes = pytest.importorskip("ml_dtypes")
        width = torch.uint16 if name == "bfloat16" else torch.uint8
        array = tensor.contiguous().view(width).numpy().view(getattr(ml_dtypes, name))
    else:
        array = tensor.numpy()
    if flipped and array.ndim:
        array = np.flip(np.flip(array).copy())
    return array


def same_repr(tensor: Any, array: np.ndarray, default_dtype: str = "float32") -> None:
    ours = tensor_text(
        array,
        dtype=str(tensor.dtype).removeprefix("torch."),
        sizes=tuple(tensor.shape),
        requires_grad=tensor.requires_grad,
        grad_fn=type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else None,
        default_dtype=default_dtype,
    )
    assert ours == repr(tensor)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(tensors(), option_sets, st.sampled_from([None, "leaf", "result"]), st.sampled_from(FLOATS))
def test_every_tensor_prints_as_in_pytorch(
    case: tuple[Any, np.ndarray], chosen: dict[str, Any], graph: str | None, default_dtype: str
) -> None:
    torch = pytest.importorskip("torch")
    tensor, array = case
    if graph and (
        tensor.is_complex() or tensor.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    ):
        tensor = tensor.clone().requires_grad_()
        tensor = tensor.clone() if graph == "result" else tensor
    torch.set_printoptions(**chosen)
    set_printoptions(**chosen)
    torch.set_default_dtype(getattr(torch, default_dtype))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            same_repr(tensor, array, default_dtype)
    finally:
        torch.set_printoptions(profile="default")
        torch.set_default_dtype(torch.float32)
        set_printoptions(profile="default")


def test_options_are_pytorchs_after_any_sequence_of_calls() -> None:
    torch = pytest.importorskip("torch")
    try:
        for chosen in (
            {"precision": 2},
            {"profile": "short", "sci_mode": True},
            {"edgeitems": 1},
            {"profile": "full", "linewidth": 100},
            {"profile": "unknown", "threshold": 7},
            {"profile": "default"},
        ):
            torch.set_printoptions(**chosen)
            set_printoptions(**chosen)
            assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    finally:
        torch.set_printoptions(profile="default")


# ---- recorded from PyTorch 2.13

RECORDED = [
    (lambda: text([1.0, 2.0]), "tensor([1., 2.])"),
    (lambda: text([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (lambda: text([True, False], "bool"), "tensor([ True, False])"),
    (lambda: text([-1.0, 2.0]), "tensor([-1.,  2.])"),
    (lambda: text([0.1, 100.0]), "tensor([  0.1000, 100.0000])"),
    (lambda: text([0.1, 1000.0]), "tensor([1.0000e-01, 1.0000e+03])"),
    (lambda: text([1000.0, 1.0]), "tensor([1000.,    1.])"),
    (lambda: text([1001.0, 1.0]), "tensor([1.0010e+03, 1.0000e+00])"),
    (lambda: text([1e8]), "tensor([100000000.])"),
    (lambda: text([123456789.0]), "tensor([1.2346e+08])"),
    (lambda: text([99999.5]), "tensor([99999.5000])"),
    (lambda: text([1e-4]), "tensor([1.0000e-04])"),
    (lambda: text([1e-4], "float64"), "tensor([0.0001], dtype=torch.float64)"),
    (lambda: text([math.nan, 1.0]), "tensor([nan, 1.])"),
    (lambda: text([-math.inf, 1.5]), "tensor([  -inf, 1.5000])"),
    (lambda: text(1 + 2j, "complex64"), "tensor(1.+2.j)"),
    (lambda: text([1 + 2j, 0.5 - 1j], "complex64"), "tensor([1.0000+2.j, 0.5000-1.j])"),
    (
        lambda: text([complex(1, -math.inf), complex(math.nan, 2.5)], "complex64"),
        "tensor([1.-infj, nan+2.5000j])",
    ),
    (
        lambda: text([complex(-0.0, -0.0), complex(1.5, math.nan)], "complex64"),
        "tensor([-0.0000-0.j, 1.5000+nanj])",
    ),
    (lambda: text([-0.0, 1.5]), "tensor([-0.0000, 1.5000])"),
    (lambda: text(-0.0), "tensor(-0.)"),
    (lambda: text([65504.0, 1e-7], "float16"), "tensor([6.5504e+04, 1.1921e-07], dtype=torch.float16)"),
    (lambda: text([math.nan, 1.0, math.inf], "float64"), "tensor([nan, 1., inf], dtype=torch.float64)"),
    (
        lambda: text([2**63, 1], "uint64"),
        "tensor([9223372036854775808,                   1], dtype=torch.uint64)",
    ),
    (lambda: text(np.arange(1001), "int64"), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (
        lambda: text(np.ones((7, 200))),
        (
            "tensor([[1., 1., 1.,  ..., 1., 1., 1.],\n"
            "        [1., 1., 1.,  ..., 1., 1., 1.],\n"
            "        [1., 1., 1.,  ..., 1., 1., 1.],\n"
            "        ...,\n"
            "        [1., 1., 1.,  ..., 1., 1., 1.],\n"
            "        [1., 1., 1.,  ..., 1., 1., 1.],\n"
            "        [1., 1., 1.,  ..., 1., 1., 1.]])"
        ),
    ),
    (
        lambda: text(np.arange(2000.0).reshape(2, 1000)),
        (
            "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9700e+02, 9.9800e+02,\n"
            "         9.9900e+02],\n"
            "        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.9970e+03, 1.9980e+03,\n"
            "         1.9990e+03]])"
        ),
    ),
    (
        lambda: text(np.arange(20), "int64"),
        ("tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n        18, 19])"),
    ),
    (
        lambda: text(np.ones((2, 1, 2, 2))),
        ("tensor([[[[1., 1.],\n          [1., 1.]]],\n\n\n        [[[1., 1.],\n          [1., 1.]]]])"),
    ),
    (lambda: text(np.ones((3, 0))), "tensor([], size=(3, 0))"),
    (lambda: text([]), "tensor([])"),
    (lambda: text([], "int64"), "tensor([], dtype=torch.int64)"),
    (lambda: text(np.ones((0, 2)), requires_grad=True), "tensor([], size=(0, 2), requires_grad=True)"),
    (
        lambda: text([1.0, 1.0], "float64", requires_grad=True),
        "tensor([1., 1.], dtype=torch.float64, requires_grad=True)",
    ),
    (
        lambda: text(np.ones(16), grad_fn="MulBackward0"),
        (
            "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],\n"
            "       grad_fn=<MulBackward0>)"
        ),
    ),
    (
        lambda: text(np.ones(11), "float64", grad_fn="MulBackward0"),
        (
            "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=torch.float64,\n"
            "       grad_fn=<MulBackward0>)"
        ),
    ),
    (lambda: text(7, "int32"), "tensor(7, dtype=torch.int32)"),
    (lambda: text(True, "bool"), "tensor(True)"),
    (lambda: text([200, 5], "uint8"), "tensor([200,   5], dtype=torch.uint8)"),
    (
        lambda: text([[1.5, 2.0], [300.0, -4.0]], "float64", grad_fn="MulBackward0"),
        (
            "tensor([[  1.5000,   2.0000],\n"
            "        [300.0000,  -4.0000]], dtype=torch.float64, grad_fn=<MulBackward0>)"
        ),
    ),
]


@pytest.mark.parametrize(("ours", "recorded"), RECORDED, ids=range(len(RECORDED)))
def test_a_tensor_prints_as_pytorch_printed_it(ours: Callable[[], str], recorded: str) -> None:
    assert ours() == recorded


def test_bfloat16_prints_its_own_digits() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([300.0, 1.5, 1e-5], ml_dtypes.bfloat16)
    assert tensor_text(array, dtype="bfloat16", sizes=(3,)) == (
        "tensor([3.0000e+02, 1.5000e+00, 1.0014e-05], dtype=torch.bfloat16)"
    )


def test_a_meta_tensor_needs_no_array() -> None:
    assert tensor_text(None, dtype="int64", sizes=(2,), device="meta", is_meta=True) == (
        "tensor(..., device='meta', size=(2,), dtype=torch.int64)"
    )
    assert tensor_text(
        None, dtype="float32", sizes=(3,), device="meta", grad_fn="MulBackward0", is_meta=True
    ) == ("tensor(..., device='meta', size=(3,), grad_fn=<MulBackward0>)")


def test_a_device_other_than_the_cpu_is_named_first() -> None:
    assert text([1.0, 2.0], "float64", device="cuda:0", requires_grad=True) == (
        "tensor([1., 2.], device='cuda:0', dtype=torch.float64, requires_grad=True)"
    )


def test_a_subclass_indents_by_its_own_name() -> None:
    assert text([[1.0], [2.0]], prefix="Buffer") == "Buffer([[1.],\n        [2.]])"


def test_the_default_dtype_is_not_said() -> None:
    assert text([1.5], "float64", default_dtype="float64") == "tensor([1.5000])"
    assert text([1.5], default_dtype="float64") == "tensor([1.5000], dtype=torch.float32)"
    assert text([1.5j], "complex128", default_dtype="float64") == "tensor([0.+1.5000j])"


def test_no_edge_items_show_no_items() -> None:
    set_printoptions(edgeitems=0)
    assert text(np.arange(2000), "int64") == "tensor([...], size=(2000,))"
    assert text(np.ones((50, 50))) == "tensor([...], size=(50, 50))"
    assert text(np.ones((2, 3))) == "tensor([[1., 1., 1.],\n        [1., 1., 1.]], size=(2, 3))"
    assert text(1.0) == "tensor(1., size=())"


def test_printoptions_ends_with_its_block() -> None:
    with printing.printoptions(precision=2, sci_mode=True):
        assert text([0.0, 1.0, 2.0]) == "tensor([0.00e+00, 1.00e+00, 2.00e+00])"
    assert text([0.0, 1.5]) == "tensor([0.0000, 1.5000])"


def test_only_shown_items_are_read() -> None:
    expanded = np.broadcast_to(np.float32(1), (10**6, 10**6))
    assert array_text(expanded, dtype="float32").splitlines()[0] == "[[1., 1., 1.,  ..., 1., 1., 1.],"


def test_printing_numbers_at_the_ends_of_the_range_warns_of_nothing() -> None:
    assert text([1e308, 1e-308], "float64") == "tensor([1.0000e+308, 1.0000e-308], dtype=torch.float64)"


def test_a_format_says_which_magnitudes_made_it_scientific() -> None:
    layout = number_format(np.array([0.0, 0.1, -1000.0, np.inf]), "float64")
    assert (layout.scientific, layout.smallest, layout.largest) == (True, 0.1, 1000.0)
    assert not number_format(np.array([0.1, 100.0]), "float64").scientific
