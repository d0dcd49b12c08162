"""Sobol's sequences: what `torch.quasirandom.SobolEngine` is made of.

The state of an engine is a matrix of direction numbers, a row for each dimension, as integers of 30 bits. The next point is the
last one, to which the column is added (bit by bit) that the lowest zero bit of its number names: Antonov and Saleev's order. The
direction numbers are those of S. Joe and F. Y. Kuo (SIAM J. Sci. Comput. 30, 2008), of which scipy has the same table.

PyTorch writes a state through no operator: no version counter moves but for the last multiplication of a new one.
"""

from functools import cache
from importlib.resources import files

import numpy as np

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.allocation import check_bytes
from tensorcli.engine.declare import op

_BITS = 30


def _write(op, values):
    """The effect of what writes into a state: the bytes change, the counter stays."""
    target = values[0]
    if events.observer is not None:
        events.observer.writes(target, op.name, values)
    op.kernel(np, *(getattr(each, "values", each) for each in values))
    if op.base == "_sobol_engine_initialize_state_":
        target.bump()
    if events.observer is not None:
        events.observer.wrote(target, op.name, values)
    return target


def _check(**arrays):
    for name, array in arrays.items():
        if array.dtype != np.int64:
            raise RuntimeError(f"{name} needs to be of type Long")


@cache
def _directions():
    """The polynomials of all dimensions, and the first direction numbers of each."""
    with (files("scipy.stats") / "_sobol_direction_numbers.npz").open("rb") as file, np.load(file) as found:
        return found["poly"].astype(np.int64), found["vinit"].astype(np.int64)


@op(
    "_sobol_engine_initialize_state_(Tensor(a!) self, int dimension) -> Tensor(a!)",
    variants="function",
    effect=_write,
)
def _sobol_engine_initialize_state_(xp, self, dimension):
    """Fill a state with the direction numbers of as many dimensions."""
    _check(sobolstate=self)
    polynomials, first = _directions()
    self[0] = 1
    degrees = np.frexp(polynomials[:dimension])[1] - 1
    for degree in range(1, first.shape[1] + 1):
        rows = 1 + np.flatnonzero(degrees[1:] == degree)
        if not len(rows):
            continue
        found = np.empty((len(rows), _BITS), np.int64)
        found[:, :degree] = first[rows, :degree]
        for place in range(degree, _BITS):
            new = found[:, place - degree].copy()
            for k in range(degree):
                taken = (polynomials[rows] >> (degree - 1 - k)) & 1
                new ^= taken * (found[:, place - k - 1] << (k + 1))
            found[:, place] = new
        self[rows] = found
    self *= 1 << np.arange(_BITS - 1, -1, -1)


def _columns(start, count):
    """Which column each step adds, from the point with the number `start` on."""
    numbers = np.arange(start, start + count)
    return np.frexp(~numbers & (numbers + 1))[1] - 1


@op(
    "_sobol_engine_draw(Tensor quasi, int n, Tensor sobolstate, int dimension, int num_generated, ScalarType? dtype) "
    "-> (Tensor, Tensor)",
    variants="function",
    out=False,
)
def _sobol_engine_draw(xp, quasi, n, sobolstate, dimension, num_generated, dtype):
    """The next n points after the one that `quasi` has the bits of, and the bits of the last of them."""
    _check(sobolstate=sobolstate, quasi=quasi)
    kind = dtype or dtypes.float32
    if n < 0:
        raise messages.negative_size((n, dimension))
    check_bytes(n * dimension * 8, (n, dimension), kind)
    if kind not in (dtypes.float32, dtypes.float64):
        raise messages.not_implemented("_sobol_engine_draw", kind.scalar_type)
    steps = sobolstate.T[_columns(num_generated, n), :dimension]
    points = np.bitwise_xor.accumulate(np.concatenate([quasi[None, :dimension], steps]))
    last = quasi.copy()
    last[:dimension] = points[-1]
    return points[1:].astype(kind.np) * kind.np.type(2.0**-_BITS), last


@op(
    "_sobol_engine_ff_(Tensor(a!) self, int n, Tensor sobolstate, int dimension, int num_generated) -> Tensor(a!)",
    variants="function",
    effect=_write,
)
def _sobol_engine_ff_(xp, self, n, sobolstate, dimension, num_generated):
    """Go on by n points, whose bits are in self."""
    _check(sobolstate=sobolstate, quasi=self)
    if n > 0:
        # The columns that remain of so many steps are the bits in which the Gray codes of both numbers differ.
        end = num_generated + n
        differing = (num_generated ^ (num_generated >> 1)) ^ (end ^ (end >> 1))
        for column in range(_BITS):
            if differing >> column & 1:
                self[:dimension] ^= sobolstate[:dimension, column]


@op(
    "_sobol_engine_scramble_(Tensor(a!) self, Tensor ltm, int dimension) -> Tensor(a!)",
    variants="function",
    effect=_write,
)
def _sobol_engine_scramble_(xp, self, ltm, dimension):
    """Multiply the direction numbers of each dimension, as vectors of bits, with a lower triangular matrix of bits."""
    _check(sobolstate=self)
    matrices = ltm.copy()
    matrices[..., np.arange(_BITS), np.arange(_BITS)] = 1
    masks = (matrices << np.arange(_BITS - 1, -1, -1)).sum(-1)
    found = np.zeros((dimension, _BITS), np.int64)
    for place in range(_BITS):
        odd = np.bitwise_count(masks[:dimension, place, None] & self[:dimension]) & 1
        found |= odd.astype(np.int64) << (_BITS - 1 - place)
    self[:dimension] = found
