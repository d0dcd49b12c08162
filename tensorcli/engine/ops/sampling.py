"""Draws into tensors and from tensors that hold the parameters: uniform_, bernoulli, multinomial, normal, dropout."""

import math

import numpy as np

from tensorcli.engine import dtypes, effects, geometry, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import factory, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._draws import floating, into, memory_order, on_host, stream
from tensorcli.engine.ops._shared import own_geometry, zeros
from tensorcli.engine.ops.create import OPTIONS
from tensorcli.engine.ops.expand import expanded_sizes
from tensorcli.engine.random.generator import Generator as Stream

# ---- draws into a tensor


def draw(line, node=0):
    """Declare an in-place draw: the function below gets the stream, how many numbers, whether the memory is
    contiguous, the dtype's name and the arguments, and returns the numbers. No gradient passes it."""

    def declare(numbers):
        def kernel(xp, self, *arguments):
            *rest, generator = arguments
            name = dtypes.from_numpy_dtype(self.dtype).name
            into(self, lambda n, dense: numbers(stream(generator), n, dense, name, *rest))

        def check(self, *arguments):
            if not line.startswith("random_") and geometry.has_internal_overlap(self.geometry):
                # What PyTorch says of the arguments and of the dtype comes first: a draw that nobody sees says it.
                numbers(Stream(), 1, False, self.dtype.name, *arguments[:-1])
            effects.check_overlap(self, [])

        kernel.__doc__, kernel.__module__ = numbers.__doc__, numbers.__module__
        op(line, node=node, check=check, self=zeros)(kernel)
        return numbers

    return declare


@draw("uniform_(Tensor(a!) self, float from=0, float to=1, *, Generator? generator=None) -> Tensor(a!)")
def uniform_(stream, n, dense, dtype, low, high):
    """Fill with random numbers from a range, evenly spread; its end is left out."""
    return stream.uniform(n, dtype, low, high)


@draw("normal_(Tensor(a!) self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor(a!)")
def normal_(stream, n, dense, dtype, mean, std):
    """Fill with random numbers of a normal distribution."""
    return stream.normal(n, dtype, mean, std, contiguous=dense)


@draw("exponential_(Tensor(a!) self, float lambd=1, *, Generator? generator=None) -> Tensor(a!)")
def exponential_(stream, n, dense, dtype, lambd):
    """Fill with random numbers of an exponential distribution."""
    return stream.exponential(n, dtype, lambd)


@draw("geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)")
def geometric_(stream, n, dense, dtype, p):
    """Fill with random counts of trials up to the first success."""
    return stream.geometric(n, p, dtype)


@draw("cauchy_(Tensor(a!) self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor(a!)")
def cauchy_(stream, n, dense, dtype, median, sigma):
    """Fill with random numbers of a Cauchy distribution."""
    return stream.cauchy(n, dtype, median, sigma)


@draw("log_normal_(Tensor(a!) self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor(a!)")
def log_normal_(stream, n, dense, dtype, mean, std):
    """Fill with random numbers whose logarithms are normal."""
    return stream.log_normal(n, dtype, mean, std)


@draw("random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)")
def random_from(stream, n, dense, dtype, low, high):
    """Fill with random whole numbers from low up to high, high left out."""
    return stream.randint(n, low, high, dtype)


@draw("random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)", node=1)
def random_to(stream, n, dense, dtype, high):
    """Fill with random whole numbers from 0 up to high, high left out."""
    return stream.randint(n, 0, high, dtype)


@draw("random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)", node=2)
def random_(stream, n, dense, dtype):
    """Fill with random whole numbers, all that the dtype holds without gaps from 0 on."""
    return stream.integers(n, dtype)


@draw("bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)", node=2)
def bernoulli_float(stream, n, dense, dtype, p):
    """Fill with ones, each with probability p, and zeros."""
    return stream.bernoulli(n, p, dtype)


# ---- probabilities in tensors


def _flat(array, order):
    """The elements in the order in which another array's memory is filled."""
    return np.ascontiguousarray(array.transpose(order)).reshape(-1)


def _check_chances(self, p, generator):
    effects.check_overlap(self, [])
    expanded_sizes(p.geometry, self.geometry.sizes, messages.tensor_type(p))


@op(
    "bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)",
    node=1,
    check=_check_chances,
    self=zeros,
    p=lambda grad, p_sizes: grad.new_zeros(p_sizes),
)
def bernoulli_tensor(xp, self, p, generator):
    """Fill with ones, each with its own probability, and zeros."""
    chances = np.broadcast_to(on_host(p), self.shape)
    order = memory_order(own_geometry(self))
    name = dtypes.from_numpy_dtype(self.dtype).name
    into(self, lambda n, dense: stream(generator).bernoulli(n, _flat(chances, order), name))


@op("bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", self=zeros)
def bernoulli(xp, self, generator):
    """Ones, each with the probability that its element of self says, and zeros."""
    name = dtypes.from_numpy_dtype(self.dtype).name
    return (
        stream(generator)
        .bernoulli(self.size, np.ascontiguousarray(on_host(self)).reshape(-1), name)
        .reshape(self.shape)
    )


@op("bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor", out=False)
def bernoulli_p(xp, self, p, generator):
    """Ones with probability p, and zeros, in the sizes of self."""
    result = xp.empty(self.shape, self.dtype)
    into(result, lambda n, dense: stream(generator).bernoulli(n, p, dtypes.from_numpy_dtype(self.dtype).name))
    return result


def _check_multinomial(self, num_samples, replacement, generator):
    if not 1 <= self.ndim <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not self.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {self.dtype.scalar_type}"
        )


@op(
    "multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> "
    "Tensor",
    check=_check_multinomial,
    self=None,
)
def multinomial(xp, self, num_samples, replacement, generator):
    """Categories drawn by weight, a row of them for each row of weights."""
    return stream(generator).multinomial(on_host(self), num_samples, replacement)


def _check_both(mean, std):
    _check_deviations(std)
    _check_means(mean)


def _check_deviations_alone(mean, std, generator):
    _check_deviations(std)
    _check_kernel(std)


def _check_kernel(like):
    if like.numel() and like.dtype.category < dtypes.FLOATING:
        raise messages.not_implemented("normal_kernel_cpu", like.dtype.scalar_type)


def _check_means(mean):
    if mean.dtype.is_complex and mode.enabled and mean.requires_grad:
        raise RuntimeError(
            "normal does not support automatic differentiation for outputs with complex dtype."
        )
    _check_kernel(mean)


def _check_deviations(std):
    if std.dtype.is_complex:
        raise RuntimeError("normal expects standard deviation to be non-complex")
    if not std.is_meta and std.geometry.numel and not bool((std.values >= 0).all()):
        raise RuntimeError("normal expects all elements of std >= 0.0")


def _normal(xp, generator, sizes, dtype):
    numbers = stream(generator).normal(math.prod(sizes), dtypes.from_numpy_dtype(dtype).name)
    return xp.asarray(numbers).reshape(sizes)


@factory(
    f"normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, {OPTIONS[3:]}) "
    f"-> Tensor"
)
def normal_numbers(xp, mean, std, size, generator, dtype):
    """Random numbers of a normal distribution."""
    return stream(generator).normal(math.prod(size), floating(dtype).name, mean, std).reshape(size)


@op(
    "normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor",
    node=1,
    stepwise=REDUCED,
    check=lambda mean, std, generator: _check_means(mean),
    mean=lambda grad, mean_sizes: functions.zeros(mean_sizes, dtype=grad.dtype, device=grad.device),
)
def normal_of_means(xp, mean, std, generator):
    """Random normal numbers around these means."""
    name = dtypes.from_numpy_dtype(mean.dtype).name
    numbers = stream(generator).normal(mean.size, name, 0.0, std)
    return xp.asarray(numbers).reshape(mean.shape) + mean


@op(
    "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
    node=2,
    stepwise=REDUCED,
    check=_check_deviations_alone,
    std=lambda grad, std_sizes: functions.zeros(std_sizes, dtype=grad.dtype, device=grad.device),
)
def normal_of_deviations(xp, mean, std, generator):
    """Random normal numbers with these standard deviations."""
    return _normal(xp, generator, std.shape, std.dtype) * std + std.dtype.type(mean)


@op(
    "normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
    node=3,
    stepwise=REDUCED,
    check=lambda mean, std, generator: _check_both(mean, std),
    mean=lambda grad, mean_sizes: functions.zeros(mean_sizes, dtype=grad.dtype, device=grad.device),
    std=lambda grad, std_sizes: functions.zeros(std_sizes, dtype=grad.dtype, device=grad.device),
)
def normal_of_tensors(xp, mean, std, generator):
    """Random normal numbers around these means, with these standard deviations."""
    sizes = effects.broadcast_sizes([mean.shape, std.shape])
    return (_normal(xp, generator, sizes, mean.dtype) * std + mean).astype(mean.dtype)


def _check_poisson(self, generator):
    if not self.dtype.is_floating_point:
        raise messages.not_implemented("poisson_cpu", self.dtype.scalar_type)


@op(
    "poisson(Tensor self, Generator? generator=None) -> Tensor",
    variants="function",
    out=False,
    check=_check_poisson,
    self=lambda grad, self_sizes: grad.new_zeros(self_sizes),
)
def poisson(xp, self, generator):
    """Counts of events, each at the rate that its element of self says."""
    from tensorcli.engine.random.rejection import poisson

    return poisson(stream(generator), on_host(self))


def _check_binomial(count, prob, generator):
    for name, value in (("count", count), ("prob", prob)):
        if not value.dtype.is_floating_point:
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: {value.dtype.scalar_type}"
            )
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"Found dtype {prob.dtype.scalar_type} but expected {count.dtype.scalar_type}")
    if count.geometry.sizes != prob.geometry.sizes:
        effects.broadcast_sizes([count.geometry.sizes, prob.geometry.sizes])
    if count.dtype.reduced:
        raise messages.not_implemented("binomial_cpu", count.dtype.scalar_type)


@op(
    "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor",
    variants="function",
    out=False,
    check=_check_binomial,
)
def binomial(xp, count, prob, generator):
    """Numbers of successes in a number of trials, each with its probability."""
    from tensorcli.engine.random.rejection import binomial

    return binomial(stream(generator), on_host(count), on_host(prob))


# ---- dropout with its mask


def _scale(p, train):
    return 1.0 if not train else 0.0 if p == 1 else 1.0 / (1.0 - p)


@op(
    "native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)",
    out=False,
    variants="function",
    input=lambda grad, result1, p, train: functions.native_dropout_backward(grad, result1, _scale(p, train)),
)
def native_dropout(xp, input, p, train):
    """Dropout and its mask: which elements stayed."""
    if train is False:
        return Laid(input, geometry.preserved_strides(own_geometry(input))), xp.ones(input.shape, bool)
    kept = xp.empty(input.shape, bool)
    into(kept, lambda n, dense: stream(None).bernoulli(n, 1 - p, "bool"))
    kind = input.dtype.type
    return input * kept * kind(_scale(p, True)), kept


@op(
    "native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor",
    variants="function",
    grad_output=lambda grad, mask, scale: grad * (mask.to(grad.dtype) * scale),
    mask=None,
)
def native_dropout_backward(xp, grad_output, mask, scale):
    """The gradient of dropout: what stayed gets its gradient, scaled."""
    return grad_output * (mask * grad_output.dtype.type(scale))
