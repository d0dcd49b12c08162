"""`torch.quasirandom`: points that fill a cube more evenly than random ones."""

from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import CPU
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.random import Generator
from tensorcli.engine.tensor import Tensor

__all__ = ["SobolEngine"]


class SobolEngine(Pickled):
    """Draws Sobol's sequence in up to 21201 dimensions, scrambled where that is asked for, by a seed or the default generator.

    `draw(n)` gives the next n points, a row for each. Errors: ValueError for other numbers of dimensions.
    """

    __module__ = "torch.quasirandom"

    MAXBIT = 30
    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.seed = seed
        self.scramble = scramble
        self.dimension = dimension
        self.sobolstate = functions.zeros(dimension, self.MAXBIT, device=CPU, dtype=dtypes.int64)
        functions._sobol_engine_initialize_state_(self.sobolstate, self.dimension)
        if self.scramble:
            self._scramble()
        else:
            self.shift = functions.zeros(self.dimension, device=CPU, dtype=dtypes.int64)
        self.quasi = self.shift.clone(memory_format=contiguous_format)
        self._first_point = (self.quasi / 2**self.MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next n points: (n, dimension). `out` is given their size and written to. Errors: NotImplementedError for a dtype
        other than float32 and float64.
        """
        kind = dtypes.default.floating if dtype is None else dtype
        if self.num_generated == 0:
            result: Any = self._first_point.to(kind)
            if n != 1:
                result, self.quasi = functions._sobol_engine_draw(
                    self.quasi, n - 1, self.sobolstate, self.dimension, self.num_generated, dtype=kind
                )
                result = functions.cat((self._first_point.to(kind), result), dim=-2)
        else:
            result, self.quasi = functions._sobol_engine_draw(
                self.quasi, n, self.sobolstate, self.dimension, self.num_generated - 1, dtype=kind
            )
        self.num_generated += n
        if out is not None:
            out.resize_as_(result).copy_(result)
            return out
        return result  # type: ignore[no-any-return]

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next 2**m points. Errors: ValueError where the number of all points drawn would be no power of 2."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}={total}. If "
                "you still want to do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> "SobolEngine":
        """Start again with the first point."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> "SobolEngine":
        """Skip n points."""
        steps, done = (n - 1, 0) if self.num_generated == 0 else (n, self.num_generated - 1)
        functions._sobol_engine_ff_(self.quasi, steps, self.sobolstate, self.dimension, done)
        self.num_generated += n
        return self

    def _scramble(self) -> None:
        generator = None
        if self.seed is not None:
            generator = Generator()
            generator.manual_seed(self.seed)
        bits = functions.randint(2, (self.dimension, self.MAXBIT), device=CPU, generator=generator)
        self.shift = functions.mv(bits, functions.pow(2, functions.arange(0, self.MAXBIT, device=CPU)))
        sizes = (self.dimension, self.MAXBIT, self.MAXBIT)
        matrices = functions.randint(2, sizes, device=CPU, generator=generator).tril()
        functions._sobol_engine_scramble_(self.sobolstate, matrices, self.dimension)

    def __repr__(self) -> str:
        shown = [f"dimension={self.dimension}"]
        if self.scramble:
            shown.append("scramble=True")
        if self.seed is not None:
            shown.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(shown)})"
