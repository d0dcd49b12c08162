"""The binder against PyTorch itself: any call of its functions is taken or refused alike, word for word."""

import re
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorcli.engine import binding, messages
from tensorcli.engine.binding import Binder
from tensorcli.engine.binding.signatures import Signature
from tensorcli.engine.schema import Schema
from tests.engine.schemas import read

torch: Any = pytest.importorskip("torch")
torchgen: Any = pytest.importorskip("torchgen")

NAMES = """
add sub mul div add_ mul_ sum mean max min prod any var std var_mean argmax reshape expand permute transpose
unsqueeze squeeze flatten unflatten zeros ones full empty arange linspace eye rand randint randperm normal
cat stack index_select where clamp clamp_ gather scatter scatter_ masked_fill masked_fill_ pow pow_
remainder eq lt topk sort argsort chunk tensor_split split roll flip repeat addmm baddbmm addcmul addcdiv
matmul dot cumsum softmax log_softmax view select fill_ uniform_ normal_ random_ bernoulli exp exp_ sigmoid
relu dropout index_add index_put_ index_fill_ new_zeros new_full zeros_like full_like rand_like randint_like
einsum tril diagonal movedim unbind split_with_sizes count_nonzero norm nan_to_num lerp bitwise_and isclose
gradient quantile bucketize meshgrid as_strided resize_ clone floor_divide rsub repeat_interleave conv2d
max_pool2d layer_norm embedding
""".split()
HIDDEN = {f"{name}{twin}.Scalar" for name in ("add", "sub", "mul", "div") for twin in ("", "_")}
"""Schemas that Python does not see: a number stands for a tensor there."""


class Integer:
    def __index__(self) -> int:
        return 1


VALUES: dict[str, list[Callable[[], Any]]] = {
    "Tensor": [
        lambda: torch.ones(2, 3),
        lambda: torch.ones(3, 3),
        lambda: torch.tensor(1),
        lambda: torch.zeros(2, 3, dtype=torch.int64),
        lambda: torch.ones(2, 3, dtype=torch.bool),
        lambda: torch.tensor(1.0, requires_grad=True),
    ],
    "TensorList": [
        lambda: [torch.ones(2, 3)] * 2,
        lambda: (torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.int64)),
    ],
    "Scalar": [
        lambda: 1,
        lambda: 1.5,
        lambda: 2j,
        lambda: True,
        lambda: torch.tensor(1.5),
        lambda: np.float32(1.5),
    ],
    "ScalarList": [lambda: [1.5, 2]],
    "int64_t": [lambda: 0, lambda: 1, lambda: -1, lambda: torch.tensor(1), lambda: np.int64(1)],
    "SymInt": [lambda: 1, lambda: 3, lambda: torch.tensor([1]), Integer],
    "IntArrayRef": [lambda: (0,), lambda: [0, 1], lambda: (), lambda: 1, lambda: torch.Size([2, 3])],
    "double": [lambda: 0.5, lambda: 1, lambda: True],
    "ArrayRef<double>": [lambda: (1.5, 2.5)],
    "bool": [lambda: True, lambda: False],
    "str": [lambda: "a", lambda: "linear"],
    "ScalarType": [lambda: torch.float32, lambda: torch.int64, lambda: float],
    "Layout": [lambda: torch.strided],
    "Device": [lambda: "cpu", lambda: torch.device("cpu")],
    "MemoryFormat": [lambda: torch.contiguous_format],
    "Generator": [torch.Generator],
}
VALUES["SymIntArrayRef"] = VALUES["IntArrayRef"]
ODD: list[Callable[[], Any]] = [
    lambda: None, lambda: "sum", lambda: [1.5], lambda: (1, "a"), lambda: [True], lambda: (1, True),
    lambda: [1, None],
    lambda: (torch.ones(2), 1), lambda: [torch.tensor(1)], lambda: [1, torch.tensor(1.0)], lambda: 10**30,
    lambda: -(2**70), lambda: 2**63, lambda: [1, 10**30], lambda: np.bool_(True), lambda: np.ones(2),
    lambda: np.array(1), lambda: str, dict, lambda: torch.tensor(True), lambda: ["a"],
]  # fmt: skip
KEYWORDS = ("foo", "bar", "dim", "axis", "out", "input", "x", "other", "x2", "dtype", "keepdim", "generator")
COMPLAINT = re.compile(
    r"invalid combination|: argument '|required positional|positional argument|takes no |got an unexpected|"
    r"multiple values|failed to unpack|expected Tensor as|^Overflow when|int too|negative int|tuple of"
)


def read_schemas() -> tuple[dict[str, list[Schema]], dict[str, list[Schema]]]:
    """The schemas of each function and method, without the `out` overloads, which are merged into them."""
    path = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    functions: dict[str, list[Schema]] = defaultdict(list)
    methods: dict[str, list[Schema]] = defaultdict(list)
    for entry in path.read_text("utf-8").split("\n- func: ")[1:]:
        line = entry.partition("\n")[0].strip()
        name = line.partition("(")[0]
        writes_out = "!" in line.partition(" -> ")[0] and "Tensor(a!) self" not in line
        if writes_out or name in HIDDEN or "python_module" in entry:
            continue
        found = re.search(r"\n  variants: (.*)", entry)
        variants = found[1] if found else "function"
        for kind, table in (("function", functions), ("method", methods)):
            if kind in variants:
                table[name.partition(".")[0]].append(read(line))
    return functions, methods


FUNCTIONS, METHODS = read_schemas()
BINDERS = {
    (name, method): Binder(name, table[name], method=method, tensor_class=torch.Tensor)
    for method, table in ((False, FUNCTIONS), (True, METHODS))
    for name in NAMES
    if name in table and hasattr(torch._C.TensorBase if method else torch._C._VariableFunctions, name)
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[tuple[str, bool], list[Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """A function or method, and makers of its arguments: mostly right ones, sometimes any."""
    key = draw(st.sampled_from(sorted(BINDERS)))
    signature: Signature = draw(st.sampled_from(BINDERS[key].signatures))
    likely = draw(st.booleans())
    parameters = signature.parameters
    least = min(signature.max_positional, sum(not p.optional and not p.keyword_only for p in parameters))
    count = draw(st.integers(least if likely else 0, max(signature.max_positional, least) + (not likely)))

    def value(place: int) -> Callable[[], Any]:
        kind = parameters[place].kind if place < len(parameters) else ""
        wanted = VALUES.get(kind, ODD)
        if draw(st.integers(0, 19)) < (19 if likely else 13):
            return draw(st.sampled_from(wanted))
        return draw(st.sampled_from(ODD + VALUES["Tensor"] + VALUES["Scalar"]))

    args = [value(place) for place in range(count)]
    kwargs = {}
    for place in range(count, len(parameters)):
        if draw(st.integers(0, 9)) == 0:
            kwargs[parameters[place].name] = value(place)
    if draw(st.integers(0, 9)) == 0:
        kwargs[draw(st.sampled_from(KEYWORDS))] = draw(st.sampled_from(ODD + VALUES["Scalar"]))
    return key, args, kwargs


def complaint(call: Callable[[], Any]) -> tuple[str, str] | None:
    try:
        call()
    except Exception as error:
        text = re.sub(r'\nException raised from.*"$', '"', str(error), flags=re.DOTALL)
        # CPython names a method of the class or of the base, depending on how it is called and traced.
        return type(error).__name__, re.sub(r"^Tensor(?=\.\w+\(\) takes no)", "TensorBase", text)
    return None


@settings(max_examples=600)
@given(calls())
def test_any_call_is_taken_or_refused_as_pytorch_does(
    call: tuple[tuple[str, bool], list[Callable[[], Any]], dict[str, Callable[[], Any]]],
) -> None:
    (name, method), makers, keyed = call
    own = [torch.ones(2, 3)] if method else []

    def arguments() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (*own, *(make() for make in makers)), {key: make() for key, make in keyed.items()}

    args, kwargs = arguments()
    function = getattr(torch._C.TensorBase if method else torch._C._VariableFunctions, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = complaint(lambda: BINDERS[name, method].bind(args, kwargs))
        theirs = complaint(lambda: function(*args, **kwargs))
    if ours is not None:
        assert ours == theirs
    elif theirs is not None and theirs[0] in ("TypeError", "ValueError", "OverflowError"):
        assert not COMPLAINT.search(theirs[1]), theirs


@settings(max_examples=300)
@given(calls())
def test_the_fast_way_gives_what_the_slow_way_gives(
    call: tuple[tuple[str, bool], list[Callable[[], Any]], dict[str, Callable[[], Any]]],
) -> None:
    (name, method), makers, keyed = call
    schemas = (METHODS if method else FUNCTIONS)[name]
    binder = Binder(name, schemas, method=method, tensor_class=torch.Tensor)
    args = (*([torch.ones(2, 3)] if method else []), *(make() for make in makers))
    kwargs = {key: make() for key, make in keyed.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = []
        for _ in range(binding._PATIENCE + 1):
            try:
                answers.append(repr(binder.bind(args, kwargs)))
            except Exception as error:
                answers.append(repr(error))
    assert set(answers) == {answers[0]}
    messages.said.once.clear()


@pytest.mark.parametrize("method", [False, True])
def test_signatures_are_listed_as_pytorch_lists_them(method: bool) -> None:
    wrong = []
    for (name, of_class), binder in BINDERS.items():
        listed = [f" * {text}" for text in binder.printed]
        if of_class != method or len(listed) == 1:
            continue
        function = getattr(torch._C.TensorBase if method else torch._C._VariableFunctions, name)
        said = complaint(lambda: function(*([torch.ones(2)] if method else []), *[None] * 40))  # noqa: B023
        assert said is not None
        if [line for line in said[1].splitlines() if line.startswith(" * ")] != listed:
            wrong.append(name)
    assert not wrong
