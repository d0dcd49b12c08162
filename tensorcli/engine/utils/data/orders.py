"""Samplers: the order in which samples are read, drawn as PyTorch draws it."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice, repeat
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import as_tensor
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.random import Generator


class Sampler(Pickled):
    """The order in which samples are read."""

    __module__ = "torch.utils.data.sampler"

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


class _InfiniteConstantSampler(Sampler):
    """The order of what is read in turn: there is none."""

    __module__ = "torch.utils.data.dataloader"

    def __iter__(self) -> Iterator[None]:
        return repeat(None)


class SequentialSampler(Sampler):
    """From the first to the last."""

    __module__ = "torch.utils.data.sampler"

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """In an order drawn anew each time, or drawn with replacement."""

    __module__ = "torch.utils.data.sampler"

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_count(self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many samples are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, left = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(drawn_seed())
        if self.replacement:
            for _ in range(left // 32):
                yield from functions.randint(size, (32,), dtype=dtypes.int64, generator=generator).tolist()
            yield from functions.randint(size, (left % 32,), dtype=dtypes.int64, generator=generator).tolist()
            return
        for _ in range(left // size):
            yield from functions.randperm(size, generator=generator).tolist()
        yield from functions.randperm(size, generator=generator).tolist()[: left % size]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """These samples, in an order drawn anew each time."""

    __module__ = "torch.utils.data.sampler"

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for each in functions.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[each]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Samples drawn by their weights."""

    __module__ = "torch.utils.data.sampler"

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None
    ) -> None:
        _check_count(num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights: Any = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = functions.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The order of another sampler in lists of `batch_size`."""

    __module__ = "torch.utils.data.sampler"

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:
        _check_count(batch_size, "batch_size")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        batch: list[Any] = []
        for each in self.sampler:
            batch.append(each)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


def drawn_seed(generator: Any = None) -> int:
    """A seed for a separate generator."""
    return int(functions.empty((), dtype=dtypes.int64).random_(generator=generator).item())


def _check_count(count: Any, what: str = "num_samples") -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count <= 0:
        raise ValueError(f"{what} should be a positive integer value, but got {what}={count}")


class DistributedSampler(Sampler):
    """The part of a set that one of several processes reads; all together they read everything.

    Errors: ValueError where the number of processes or the own one is not said (no group of processes is known here), or
    is not between 0 and the number of them.
    """

    __module__ = "torch.utils.data.distributed"

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError(
                "Default process group has not been initialized, please make sure to call init_process_group."
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        full, rest = divmod(len(dataset), num_replicas)
        self.num_samples = full + (rest > 0 and not drop_last)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self.dataset)))
        if self.shuffle:
            drawn = Generator().manual_seed(self.seed + self.epoch)
            order = functions.randperm(len(self.dataset), generator=drawn).tolist()
        repeated = islice(cycle(order), self.total_size) if order else iter(())
        return islice(repeated, self.rank, None, self.num_replicas)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which pass it is: each has another order."""
        self.epoch = epoch
