"""`DataLoader`, and how samples are put together into batches. It reads in this process, whatever `num_workers` says."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from itertools import islice
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import as_tensor, tensor
from tensorcli.engine.devices import cuda_devices
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.utils.data.orders import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    _InfiniteConstantSampler,
    drawn_seed,
)
from tensorcli.engine.utils.data.sets import IterableDataset

_NO_BATCH = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples as one: tensors stacked, numbers as a tensor, containers item by item. Errors: TypeError for other things."""
    first = batch[0]
    if isinstance(first, Tensor):
        return functions.stack(batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise TypeError(_NO_BATCH.format(first.dtype))
        return default_collate([as_tensor(each) for each in batch])
    if isinstance(first, np.bool_ | np.number):
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([each[key] for each in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(each) for each in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(each) != len(first) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like_sequence(first, [default_collate(each) for each in zip(*batch, strict=True)])
    raise TypeError(_NO_BATCH.format(type(first)))


def default_convert(data: Any) -> Any:
    """A sample with tensors for numpy's arrays and numbers, container by container."""
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(each) for key, each in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(each) for each in data])
    return data


def _like(mapping: Any, items: dict[Any, Any]) -> Any:
    """The items in a mapping of the same kind, if one can be made of them."""
    try:
        if isinstance(mapping, MutableMapping):
            twin = copy(mapping)
            twin.update(items)
            return twin
        return type(mapping)(items)
    except TypeError:
        return items


def _like_sequence(sequence: Any, items: list[Any]) -> Any:
    """The items in a sequence of the same kind, if one can be made of them; those of a tuple in a list."""
    if isinstance(sequence, tuple):
        return items
    try:
        if isinstance(sequence, MutableSequence):
            twin = copy(sequence)
            for place, item in enumerate(items):
                twin[place] = item
            return twin
        return type(sequence)(items)
    except TypeError:
        return items


def get_worker_info() -> None:
    """What a worker knows of itself: nothing, because there are no workers."""


_FIXED = frozenset("batch_size batch_sampler sampler drop_last dataset persistent_workers".split())
"""What may not be changed once a loader is complete."""


def _context(given: Any, workers: int) -> Any:
    """How workers would be started. Errors: ValueError without workers, and for an unknown method; TypeError."""
    if workers <= 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={workers}"
        )
    import multiprocessing

    if isinstance(given, str):
        ways = multiprocessing.get_all_start_methods()
        if given not in ways:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {ways!r}, but got "
                f"multiprocessing_context={given!r}"
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, but "
            f"got multiprocessing_context={given}"
        )
    return given


class _Batches:
    """One pass through a loader."""

    __module__ = "torch.utils.data.dataloader"

    def __init__(self, loader: Any, batches: Iterator[Any]) -> None:
        self._loader = loader
        self._batches = batches
        self._counted = loader._counted
        self._num_yielded = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        found = next(self._batches)
        self._num_yielded += 1
        if self._counted is not None and self._num_yielded > self._counted:
            messages.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {self._counted}(when accessing "
                f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
            )
        return found

    def __len__(self) -> int:
        return len(self._loader._index_sampler)


_Batches.__name__ = _Batches.__qualname__ = "_SingleProcessDataLoaderIter"


def _check_workers(num_workers: int, timeout: float, prefetch_factor: Any, persistent_workers: bool) -> None:
    """Errors: ValueError for settings of workers that do not go together."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(
    dataset: Any,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    """Refuse settings of the order and of batches that exclude each other. Errors: ValueError."""
    if isinstance(dataset, IterableDataset):
        for name, value in (
            ("shuffle", shuffle or None),
            ("sampler", sampler),
            ("batch_sampler", batch_sampler),
        ):
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


class DataLoader(Pickled):
    """Batches of a set of samples, in order or shuffled."""

    __module__ = "torch.utils.data.dataloader"

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: Any = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.generator = generator
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.multiprocessing_context = multiprocessing_context
        self._counted: int | None = None
        """What `len` said of a set that is read in turn."""
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_complete" in self.__dict__:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        if name == "multiprocessing_context" and value is not None:
            value = _context(value, self.num_workers)
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory and not cuda_devices():
            messages.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used."
            )
        order = None if isinstance(self.dataset, IterableDataset) else iter(self._index_sampler)
        if self.num_workers == 0 and self.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        # PyTorch draws a seed for its workers, whether there are any or not.
        drawn_seed(self.generator)
        return _Batches(self, self._in_turn() if order is None else self._batches(order))

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _batches(self, order: Iterator[Any]) -> Iterator[Any]:
        several = getattr(self.dataset, "__getitems__", None)
        for each in order:
            if self.batch_sampler is None:
                yield self.collate_fn(self.dataset[each])
            elif callable(several):
                yield self.collate_fn(several(each))
            else:
                yield self.collate_fn([self.dataset[index] for index in each])

    def _in_turn(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(islice(samples, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield self.collate_fn(batch)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        size = self._counted = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
