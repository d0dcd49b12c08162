"""Draws random programs from the table of statements, from what one engine (PyTorch) knows of the tensors at that moment."""

import copy
import pickle
from collections.abc import Iterator
from random import Random
from types import ModuleType
from typing import Any

import numpy as np

from tests.programs.statements import STATEMENTS, WEIGHTS

DTYPES = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128 uint16 uint32 uint64"
).split()
NUMBERS = (
    "2",
    "-1",
    "0",
    "3",
    "0.5",
    "2.5",
    "-1.5",
    "True",
    "1",
    "10",
    "0.1",
    "1j",
    "1e10",
    "300",
    "float('inf')",
)
LARGEST = 400
"""A statement is about tensors of at most so many elements, so that outer products of outer products stay small."""


def namespace(torch: ModuleType) -> dict[str, Any]:
    """What a program finds when it starts."""
    return {"torch": torch, "np": np, "copy": copy, "pickle": pickle, "log": []}


class Drawing:
    """Fills one template: each placeholder is a method, and `NAME_again` is what NAME gave last."""

    def __init__(
        self, random: Random, torch: ModuleType, subject: str, tensors: dict[str, Any], new: Iterator[str]
    ) -> None:
        self.random = random
        self.torch = torch
        self.subject = subject
        self.tensors = tensors
        self.tensor = tensors.get(subject)
        self.fresh = new
        self.drawn: dict[str, str] = {}
        self.axis = 0

    def fill(self, template: str) -> str:
        """The template with its placeholders drawn, the inner ones of a choice after the choice."""
        found: list[str] = []
        at = 0
        while at < len(template):
            if template[at] != "{":
                found.append(template[at])
                at += 1
                continue
            end = _closing(template, at)
            inside = template[at + 1 : end]
            if inside.startswith("="):
                found.append(self.fill(self.random.choice(_alternatives(inside[1:]))))
            else:
                found.append(self._draw(inside))
            at = end + 1
        return "".join(found)

    def _draw(self, name: str) -> str:
        if name.endswith("_again"):
            return self.drawn[name.removesuffix("_again")]
        self.drawn[name] = text = str(getattr(self, name)())
        return text

    @property
    def sizes_of(self) -> list[int]:
        return list(self.tensor.shape)

    def _size(self, dim: int) -> int:
        return self.sizes_of[dim] if self.sizes_of else 1

    # ---- names

    def n(self) -> str:
        return self.subject

    def new(self) -> str:
        return next(self.fresh)

    def any(self) -> str:
        return self.random.choice(list(self.tensors))

    def out(self) -> str:
        """One to write into. Not one in shared memory: where it would have to grow, PyTorch crashes."""
        names = [n for n, t in self.tensors.items() if not t.is_shared()]
        return self.random.choice(names) if names else "torch.empty(0)"

    def apart(self) -> str:
        """One in other memory, for an output that is written while the input is read: what PyTorch computes from an input
        that changes under it is what its threads and blocks happen to leave, not a result."""
        memory = self.tensor.untyped_storage().data_ptr()
        names = [
            n
            for n, t in self.tensors.items()
            if t.untyped_storage().data_ptr() != memory and not t.is_shared()
        ]
        return self.random.choice(names) if names else "torch.empty(0)"

    def apart_as_large(self) -> str:
        """One in other memory that need not grow: `softmax` gives an output its size before it finds that it has no kernel,
        and memory that nobody wrote has no value to compare."""
        memory = self.tensor.untyped_storage().data_ptr()
        names = [
            n
            for n, t in self.tensors.items()
            if t.untyped_storage().data_ptr() != memory and t.numel() >= self.tensor.numel()
        ]
        return self.random.choice(names) if names else "torch.empty(0)"

    def apart_for_two(self) -> str:
        """One in other memory for two tensors joined: `stack` grows the output before it refuses its dtype, and memory that
        nobody wrote has no value to compare. Not one in shared memory: where it would have to grow, PyTorch crashes."""
        memory = self.tensor.untyped_storage().data_ptr()
        count = 2 * self.tensor.numel()
        names = [
            n
            for n, t in self.tensors.items()
            if t.untyped_storage().data_ptr() != memory
            and not t.is_shared()
            and (t.numel() >= count or self.torch.can_cast(self.tensor.dtype, t.dtype))
        ]
        return self.random.choice(names) if names else "torch.empty(0)"

    def other(self) -> str:
        fits = [n for n, t in self.tensors.items() if t.shape == self.tensor.shape]
        if self.random.random() < 0.85:
            return self.random.choice(fits)
        return self.random.choice(list(self.tensors))

    def no_larger(self) -> str:
        """One that is not larger: memory that nobody wrote has no value to compare."""
        return self.random.choice([n for n, t in self.tensors.items() if t.numel() <= self.tensor.numel()])

    # ---- values

    def number(self) -> str:
        return self.random.choice(NUMBERS[:10] if self.random.random() < 0.85 else NUMBERS)

    def int(self) -> str:
        return self.random.choice(("1", "2", "0", "3"))

    def bool(self) -> str:
        return self.random.choice(("True", "False"))

    def dtype(self) -> str:
        return f"torch.{self.random.choice(DTYPES[:12] if self.random.random() < 0.9 else DTYPES)}"

    def dtype_wide(self) -> str:
        same = {
            1: "uint8 int8 bool",
            2: "float16 bfloat16 int16",
            4: "float32 int32",
            8: "float64 int64 complex64",
        }
        return f"torch.{self.random.choice(same.get(self.tensor.element_size(), 'float32 int16').split())}"

    def number_tensor(self) -> str:
        return f"torch.tensor({self.number()}, dtype={self.subject}.dtype)"

    def like(self) -> str:
        return f"torch.{self.random.choice(('ones', 'full'))}({self.sizes_of}, dtype={self.tensor.dtype})".replace(
            "full(" + str(self.sizes_of), f"full({self.sizes_of}, {self.random.choice(('2', '0', '1'))}"
        )

    def row(self) -> str:
        sizes = self.sizes_of[-1:]
        return self.random.choice(
            (f"torch.arange({sizes[0] if sizes else 1}.)", f"torch.ones({sizes})", "torch.tensor(2.)")
        )

    def spd(self) -> str:
        t = self.tensor
        if t.dim() >= 2 and t.dtype.is_floating_point and t.element_size() > 2 and self.random.random() < 0.6:
            return f"({self.subject} @ {self.subject}.mT + torch.eye({t.size(-2)}, dtype={t.dtype}))"
        return "torch.tensor([[4., 1.], [1., 3.]], dtype=torch.float64)"

    def classes(self) -> str:
        sizes = self.sizes_of
        return f"torch.zeros({[*sizes[:1], *sizes[2:]] if len(sizes) > 1 else []}, dtype=torch.int64)"

    # ---- dimensions and sizes

    def dim(self) -> str:
        count = self.tensor.dim()
        self.axis = self.random.randrange(-count, count) if count else self.random.choice((0, -1))
        return str(self.axis)

    def dims(self) -> str:
        count = self.tensor.dim()
        return str(self.random.sample(range(count), self.random.randint(0, count)))

    def order(self) -> str:
        return str(self.random.sample(range(self.tensor.dim()), self.tensor.dim()))

    def shape(self) -> str:
        return str(self.sizes_of)

    def sizes(self) -> str:
        n = self.tensor.numel()
        options = [[n], [1, n], [n, 1], [*self.sizes_of, 1]]
        for k in (2, 3):
            if n and n % k == 0:
                options += [[k, n // k], [n // k, k]]
        return str(self.random.choice(options))

    def smaller(self) -> str:
        n = self.tensor.numel()
        return str(self.random.choice([[0], [1, n], [min(n, 1)], [min(n, 2)], [n // 2, 2]]))

    def broad(self) -> str:
        sizes = [2 if size == 1 and self.random.random() < 0.5 else size for size in self.sizes_of]
        return str(self.random.choice(([2, *self.sizes_of], sizes, sizes, [-1] * len(sizes))))

    def repeats(self) -> str:
        return str([self.random.choice((1, 2)) for _ in range(max(self.tensor.dim(), 1))])

    def sizes_new(self) -> str:
        return self.random.choice(("(3,)", "(2, 3)", "(2, 2)", "()", "(1, 3)", "(2, 1, 2)", "(0,)", "(4,)"))

    def sizes_star(self) -> str:
        return self.random.choice(("3", "2, 3", "2, 2", "()", "20", "3, 1"))

    def part(self) -> str:
        return str(min(self._size(self.axis), self.random.choice((1, 2))))

    def part0(self) -> str:
        return str(min(self.tensor.numel(), 2))

    def rest(self) -> str:
        return str(max(self._size(0) - 1, 0))

    # ---- indices

    def _index(self, dim: int) -> str:
        size = self._size(dim)
        return str(self.random.randrange(-size, size)) if size else "0"

    def index(self) -> str:
        return self._index(self.axis)

    def index0(self) -> str:
        return self._index(0)

    def index_last(self) -> str:
        return self._index(-1)

    def slice(self) -> str:
        return self.random.choice(("1:", ":1", "::2", ":", "-1:", "1:2", "0:0", ":-1", "5:", "-9:9", "2:1"))

    def key0(self) -> str:
        return self.random.choice(("0", ":1", "...", "-1", ":"))

    def key(self) -> str:
        """An index of several kinds at once, over as many dimensions as there are."""
        parts = []
        for dim in range(self.random.randint(0, self.tensor.dim())):
            kind = self.random.random()
            parts.append(
                self._index(dim)
                if kind < 0.4
                else self.slice()
                if kind < 0.75
                else self._fancy(dim)
                if kind < 0.9
                else "None"
            )
        if self.random.random() < 0.2 or not parts:
            parts.insert(self.random.randint(0, len(parts)), self.random.choice(("...", "None")))
        return ", ".join(parts)

    def _fancy(self, dim: int) -> str:
        size = self._size(dim)
        a, b = self._index(dim), self._index(dim)
        flags = [self.random.random() < 0.5 for _ in range(size)]
        return self.random.choice(
            (f"[{a}, {b}]", f"torch.tensor([{a}, {b}])", f"torch.tensor([{a}])", f"torch.tensor({a})", f"[[{a}], [{b}]]",
             f"torch.tensor({flags})", f"{flags}", f"np.array([{a}, {b}])", f"torch.tensor([{a}], dtype=torch.int32)")
        )  # fmt: skip

    def fancy(self) -> str:
        return self._fancy(0)

    def fancy_last(self) -> str:
        return self._fancy(-1)

    def mask(self) -> str:
        if self.random.random() < 0.5 and not self.tensor.is_complex():
            return f"{self.subject} > 0.5"
        flags = np.array([self.random.random() < 0.5 for _ in range(self.tensor.numel())], bool)
        return f"torch.tensor({flags.reshape(self.sizes_of).tolist()}, dtype=torch.bool)"

    def indices(self) -> str:
        size = self._size(self.axis)
        chosen = [self.random.randrange(size) for _ in range(self.random.choice((1, 1, 2)))] if size else []
        return f"torch.tensor({chosen}, dtype=torch.int64)"

    def positions(self) -> str:
        size = self._size(self.axis)
        chosen = np.array([self.random.randrange(max(size, 1)) for _ in range(self.tensor.numel())], int)
        return f"torch.tensor({chosen.reshape(self.sizes_of).tolist()}, dtype=torch.int64)"


def _closing(template: str, at: int) -> int:
    depth = 0
    for place in range(at, len(template)):
        depth += (template[place] == "{") - (template[place] == "}")
        if not depth:
            return place
    raise ValueError(f"unbalanced: {template}")


def _alternatives(text: str) -> list[str]:
    """The parts between the outer bars."""
    parts = [""]
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


class Program:
    """One random program: each statement is drawn when PyTorch has run those before it."""

    def __init__(self, seed: int, torch: ModuleType) -> None:
        self.random = Random(seed)
        self.torch = torch
        self.names = namespace(torch)
        self.template = ""
        self._new = (f"t{number}" for number in range(1, 1000))

    def tensors(self) -> dict[str, Any]:
        return {
            n: v
            for n, v in self.names.items()
            if isinstance(v, self.torch.Tensor) and v.numel() <= LARGEST and n != "log"
        }

    def statement(self) -> str:
        """The next statement; its template is kept for the account of causes."""
        if len(self.tensors()) < 2:
            return self._drawn("create")
        kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind != "mode":
            return self._drawn(kind)
        lines = []
        depth = self.random.choice((1, 1, 1, 2))
        for level in range(depth):
            lines.append("    " * level + self._drawn("mode"))
        for _ in range(self.random.choice((1, 1, 2))):
            body = self._drawn(self.random.choice(("view", "pure", "write", "gradient")))
            lines.append("    " * depth + body)
        return "\n".join(lines)

    def _drawn(self, kind: str) -> str:
        r = self.random
        tensors = self.tensors()
        names = list(tensors)
        name = ""
        if names:
            name = r.choice(names[-4:] if r.random() < 0.7 else names)
            wanted = [n for n in names if tensors[n].requires_grad]
            if kind == "gradient" and wanted and r.random() < 0.9:
                name = r.choice(wanted)
        template = self.template = r.choice(STATEMENTS[kind])
        if kind in ("create", "view", "pure") and "{new}" not in template:
            template = "{new} = " + template
        return Drawing(r, self.torch, name, tensors, self._new).fill(template)
