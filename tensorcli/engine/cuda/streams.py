"""Streams and events, which have nothing to wait for: every kernel has finished when its call returns."""

from typing import Any

from tensorcli.engine.cuda.current import init, known, synchronize
from tensorcli.engine.devices import cuda_devices


class Stream:
    """A queue of work on a device. Errors: RuntimeError without CUDA."""

    __module__ = "torch.cuda.streams"

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        if not cuda_devices():
            raise RuntimeError("torch.cuda.Stream requires CUDA support")
        self.device = known(device)

    def synchronize(self) -> None:
        """Wait for the work."""
        synchronize(self.device)

    def query(self) -> bool:
        """Whether the work is done."""
        synchronize(self.device)
        return True

    def wait_stream(self, stream: "Stream") -> None:
        """Let further work wait for another stream's."""
        stream.synchronize()

    def wait_event(self, event: "Event") -> None:
        """Let further work wait for an event."""
        event.synchronize()

    def record_event(self, event: "Event | None" = None) -> "Event":
        """An event after the work so far."""
        made = Event() if event is None else event
        made.record(self)
        return made

    def __enter__(self) -> None:
        _streams.append(self)

    def __exit__(self, *error: object) -> None:
        _streams.pop()


_streams: list[Stream] = []


class Event:
    """A mark in a stream. Errors: RuntimeError without CUDA."""

    __module__ = "torch.cuda.streams"

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if not cuda_devices():
            raise RuntimeError("Tried to instantiate dummy base class Event")
        self.enable_timing = enable_timing
        self.stream: Stream | None = None
        self.time = 0.0

    def record(self, stream: Stream | None = None) -> None:
        """Stand behind the work so far."""
        from time import perf_counter

        self.stream = current_stream() if stream is None else stream
        self.stream.synchronize()
        self.time = perf_counter()

    def synchronize(self) -> None:
        """Wait until the mark is reached."""
        if self.stream is not None:
            self.stream.synchronize()

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream wait for the mark."""
        self.synchronize()

    def query(self) -> bool:
        """Whether the mark is reached."""
        return True

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this mark to another. Errors: ValueError, RuntimeError unless both take the time."""
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        return (end_event.time - self.time) * 1000


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    init()
    return _streams[-1] if _streams and device is None else Stream(device)


default_stream = current_stream


def stream(stream: Stream | None) -> Any:
    """A context in which work goes to a stream; None changes nothing."""
    from contextlib import nullcontext

    return nullcontext() if stream is None else stream
