"""PyTorch's operator database in forward mode: tangents of results and of gradients, on PyTorch and on the engine.

    python -m tests.oracle.pushed [REGEX]

Needs PyTorch. An operator agrees when tangents, their dtypes, shapes and strides agree, or both refuse in the same words.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch

import tensorcli.engine as engine
from tests.oracle import opinfo
from tests.oracle.vmapped import alike, replaced, tensors

SAMPLES: Final = 3
Rows = list[tuple[str, tuple[int, ...], tuple[int, ...], Any]]
Observe = Callable[[Any, Callable[..., Any], Any], Rows]


def cases(info: Any, most: int = SAMPLES) -> Iterator[Any]:
    """The arguments of the first samples with a few tensors, of which one at least asks for a gradient."""
    taken = 0
    for sample in opinfo.samples(info, "float64"):
        arguments = [sample.input, list(sample.args), sample.kwargs]
        given = tensors(arguments, torch.Tensor)
        if taken < most and len(given) <= 6 and any(one.requires_grad for one in given):
            taken += 1
            yield arguments


def _tangent(space: Any, primal: Any, number: int) -> Any:
    draw = np.random.default_rng(number)
    drawn = draw.standard_normal(tuple(primal.shape))
    if primal.dtype.is_complex:
        drawn = drawn + 1j * draw.standard_normal(tuple(primal.shape))
    return space.from_numpy(np.array(drawn)).to(primal.dtype)


def _split(
    space: Any, function: Callable[..., Any], arguments: Any
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function of those tensors alone that ask for a gradient, and them."""
    all_of_them = tensors(arguments, space.Tensor)
    asking = [one.requires_grad for one in all_of_them]

    def call(*own: Any) -> Any:
        given = iter(own)
        values = [
            next(given) if asks else one.detach() for one, asks in zip(all_of_them, asking, strict=True)
        ]
        first, others, options = replaced(arguments, iter(values), space.Tensor)
        space.manual_seed(42)
        return tuple(tensors(opinfo.leaves(function(first, *others, **options)), space.Tensor))

    primals = [one.detach().clone() for one, asks in zip(all_of_them, asking, strict=True) if asks]
    return call, tuple(primals)


def _tangents(space: Any, primals: Sequence[Any], first: int = 0) -> tuple[Any, ...]:
    return tuple(_tangent(space, one, first + number) for number, one in enumerate(primals))


def _rows(found: Any, space: Any) -> Rows:
    return [
        (
            str(one.dtype).removeprefix("torch."),
            tuple(one.shape),
            tuple(one.stride()),
            opinfo.array(one.detach().clone()),
        )
        for one in tensors(found, space.Tensor)
    ]


def pushed(space: Any, function: Callable[..., Any], arguments: Any) -> Rows:
    """The tangents of the results."""
    call, primals = _split(space, function, arguments)
    return _rows(space.func.jvp(call, primals, _tangents(space, primals))[1], space)


def over_gradients(space: Any, function: Callable[..., Any], arguments: Any) -> Rows:
    """The tangents of the gradients of the sum of the results' squares."""
    call, primals = _split(space, function, arguments)

    def loss(*given: Any) -> Any:
        found = [one for one in call(*given) if one.dtype.is_floating_point or one.dtype.is_complex]
        return sum(
            (one * one.conj()).real.sum() if one.dtype.is_complex else (one * one).sum() for one in found
        )

    gradient = space.func.grad(loss, argnums=tuple(range(len(primals))))
    return _rows(space.func.jvp(gradient, primals, _tangents(space, primals))[1], space)


def mapped(space: Any, function: Callable[..., Any], arguments: Any) -> Rows:
    """The tangents of the results for two tangents of the inputs at once."""
    call, primals = _split(space, function, arguments)
    both = zip(_tangents(space, primals), _tangents(space, primals, 9), strict=True)
    pairs = [space.stack(pair) for pair in both]
    return _rows(
        space.func.vmap(lambda *given: space.func.jvp(call, primals, given)[1], randomness="same")(*pairs),
        space,
    )


WAYS: Final[dict[str, Observe]] = {"jvp": pushed, "jvp of grad": over_gradients, "vmap of jvp": mapped}


def measure(info: Any, arguments: Any, observe: Observe) -> str:
    """What differs between PyTorch and the engine; "" when they agree."""
    try:
        wanted: Any = observe(torch, opinfo.resolve(torch, info), arguments)
    except Exception as error:
        wanted = opinfo.first_words(f"{type(error).__name__}: {error}")
    try:
        carried = opinfo.carry(arguments, engine, {})
        with opinfo.torch_is_refused(), np.errstate(all="ignore"):
            found: Any = observe(engine, opinfo.resolve(engine, info), carried)
    except Exception as error:
        found = opinfo.first_words(f"{type(error).__name__}: {error}")
    if isinstance(wanted, str) or isinstance(found, str):
        texts = [each if isinstance(each, str) else "tangents" for each in (wanted, found)]
        return "" if texts[0] == texts[1] else f"{texts[0]} expected, {texts[1]} found"
    if len(wanted) != len(found):
        return f"{len(wanted)} tangents expected, {len(found)} found"
    for want, got in zip(wanted, found, strict=True):
        if want[:2] != got[:2]:
            return f"{want[:2]} expected, {got[:2]} found"
        if not alike(want[3], got[3], 1e-6):
            return "values"
        # Where a size is 0 or 1 a stride addresses nothing; zeros may be as PyTorch has them where a derivative is none.
        moot = 0 in want[1] or not np.any(want[3])
        if observe is pushed and not (
            moot or all(size < 2 or a == b for size, a, b in zip(want[1], want[2], got[2], strict=True))
        ):
            return f"strides {want[2]} expected, {got[2]} found"
    return ""


def compared(info: Any) -> dict[str, str]:
    """For each way what differs first in an operator; "" for nothing."""
    return {
        name: next(filter(None, (measure(info, arguments, observe) for arguments in cases(info))), "")
        for name, observe in WAYS.items()
    }


def main() -> None:
    """Print what differs."""
    warnings.simplefilter("ignore")
    wrong = dict.fromkeys(WAYS, 0)
    infos = [
        one for one in opinfo.operators(sys.argv[1] if len(sys.argv) > 1 else "") if one.supports_autograd
    ]
    for info in infos:
        for name, told in compared(info).items():
            if told:
                wrong[name] += 1
                print(f"{opinfo.title(info)}, {name}: {told[:200]}", flush=True)
    print(f"{len(infos)} operators; differ: {wrong}")


if __name__ == "__main__":
    main()
