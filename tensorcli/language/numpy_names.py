"""numpy by allow-list: nothing that reads or writes files, runs code, or shows memory that is not its own.

Functions that make arrays are checked for size before they run; memory that numpy leaves uninitialised is
zero, and generators without a seed are seeded by numpy's global one, so that a script prints the same every
time.
"""

from __future__ import annotations

from typing import Any

from tensorcli.language.limits import Guards, range_length
from tensorcli.language.namespaces import Check, Checked, Members, Namespace, words

TOP = words(
    "abs absolute acos acosh add all allclose amax amin angle any append apply_along_axis arange arccos "
    "arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort argwhere around array "
    "array2string array_equal array_equiv array_repr array_split array_str asarray ascontiguousarray "
    "asfortranarray asanyarray asin asinh astype atan atan2 atanh atleast_1d atleast_2d atleast_3d average "
    "bincount bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or "
    "bitwise_right_shift bitwise_xor block bool bool_ broadcast_arrays broadcast_shapes broadcast_to "
    "can_cast cbrt cdouble ceil choose clip clongdouble column_stack common_type complex128 complex64 "
    "complexfloating compress concat concatenate conj conjugate convolve copy copysign copyto corrcoef "
    "correlate cos cosh count_nonzero cov cross csingle cumprod cumsum cumulative_prod cumulative_sum "
    "deg2rad degrees delete diag diag_indices diagflat diagonal diff digitize divide divmod dot double "
    "dsplit dstack dtype e ediff1d einsum einsum_path empty empty_like equal errstate euler_gamma exp exp2 "
    "expand_dims expm1 extract eye fabs fill_diagonal finfo fix flatnonzero flexible flip fliplr flipud "
    "float16 float32 float64 float_power floating floor floor_divide fmax fmin fmod format_float_positional "
    "format_float_scientific frexp from_dlpack frombuffer fromfunction fromiter full full_like gcd generic geomspace "
    "get_printoptions gradient greater greater_equal half heaviside histogram histogram2d "
    "histogram_bin_edges hsplit hstack hypot identity iinfo imag indices inexact inf inner insert int16 "
    "int32 int64 int8 int_ intc integer interp intersect1d intp invert isclose iscomplex iscomplexobj "
    "isdtype isfinite isfortran isin isinf isnan isneginf isposinf isreal isrealobj isscalar issubdtype ix_ "
    "kron lcm ldexp left_shift less less_equal lexsort linspace little_endian log log10 log1p log2 logaddexp "
    "logaddexp2 logical_and logical_not logical_or logical_xor logspace long longdouble longlong matmul "
    "matrix_transpose matvec max maximum may_share_memory mean median meshgrid min min_scalar_type minimum "
    "mod modf moveaxis multiply nan nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean "
    "nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar ndarray ndenumerate ndim "
    "ndindex negative newaxis nextafter nonzero not_equal number ones ones_like outer packbits pad partition "
    "percentile permute_dims pi piecewise place poly polyadd polyder polydiv polyfit polyint polymul polysub "
    "polyval positive pow power printoptions prod promote_types ptp put put_along_axis putmask quantile "
    "rad2deg radians ravel ravel_multi_index real real_if_close reciprocal remainder repeat require reshape "
    "resize result_type right_shift rint roll rollaxis roots rot90 round s_ searchsorted select "
    "set_printoptions setdiff1d setxor1d shape shares_memory short sign signbit signedinteger sin sinc "
    "single sinh size sort sort_complex spacing split sqrt square squeeze stack std str_ subtract sum "
    "swapaxes take take_along_axis tan tanh tensordot tile trace transpose trapezoid tri tril tril_indices "
    "trim_zeros triu triu_indices true_divide trunc ubyte ufunc uint uint16 uint32 uint64 uint8 uintc uintp "
    "ulong ulonglong union1d unique unique_all unique_counts unique_inverse unique_values unpackbits "
    "unravel_index unsignedinteger unstack unwrap ushort vander var vdot vecdot vecmat vsplit vstack where "
    "zeros zeros_like"
)
LINALG = words(
    "LinAlgError cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul "
    "matrix_norm matrix_power matrix_rank matrix_transpose multi_dot norm outer pinv qr "
    "slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot vector_norm"
)
FFT = words(
    "fft fft2 fftfreq fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn "
    "rfft rfft2 rfftfreq rfftn"
)
RANDOM = words(
    "Generator RandomState beta binomial bytes chisquare choice default_rng dirichlet exponential gamma "
    "geometric gumbel laplace logistic lognormal multinomial multivariate_normal normal permutation poisson "
    "power rand randint randn random random_integers random_sample ranf rayleigh sample seed shuffle "
    "standard_exponential standard_normal triangular uniform vonmises wald weibull zipf"
)
TESTING = words(
    "assert_allclose assert_almost_equal assert_array_almost_equal assert_array_equal assert_array_less assert_equal"
)

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def _elements(shape: Any) -> int:
    """How many elements a shape asks for; 0 where it is not a shape, which numpy will then say."""
    if isinstance(shape, range):
        return 0
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    total = 1
    for size in sizes:
        try:
            total *= max(int(size), 0)
        except (TypeError, ValueError, OverflowError):
            return 0
    return total


def _itemsize(value: Any) -> int:
    if value is None:
        return 8
    import numpy as np

    try:
        return int(max(np.dtype(value).itemsize, 1))
    except TypeError:
        return 8


def _shaped(position: int, keyword: str) -> Check:
    def check(guards: Guards, args: Args, kwargs: Kwargs) -> None:
        shape = args[position] if len(args) > position else kwargs.get(keyword)
        dtype = kwargs.get("dtype", args[position + 1] if len(args) > position + 1 else None)
        if shape is not None:
            guards.array(_elements(shape), _itemsize(dtype) if not isinstance(dtype, int | float) else 8)

    return check


def _dimensions(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    guards.array(_elements(args))


def _square(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    rows = args[0] if args else kwargs.get("N", kwargs.get("n", 1))
    columns = args[1] if len(args) > 1 and isinstance(args[1], int) else kwargs.get("M", rows)
    guards.array(_elements((rows, rows if columns is None else columns)))


def _arange(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    numbers = [*args[:3], *(kwargs[name] for name in ("start", "stop", "step") if name in kwargs)]
    try:
        start, stop, step = (
            (0, numbers[0], 1) if len(numbers) == 1 else (*numbers[:2], *(numbers[2:3] or [1]))
        )
        count = (stop - start) / step
        if count > 0:
            guards.array(int(count) if count < 1e18 else 10**18)
    except (TypeError, ZeroDivisionError, IndexError, ValueError, OverflowError):
        return


def _spaced(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    guards.array(_elements(args[2] if len(args) > 2 else kwargs.get("num", 50)))


def _size_of(value: Any) -> int:
    if isinstance(value, range):
        return range_length(value)
    size = getattr(value, "size", None)
    if isinstance(size, int):
        return size
    return len(value) if isinstance(value, list | tuple | str) else 1


def _times(keyword: str) -> Check:
    """Functions whose result is their array as often as a second argument says."""

    def check(guards: Guards, args: Args, kwargs: Kwargs) -> None:
        counts = args[1] if len(args) > 1 else kwargs.get(keyword, 1)
        if isinstance(counts, list | tuple) and keyword == "repeats":
            times = sum(int(each) for each in counts if isinstance(each, int))
        else:
            times = _elements(counts)
        guards.array(_size_of(args[0] if args else 1) * times)

    return check


def _outer(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    total = 1
    for each in args:
        total *= max(_size_of(each), 1)
    guards.array(total)


def _diagonal(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    if args and getattr(args[0], "ndim", 1) == 1:
        guards.array(_size_of(args[0]) ** 2)


def _powers(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    if args:
        count = args[1] if len(args) > 1 else kwargs.get("N") or _size_of(args[0])
        guards.array(_size_of(args[0]) * _elements(count))


def _bincount(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    import numpy as np

    counts = np.asarray(args[0] if args else kwargs.get("x", ()))
    if counts.size and counts.dtype.kind in "iub":
        guards.array(int(counts.max()))
    guards.array(_elements(kwargs.get("minlength", args[2] if len(args) > 2 else 0)))


def _padded(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    width = args[1] if len(args) > 1 else kwargs.get("pad_width", 0)
    shape = getattr(args[0], "shape", (_size_of(args[0]),)) if args else ()
    largest = _largest(width)
    total = 1
    for size in shape:
        total *= size + 2 * largest
    guards.array(total)


def _largest(value: Any) -> int:
    if isinstance(value, list | tuple):
        return max((_largest(each) for each in value), default=0)
    return value if isinstance(value, int) else 0


def _bins(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    guards.array(_elements(kwargs.get("bins", args[1] if len(args) > 1 else 10)))


def _transformed(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    length = args[1] if len(args) > 1 else kwargs.get("n", kwargs.get("s"))
    if length is not None:
        guards.array(_elements(length), 16)


def _sequence(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    for each in args:
        if isinstance(each, range):
            guards.array(range_length(each))


def _sized(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    """The random functions: a size by name or in last place."""
    size = kwargs.get("size", args[-1] if args else None)
    if isinstance(size, int | tuple | list):
        guards.array(_elements(size))


def _counted(guards: Guards, args: Args, kwargs: Kwargs) -> None:
    """fromiter: only as many items as its count says, or what has a length, so that it ends."""
    source = args[0] if args else kwargs.get("iter", ())
    count = kwargs.get("count", args[2] if len(args) > 2 else -1)
    if isinstance(count, int) and count >= 0:
        guards.array(count)
    elif not hasattr(source, "__len__"):
        raise TypeError("np.fromiter() over an iterator needs count= here; or write np.array(list(values))")


CHECKS: dict[str, Check] = {
    **dict.fromkeys(("zeros", "ones", "empty", "full"), _shaped(0, "shape")),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like"), _shaped(4, "shape")),
    "full_like": _shaped(5, "shape"),
    "indices": _shaped(0, "dimensions"),
    "fromfunction": _shaped(1, "shape"),
    "resize": _shaped(1, "new_shape"),
    "fromiter": _counted,
    "identity": _square,
    **dict.fromkeys(("eye", "tri", "tril_indices", "triu_indices"), _square),
    "arange": _arange,
    **dict.fromkeys(("linspace", "logspace", "geomspace"), _spaced),
    "repeat": _times("repeats"),
    "tile": _times("reps"),
    **dict.fromkeys(("outer", "kron", "meshgrid", "ix_"), _outer),
    "diag": _diagonal,
    "diagflat": _diagonal,
    "vander": _powers,
    "bincount": _bincount,
    "pad": _padded,
    **dict.fromkeys(("histogram", "histogram2d", "histogram_bin_edges"), _bins),
    **dict.fromkeys("array asarray asanyarray ascontiguousarray sum max min prod mean".split(), _sequence),
}


def numpy_namespaces(guards: Guards) -> dict[str, Namespace]:
    """numpy and its modules, by the names that an import gives them."""
    import numpy as np

    linalg = Namespace("numpy.linalg", Members(LINALG, lambda name: getattr(np.linalg, name)))

    def fft(name: str) -> Any:
        return Checked(getattr(np.fft, name), _transformed, guards)

    fft_namespace = Namespace("numpy.fft", Members(FFT, fft))
    random = Namespace("numpy.random", Members(RANDOM, lambda name: _random(name, guards)))
    testing = Namespace("numpy.testing", Members(TESTING, lambda name: getattr(np.testing, name)))
    inner: dict[str, Any] = {"linalg": linalg, "fft": fft_namespace, "random": random, "testing": testing}
    inner["__version__"] = np.__version__

    def make(name: str) -> Any:
        if name in inner:
            return inner[name]
        if name in ("empty", "empty_like"):
            return Checked(getattr(np, "zeros" + name[5:]), CHECKS[name], guards)
        value = getattr(np, name)
        return Checked(value, CHECKS[name], guards) if name in CHECKS else value

    present = frozenset(name for name in TOP if hasattr(np, name))
    return {
        "numpy": Namespace("numpy", Members(present | inner.keys(), make)),
        "numpy.linalg": linalg,
        "numpy.fft": fft_namespace,
        "numpy.random": random,
        "numpy.testing": testing,
    }


def _random(name: str, guards: Guards) -> Any:
    import numpy as np

    value = getattr(np.random, name)
    if name in ("default_rng", "RandomState"):

        def generator(seed: Any = None) -> Any:
            return value(int(np.random.randint(2**31)) if seed is None else seed)

        generator.__name__ = generator.__qualname__ = name
        return generator
    if isinstance(value, type) or name in ("seed", "shuffle"):
        return value
    if name in ("rand", "randn"):
        return Checked(value, _dimensions, guards)
    return Checked(value, _sized, guards)
