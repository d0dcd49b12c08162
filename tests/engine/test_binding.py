"""The binder: PyTorch's choice of overload, its values, its complaints (as they were recorded)."""

import json
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tensorcli.engine import binding, dtypes, messages
from tensorcli.engine.binding import Binder, python_signature
from tensorcli.engine.binding.messages import in_map_order
from tensorcli.engine.binding.parameters import type_name
from tensorcli.engine.devices import Device
from tensorcli.engine.random import Generator
from tensorcli.engine.schema import Schema, parse
from tensorcli.engine.tensor import Size
from tests.engine.schemas import read

RECORDS = Path(__file__).with_name("binding_records.json")
"""Calls in PyTorch's spelling, and what PyTorch 2.13 says to each: null where it takes the arguments, else
the exception's type and text. `pytest --update-cases` records them anew where PyTorch is installed."""

OPTIONS = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
FUNCTIONS = [
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    "addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, "
    "Scalar alpha=1) -> Tensor",
    f"arange(Scalar end, *, {OPTIONS}) -> Tensor",
    f"arange.start(Scalar start, Scalar end, *, {OPTIONS}) -> Tensor",
    f"arange.start_step(Scalar start, Scalar end, Scalar step=1, *, {OPTIONS}) -> Tensor",
    "cat(Tensor[] tensors, int dim=0) -> Tensor",
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
    "clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
    "dropout(Tensor input, float p, bool train) -> Tensor",
    "eq.Scalar(Tensor self, Scalar other) -> Tensor",
    "eq.Tensor(Tensor self, Tensor other) -> Tensor",
    "exp(Tensor self) -> Tensor",
    f"full(SymInt[] size, Scalar fill_value, *, {OPTIONS}) -> Tensor",
    "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
    "max(Tensor self) -> Tensor",
    "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    "max.other(Tensor self, Tensor other) -> Tensor",
    "mul.Tensor(Tensor self, Tensor other) -> Tensor",
    "narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)",
    "narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)",
    f"randint(SymInt high, SymInt[] size, *, ScalarType? dtype=long, {OPTIONS.partition(', ')[2]}) -> Tensor",
    "roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor",
    "softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
    "squeeze(Tensor(a) self) -> Tensor(a)",
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
    "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
    "std(Tensor self, bool unbiased=True) -> Tensor",
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    "std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
    "where(Tensor condition) -> Tensor[]",
    "where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor",
    "where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor",
    "where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor",
    "where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
    f"zeros(SymInt[] size, *, {OPTIONS}) -> Tensor",
    f"zeros_like(Tensor self, *, {OPTIONS}, MemoryFormat? memory_format=None) -> Tensor",
]
METHODS = [
    *(
        line
        for line in FUNCTIONS
        if " self" in line and not line.startswith(("index", "where", "softmax", "zeros"))
    ),
    "add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)",
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    f"new_zeros(Tensor self, SymInt[] size, *, {OPTIONS}) -> Tensor",
    "repeat(Tensor self, SymInt[] repeats) -> Tensor",
    "uniform_(Tensor(a!) self, float from=0, float to=1, *, Generator? generator=None) -> Tensor(a!)",
    "view(Tensor(a) self, SymInt[] size) -> Tensor(a)",
    "view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)",
]
BY_HAND = [
    "to(Device device=None, ScalarType dtype=None, bool non_blocking=False, bool copy=False, *, "
    "MemoryFormat? memory_format=None)",
    "to(ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)",
    "to(Tensor tensor, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)",
]


class Tensor:
    """What the binder knows of a tensor."""

    def __init__(self, value: Any, kind: Any = None, requires_grad: bool = False) -> None:
        array = np.array(value)
        self.shape = array.shape
        self.ndim = array.ndim
        self.dtype = kind or dtypes.from_numpy_dtype(array.dtype)
        self.requires_grad = requires_grad
        self._array = array

    def item(self) -> Any:
        return self._array.item()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: binder(name, method=True).bind((self, *args), kwargs)


class Integer:
    """What counts as an integer where sizes are given."""

    def __index__(self) -> int:
        return 2


def lines_of(name: str, method: bool) -> list[Schema] | list[str]:
    found = METHODS if method else FUNCTIONS
    return [read(line) for line in found if re.match(rf"{name}[.(]", line)] or BY_HAND


def binder(name: str, method: bool = False) -> Binder:
    return Binder(name, lines_of(name, method), method=method, tensor_class=Tensor)


class Functions:
    """`torch` as the recorded calls name it."""

    float32 = dtypes.float32
    float64 = dtypes.float64

    @staticmethod
    def device(name: str) -> Device:
        return Device(name)

    @staticmethod
    def Size(sizes: list[int]) -> Size:
        return Size(sizes)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: binder(name).bind(args, kwargs)


def names(torch: Any, tensor: Callable[..., Any], grad: Any) -> dict[str, Any]:
    """What a recorded call may speak of."""
    return {
        "torch": torch,
        "np": np,
        "Integer": Integer,
        "OrderedDict": OrderedDict,
        "t": tensor([1.0, 1.0]),
        "m": tensor([[1.0, 1.0], [1.0, 1.0]]),
        "z": tensor(1),
        "f": tensor(1.5),
        "g": grad,
        "v": tensor([1]),
        "i": tensor([1, 1]),
        "b": tensor(True),
    }


def answer(text: str, namespace: dict[str, Any]) -> list[str] | None:
    """The complaint of a call, or None."""
    try:
        eval(text, dict(namespace))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        return [
            type(error).__name__,
            re.sub(r'\nException raised from.*"$', '"', str(error), flags=re.DOTALL),
        ]
    return None


RECORDED: dict[str, list[str] | None] = json.loads(RECORDS.read_text("utf-8"))


@pytest.mark.parametrize("text", RECORDED)
def test_a_call_is_taken_or_refused_in_pytorchs_words(text: str) -> None:
    own = names(Functions(), Tensor, Tensor(1.0, requires_grad=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert answer(text, own) == RECORDED[text]


def test_the_records_are_what_pytorch_says(update_cases: bool) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = {
            text: answer(text, names(torch, torch.tensor, torch.tensor(1.0, requires_grad=True)))
            for text in RECORDED
        }
    if update_cases:
        RECORDS.write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    else:
        assert said == RECORDED


# ---- values


def bound(name: str, *args: Any, method: bool = False, **kwargs: Any) -> tuple[str, tuple[Any, ...]]:
    """The full name of the overload and the values, the same by the slow way and by the fast one."""
    found = binder(name, method)
    slow = found.bind(args, kwargs)
    for _ in range(2 * binding._PATIENCE):
        assert found.bind(args, kwargs) == slow
    return str(lines_of(name, method)[slow[0]]).partition("(")[0], slow[1]


t, z = Tensor([1.0, 1.0]), Tensor(3)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: bound("add", t, t), ("add.Tensor", (t, t, 1))),
        (lambda: bound("add", t, 2), ("add.Tensor", (t, 2, 1))),
        (lambda: bound("add", t, x2=t, alpha=2.5), ("add.Tensor", (t, t, 2.5))),
        (lambda: bound("add", t, t, out=t), ("add.Tensor", (t, t, 1, t))),
        (lambda: bound("add", t, t, out=None), ("add.Tensor", (t, t, 1))),
        (lambda: bound("add", t, np.float32(0.5)), ("add.Tensor", (t, 0.5, 1))),
        (lambda: bound("add", t, np.bool_(True)), ("add.Tensor", (t, 1.0, 1))),
        (lambda: bound("eq", t, 2), ("eq.Scalar", (t, 2))),
        (lambda: bound("eq", t, z), ("eq.Tensor", (t, z))),
        (lambda: bound("max", t), ("max", (t,))),
        (lambda: bound("max", t, 0, True), ("max.dim", (t, 0, True))),
        (lambda: bound("max", t, 0, out=(t, z)), ("max.dim", (t, 0, False, (t, z)))),
        (lambda: bound("max", t, z), ("max.other", (t, z))),
        (lambda: bound("sum", t), ("sum", (t, None))),
        (lambda: bound("sum", t, 0), ("sum.dim_IntList", (t, (0,), False, None))),
        (lambda: bound("sum", t, None), ("sum.dim_IntList", (t, None, False, None))),
        (lambda: bound("sum", x=t, axis=[0, 1], keepdims=True), ("sum.dim_IntList", (t, (0, 1), True, None))),
        (lambda: bound("sum", t, dtype=float), ("sum", (t, dtypes.float64))),
        (lambda: bound("sum", t, z), ("sum.dim_IntList", (t, (3,), False, None))),
        (lambda: bound("zeros", 2, 3), ("zeros", ((2, 3), None, None, None, None))),
        (lambda: bound("zeros", Size([2])), ("zeros", ((2,), None, None, None, None))),
        (lambda: bound("zeros", 2, z), ("zeros", ((2, 3), None, None, None, None))),
        (lambda: bound("zeros", [2, True]), ("zeros", ((2, 1), None, None, None, None))),
        (
            lambda: bound("zeros", (), device="cpu", requires_grad=True),
            ("zeros", ((), None, None, "cpu", None, None, True)),
        ),
        (
            lambda: bound("randint", 5, (2,), dtype=None),
            ("randint", (5, (2,), dtypes.int64, None, None, None)),
        ),
        (lambda: bound("full", (2,), z)[1][:2], ((2,), 3)),
        (lambda: bound("dropout", t, 1, False), ("dropout", (t, 1.0, False))),
        (lambda: bound("roll", t, 1), ("roll", (t, (1,), ()))),
        (lambda: bound("cat", [t, t], axis=1), ("cat", ((t, t), 1))),
        (lambda: bound("std", t, False), ("std", (t, False))),
        (lambda: bound("std", t, 0), ("std.dim", (t, (0,), True, False))),
        (lambda: bound("std", t, correction=0), ("std.correction", (t, None, 0, False))),
        (lambda: bound("squeeze", t, 0, 1, method=True), ("squeeze.dims", (t, (0, 1)))),
        (lambda: bound("squeeze", t, 0, method=True), ("squeeze.dim", (t, 0))),
        (lambda: bound("view", t, 2, -1, method=True), ("view", (t, (2, -1)))),
        (lambda: bound("view", t, dtypes.float64, method=True), ("view.dtype", (t, dtypes.float64))),
        (lambda: bound("uniform_", t, **{"from": 1}, method=True), ("uniform_", (t, 1.0, 1.0, None))),
    ],
)
def test_values_stand_in_the_order_of_the_schema(call: Callable[[], Any], expected: Any) -> None:
    found = call()
    assert found == expected
    assert str(found) == str(expected)  # 1 and 1.0 and True are equal


def test_types_that_decide_are_looked_up_by_a_caller() -> None:
    found = binder("view", method=True)
    assert found.cache.get((Tensor, int, int)) is None
    for _ in range(binding._PATIENCE):
        found.bind((t, 1, 2), {})
    entry = found.cache.get((Tensor, int, int))
    assert entry is not None
    assert entry[1](t, 3, 4) == (t, (3, 4))


def test_a_compiled_shape_still_refuses_values_that_do_not_fit() -> None:
    found = binder("zeros")
    for _ in range(2 * binding._PATIENCE):
        found.bind(((2, 3),), {})
    with pytest.raises(TypeError, match="failed to unpack the object at pos 2"):
        found.bind(((2, 2.5),), {})
    with pytest.raises(TypeError, match="found element of type str at pos 0"):
        found.bind((("a",),), {})
    assert found.bind(((2, z),), {})[1][0] == (2, 3)


@pytest.mark.parametrize("value", [z, np.int64(3), Integer()])
def test_a_value_that_types_do_not_decide_is_looked_at_each_time(value: Any) -> None:
    found = binder("repeat", method=True)
    for _ in range(2 * binding._PATIENCE):
        found.bind((t, value), {})
    assert not found.cache


def test_signatures_written_by_hand_are_tried_as_they_stand() -> None:
    assert bound("to", dtypes.float64)[1] == (dtypes.float64, False, False, None)
    assert bound("to", "cpu", dtypes.float64, copy=True)[1] == ("cpu", dtypes.float64, False, True, None)
    assert bound("to", t)[1] == (t, False, False, None)
    assert (
        binder("to")
        .printed[1]
        .startswith("(torch.dtype dtype, bool non_blocking = False, bool copy = False, *")
    )


def test_order_is_pytorchs_whatever_order_they_are_given_in() -> None:
    for name in ("arange", "clamp", "max", "squeeze", "std", "where"):
        lines = lines_of(name, False)
        schemas = [parse(str(line)) for line in lines]
        assert binding.order(schemas) == binding.order(schemas[::-1])
    assert [s.overload for s in binding.order([parse(str(line)) for line in lines_of("clamp", False)])] == [
        "Tensor",
        "",
    ]


# ---- complaints


def test_the_old_order_of_arguments_warns_once_a_session() -> None:
    messages.said.once.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert binder("add").bind((t, 2, t), {}) == (0, (t, t, 2))
        assert binder("addmm").bind((2, t, 3, t, t), {}) == (0, (t, t, t, 2, 3))
    messages.said.once.clear()
    assert [str(warning.message) for warning in caught] == [
        "This overload of add is deprecated:\n"
        "\tadd(Tensor input, Number alpha, Tensor other, *, Tensor out = None)\n"
        "Consider using one of the following signatures instead:\n"
        "\tadd(Tensor input, Tensor other, *, Number alpha = 1, Tensor out = None)"
    ]


def test_a_method_is_called_on_a_tensor() -> None:
    with pytest.raises(TypeError, match=re.escape("unbound method TensorBase.add() needs an argument")):
        binder("add", method=True).bind((), {"other": t})
    with pytest.raises(TypeError, match=r"^descriptor 'add' for 'torch._C.TensorBase' .* to a 'int' object$"):
        binder("add", method=True).bind((1, 2), {})


def test_keywords_are_named_in_the_order_of_a_cpp_map() -> None:
    given = "correction keepdim unbiased out bogus x y z w v u tt ss rr qq".split()
    seen = "qq rr correction ss keepdim y unbiased u out bogus x z w v tt".split()
    assert in_map_order(given) == seen


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (dtypes.float32, "torch.dtype"),
        (Device("cpu"), "torch.device"),
        (Generator(), "torch._C.Generator"),
        (Size([1]), "torch.Size"),
        (None, "NoneType"),
        (np.ones(1), "numpy.ndarray"),
        (np.float32(1), "numpy.float32"),
        (OrderedDict(), "collections.OrderedDict"),
        (SimpleNamespace(), "types.SimpleNamespace"),
        (Integer(), "Integer"),
        (len, "builtin_function_or_method"),
    ],
)
def test_types_have_the_names_that_c_gives_them(value: Any, name: str) -> None:
    assert type_name(type(value)) == name


def test_functions_written_in_python_complain_as_cpython_does() -> None:
    bind = python_signature("Tensor.norm", "self, p='fro', dim=None, *, dtype=None")
    assert bind(t, 2, dtype=dtypes.float32) == (t, 2, None, dtypes.float32)
    with pytest.raises(
        TypeError, match=re.escape("Tensor.norm() missing 1 required positional argument: 'self'")
    ):
        bind()
    with pytest.raises(TypeError, match=re.escape("Tensor.norm() got an unexpected keyword argument 'foo'")):
        bind(t, foo=1)
