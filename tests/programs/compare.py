"""Runs random programs on both engines, compares everything that can be asked after each statement, and says where they part.

Run as a module for the long run: `python -m tests.programs.compare --programs 2000 --seed 1`.
"""

import argparse
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tests.programs.drawing import Program, namespace
from tests.programs.statements import STATEMENTS

LENGTH = 14
TENSOR_FACTS = (
    *("type", "dtype", "shape", "stride", "offset", "storage", "version", "requires_grad", "is_leaf"),
    *("grad_fn", "is_view", "inference", "retains_grad"),
)


def execute(source: str, names: dict[str, Any]) -> str | None:
    """Run a statement; the error's type and text, or None."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            exec(source, names)
    except Exception as error:
        # PyTorch passes some errors on with their C++ stack, which is a fact of its build.
        text = str(error).partition("\nException raised from ")[0]
        return f"{type(error).__name__}: {text}"
    return None


class Facts:
    """Everything that is compared, of every name of a program."""

    def __init__(self, torch: ModuleType, names: dict[str, Any]) -> None:
        self.torch = torch
        self.storages: dict[int, int] = {}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            self.found = {
                name: self.of(value)
                for name, value in names.items()
                if name not in ("torch", "np", "copy", "pickle") and not name.startswith("_")
            }

    def of(self, value: Any) -> Any:
        if isinstance(value, self.torch.Tensor):
            return self.tensor(value)
        if isinstance(value, (tuple, list)):
            return [type(value).__name__, *(self.of(one) for one in value)]
        if isinstance(value, (float, complex, np.ndarray, np.generic)):
            return [type(value).__name__, np.array(value)]
        if isinstance(value, (int, str, type(None), self.torch.dtype)):
            return [type(value).__name__, str(value)]
        if hasattr(value, "next_functions"):
            return value.name()
        return type(value).__name__

    def tensor(self, t: Any) -> dict[str, Any]:
        pointer = t.untyped_storage().data_ptr()
        grad_fn = _asked(lambda: t.grad_fn)
        if hasattr(grad_fn, "name"):
            grad_fn = (grad_fn.name(), type(grad_fn).__name__, _plain(grad_fn))
        row = [
            *(type(t).__name__, str(t.dtype), tuple(t.shape), tuple(t.stride()), t.storage_offset()),
            self.storages.setdefault(pointer, len(self.storages)) if pointer else -1,
            None if t.is_inference() else t._version,
            *(
                t.requires_grad,
                _asked(lambda: t.is_leaf),
                grad_fn,
                t._is_view(),
                t.is_inference(),
                t.retains_grad,
            ),
        ]
        found = dict(zip(TENSOR_FACTS, row, strict=True))
        found["value"] = "cut off" if cut_off(t) else _asked(lambda: self.values(t))
        grad = t.grad
        found["grad"] = None if grad is None or grad is t else self.tensor(grad)
        shown = (t.numel() < 100 or t.numel() > 1000) and not cut_off(t)
        found["repr"] = _plain(t) if shown else ""
        return found

    def values(self, t: Any) -> Any:
        # A copy: what numpy was shown can no more be resized.
        t = t.detach().clone()
        if t.dtype is self.torch.bfloat16:
            t = t.float()
        return t.resolve_conj().resolve_neg().numpy()


def cut_off(t: Any) -> bool:
    """Whether the tensor ends behind its storage, which could not grow: PyTorch reads on in memory that is not its own."""
    last = t.storage_offset() + sum((size - 1) * step for size, step in zip(t.shape, t.stride(), strict=True))
    return bool(t.numel() and (last + 1) * t.element_size() > t.untyped_storage().nbytes())


def _asked(question: Callable[[], Any]) -> Any:
    """The answer, or what was said instead: a view that nobody may follow refuses some questions, a negated bool its values."""
    try:
        return question()
    except RuntimeError as error:
        return str(error)


def _plain(thing: Any) -> str:
    """A text without addresses."""
    return re.sub("0x[0-9a-f]+", "0x", _asked(lambda: str(thing)))


def differ(want: Any, got: Any, where: str = "") -> str | None:
    """The first difference between two engines' facts, in words."""
    if isinstance(want, dict) and isinstance(got, dict):
        if list(want) != list(got):
            return f"{where}.names: {[*want]} expected, {[*got]} got"
        for key, value in want.items():
            # The text is compared where the values agree to the last bit: a digit's rounding is no difference of its own.
            if key == "repr" and not _same(want["value"], got["value"]):
                continue
            found = differ(value, got[key], f"{where}.{key}" if where else key)
            if found is not None:
                return found
        return None
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return next((f for a, b in zip(want, got, strict=True) if (f := differ(a, b, where))), None)
    if isinstance(want, np.ndarray) and isinstance(got, np.ndarray):
        return None if _close(want, got) else f"{where}: {want.tolist()} expected, {got.tolist()} got"
    return None if want == got else f"{where}: {want} expected, {got} got"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a is b)
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


def _close(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        if a.dtype.itemsize == 2:
            return bool(np.allclose(a, b, rtol=1e-2, atol=1e-3, equal_nan=True))
        return bool(
            np.allclose(a, b, rtol=1e-2 if a.dtype.itemsize == 4 else 1e-4, atol=1e-4, equal_nan=True)
        )


class Score:
    """Counts over many programs."""

    def __init__(self) -> None:
        self.programs = self.agree = self.agree_text = self.statements = self.succeeded = 0
        self.causes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def note(self, template: str, difference: str, lines: list[str]) -> None:
        """Count a difference under its template and kind, and keep the first example of each."""
        kind = difference.partition(":")[0].partition(".")[2] or difference.partition(":")[0]
        cause = f"{kind}  in  {template}"
        self.causes[cause] += 1
        self.examples.setdefault(
            cause, f"{difference[:600]}\n      " + "\n".join(lines).replace("\n", "\n      ")
        )

    def report(self, show: int) -> str:
        """The causes, most frequent first, each with an example."""
        return "\n".join(
            f"- {n} x {cause}\n    {self.examples[cause]}" for cause, n in self.causes.most_common(show)
        )


def reset(torch: ModuleType, seed: int) -> None:
    """The global state that a program starts from."""
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.set_printoptions(profile="default")
    torch.manual_seed(seed)


def compare(seed: int, torch: ModuleType, engine: ModuleType, score: Score) -> None:
    """Run one program on both and count."""
    program = Program(seed, torch)
    other = namespace(engine)
    for one in (torch, engine):
        reset(one, seed)
    lines: list[str] = []
    score.programs += 1
    text_agrees = True
    for _ in range(LENGTH):
        source = program.statement()
        lines.append(source)
        want = execute(source, program.names)
        got = execute(source, other)
        score.statements += 1
        score.succeeded += want is None
        difference = None
        if (want or "").partition(":")[0] != (got or "").partition(":")[0]:
            difference = f"error: {want} expected, {got} got"
        elif want != got:
            score.note(program.template, f"text: {want}\n      got: {got}", lines)
            text_agrees = False
        if difference is None:
            try:
                difference = differ(Facts(torch, program.names).found, Facts(engine, other).found)
            except Exception as error:
                difference = f"facts: {type(error).__name__}: {error}"
        if difference is not None:
            score.note(program.template, difference, lines)
            return
        if any(cut_off(t) for t in program.tensors().values()):
            break  # What PyTorch makes of such a tensor is not defined.
    score.agree += 1
    score.agree_text += text_agrees


def run(seeds: Iterator[int] | range, torch: ModuleType, engine: ModuleType) -> Score:
    """Compare the programs of these seeds."""
    score = Score()
    for seed in seeds:
        compare(seed, torch, engine, score)
    for one in (torch, engine):
        reset(one, 0)
    return score


def main() -> None:
    import importlib

    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=25)
    options = parser.parse_args()
    torch = importlib.import_module("torch")
    engine = importlib.import_module("tensorcli.engine")
    score = run(range(options.seed, options.seed + options.programs), torch, engine)
    print(score.report(options.show))
    print(", ".join(f"{kind} {len(lines)}" for kind, lines in STATEMENTS.items()))
    print(
        f"statements {score.statements}, succeeded under PyTorch {100 * score.succeeded / score.statements:.1f} %"
    )
    print(
        f"programs {score.programs}: agree to the end {100 * score.agree / score.programs:.1f} %, "
        f"with error texts {100 * score.agree_text / score.programs:.1f} %"
    )


if __name__ == "__main__":
    main()
