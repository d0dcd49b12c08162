"""Draws programs, runs them on both engines, and says where they part.

Run as a module for the long run: `python -m tests.programs.compare --programs 2000`.
"""

import argparse
import warnings
from collections import Counter
from collections.abc import Iterator
from random import Random
from types import ModuleType
from typing import Any

import numpy as np

from tests.programs.statements import CREATE, GRADIENT, MODES, PURE, VIEWS, WRITES

LENGTH = 14


class Program:
    """One random program: draws each statement while PyTorch runs, so that sizes and dtypes are known."""

    def __init__(self, seed: int, torch: ModuleType) -> None:
        self.random = Random(seed)
        self.torch = torch
        self.names: dict[str, Any] = {"torch": torch, "np": np}
        self.count = 0

    def tensors(self) -> list[str]:
        return [n for n, v in self.names.items() if isinstance(v, self.torch.Tensor)]

    def new(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def statement(self) -> str:
        r = self.random
        tensors = self.tensors()
        if len(tensors) < 2 or r.random() < 0.08:
            return f"{self.new()} = {r.choice(CREATE)}"
        kind = r.choices(("view", "pure", "write", "gradient", "mode"), (26, 24, 26, 16, 8))[0]
        if kind == "mode":
            return r.choice(list(MODES.values())).format(
                body=self._simple(r.choice(("view", "pure", "write")))
            )
        return self._simple(kind)

    def _simple(self, kind: str) -> str:
        r = self.random
        tensors = self.tensors()
        table = {"view": VIEWS, "pure": PURE, "write": WRITES, "gradient": GRADIENT}[kind]
        name = r.choice(tensors[-4:] if r.random() < 0.7 else tensors)
        if kind == "gradient":
            grads = [n for n in tensors if self.names[n].requires_grad]
            if grads and r.random() < 0.9:
                name = r.choice(grads)
        tensor = self.names[name]
        expression = table[r.choice(list(table))](r, name, tensor)
        if "{other}" in expression:
            fits = [n for n in tensors if self.names[n].shape == tensor.shape]
            expression = expression.replace("{other}", r.choice(fits if r.random() < 0.85 else tensors))
        if "{loss}" in expression:
            expression = expression.replace("{loss}", r.choice(tensors))
        if "{new}" in expression:
            return expression.replace("{new}", self.new())
        return f"{self.new()} = {expression}" if kind in ("view", "pure") else expression


def execute(source: str, names: dict[str, Any]) -> str | None:
    """Run a statement; the error's type and text, or None."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            exec(source, names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def facts(torch: ModuleType, names: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Everything that is compared, of every named tensor."""
    found: dict[str, tuple[Any, ...]] = {}
    storages: dict[int, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, t in names.items():
            if t is None:
                found[name] = (None,)
            if not isinstance(t, torch.Tensor):
                continue
            pointer = t.untyped_storage().data_ptr()
            partition = storages.setdefault(pointer, len(storages)) if pointer else -1
            try:
                node = t.grad_fn
                grad_fn = None if node is None else node.name()
            except RuntimeError as error:
                grad_fn = str(error)[:60]
            version = None if t.is_inference() else t._version
            grad = t.grad if t.is_leaf_or_retained else None
            found[name] = (
                *(str(t.dtype), tuple(t.shape), tuple(t.stride()), t.storage_offset(), partition, version),
                *(t.requires_grad, grad_fn, t._is_view(), t.is_inference()),
                _values(t),
                None if grad is None else (grad._version if not grad.is_inference() else None, _values(grad)),
            )
    return found


def _values(t: Any) -> Any:
    return np.array(t.detach().cpu().numpy(), copy=True)


def differ(want: dict[str, Any], got: dict[str, Any]) -> str | None:
    """The first difference between two engines' facts, in words."""
    fields = (
        *(
            "dtype",
            "shape",
            "stride",
            "offset",
            "storage",
            "version",
            "requires_grad",
            "grad_fn",
            "is_view",
            "inference",
        ),
        *("values", "grad"),
    )
    if list(want) != list(got):
        return "names"
    for name, row in want.items():
        other = got[name]
        if len(row) != len(other):
            return f"{name}: None"
        for field, a, b in zip(fields, row, other, strict=False):
            if field == "values":
                if not _close(a, b):
                    return f"{name}.values: {a.tolist()} expected, {b.tolist()} got"
            elif field == "grad":
                if (a is None) != (b is None):
                    return f"{name}.grad: {'None' if a is None else 'a tensor'} expected"
                if a is not None and not (a[0] == b[0] and _close(a[1], b[1])):
                    return f"{name}.grad: {a} expected, {b} got"
            elif a != b and not (field == "stride" and (0 in row[1] or 1 in row[1])):
                return f"{name}.{field}: {a} expected, {b} got"
    return None


def _close(a: Any, b: Any) -> bool:
    with np.errstate(all="ignore"):
        return a.shape == b.shape and bool(
            np.allclose(a, b, rtol=2e-3 if a.dtype.itemsize == 2 else 1e-4, atol=1e-5, equal_nan=True)
        )


class Score:
    """Counts over many programs."""

    def __init__(self) -> None:
        self.programs = self.agree = self.agree_text = self.statements = self.succeeded = 0
        self.causes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}


def compare(seed: int, torch: ModuleType, engine: ModuleType, score: Score) -> None:
    """Run one program on both and count."""
    program = Program(seed, torch)
    other: dict[str, Any] = {"torch": engine, "np": np}
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
            if text_agrees:
                _note(score, f"text: {want}\n      got: {got}", lines)
            text_agrees = False
        if difference is None:
            try:
                difference = differ(facts(torch, program.names), facts(engine, other))
            except Exception as error:
                difference = f"facts: {type(error).__name__}: {error}"
        if difference is not None:
            _note(score, difference, lines)
            return
    score.agree += 1
    score.agree_text += text_agrees


def _note(score: Score, difference: str, lines: list[str]) -> None:
    last = lines[-1].split("\n")[-1].strip()
    score.causes[difference.partition(":")[0].partition(".")[2] or difference[:60]] += 1
    score.examples.setdefault(f"{difference[:400]}  in  {last}", "\n      ".join(lines))


def prepare(torch: ModuleType) -> None:
    """What both engines need for the comparison: one question that warns must be asked quietly."""
    torch.Tensor.is_leaf_or_retained = property(lambda t: _quiet_leaf(t))  # type: ignore[attr-defined]


def _quiet_leaf(t: Any) -> bool:
    try:
        return bool(t.is_leaf or t.retains_grad)
    except RuntimeError:
        return False


def run(seeds: Iterator[int] | range, torch: ModuleType, engine: ModuleType) -> Score:
    """Compare the programs of these seeds."""
    prepare(torch)
    prepare(engine)
    score = Score()
    for seed in seeds:
        compare(seed, torch, engine, score)
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
    for example, lines in list(score.examples.items())[: options.show]:
        print(f"- {example}\n      {lines}")
    print(
        f"views {len(VIEWS)}, pure {len(PURE)}, writes {len(WRITES)}, gradient {len(GRADIENT)}, modes {len(MODES)}"
    )
    print(
        f"statements {score.statements}, succeeded under PyTorch {100 * score.succeeded / score.statements:.1f} %"
    )
    print(
        f"programs {score.programs}: agree to the end {100 * score.agree / score.programs:.1f} %, "
        f"with error texts {100 * score.agree_text / score.programs:.1f} %"
    )


if __name__ == "__main__":
    main()
