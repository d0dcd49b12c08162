"""Anomaly mode: which forward statement a failing node came from.

While it is on, each node remembers where its operator was called; when the node fails, or (with check_nan) gives a NaN,
that place is named in a warning, as PyTorch words it.
"""

import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

from tensorcli.engine import addresses, messages, process
from tensorcli.engine.tensor import Tensor


class Anomaly:
    """The state of `torch.autograd.set_detect_anomaly`. `where` gives the traceback text of the running statement."""

    __slots__ = ("check_nan", "enabled", "node", "where")

    def __init__(self) -> None:
        self.enabled = False
        self.check_nan = True
        self.node: Any = None
        """The node whose gradient is computed; those that this makes remember it as their parent."""
        self.where: Callable[[], list[str]] = _stack


def _stack() -> list[str]:
    """Where the caller outside the engine stands, a text for each frame."""
    outside = [
        f for f in traceback.extract_stack() if "tensorcli/engine" not in f.filename.replace("\\", "/")
    ]
    return traceback.format_list(outside)


anomaly = Anomaly()
process.keep_attributes(anomaly, "enabled", "check_nan")


class set_detect_anomaly:  # noqa: N801
    """Switch anomaly mode at once, as a statement; as a context manager until it is left."""

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.previous = (anomaly.enabled, anomaly.check_nan)
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        anomaly.enabled, anomaly.check_nan = self.previous

    def __repr__(self) -> str:
        return f"<torch.autograd.anomaly_mode.set_detect_anomaly object at {addresses.of_object(self)}>"


def set_anomaly_enabled(*args: Any, **kwargs: Any) -> None:
    """Switch anomaly mode on or off, and whether it looks for NaN. Errors: TypeError for a flag that is not a bool."""
    anomaly.enabled, anomaly.check_nan = _binder().bind(args, kwargs)[1]


@cache
def _binder() -> Any:
    from tensorcli.engine.binding import Binder

    lines = ("set_anomaly_enabled(bool enabled, bool check_nan=True)",)
    return Binder("set_anomaly_enabled", lines, tensor_class=Tensor)


class detect_anomaly:  # noqa: N801
    """Anomaly mode inside a `with` block; warns that it is slow."""

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        messages.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging."
        )

    def __enter__(self) -> None:
        self.previous = (anomaly.enabled, anomaly.check_nan)
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *error: Any) -> None:
        anomaly.enabled, anomaly.check_nan = self.previous


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, where it is on, looks for nan."""
    return anomaly.check_nan


def remember(node: Any) -> None:
    """Let a new node know where its operator was called, and in computing which node's gradient."""
    node.metadata["traceback_"] = anomaly.where()
    if anomaly.node is not None:
        node.metadata["parent_"] = anomaly.node


def report(node: Any) -> None:
    """Warn which forward call the failing node came from, then of each node whose gradient was computed there."""
    _tell(node, "Error detected in", "caused the error")
    while (node := node.metadata.get("parent_")) is not None:
        _tell(node, "\n\nPrevious calculation was induced by", "induced the previous calculation")


def _tell(node: Any, beginning: str, did: str) -> None:
    place = node.metadata.get("traceback_")
    if place is None:
        messages.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward "
            "pass for more information."
        )
    else:
        messages.warn(f"{beginning} {node.name()}. Traceback of forward call that {did}:\n{''.join(place)}")


def check(node: Any, gradients: list[Any]) -> None:
    """With check_nan: refuse a NaN among the gradients a node gave. Errors: RuntimeError with PyTorch's text."""
    for i, gradient in enumerate(gradients):
        if gradient is not None and _has_nan(gradient):
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


def _has_nan(gradient: Any) -> bool:
    """Whether a gradient has a NaN, under vmap that of any example."""
    if gradient.batch is None:
        return bool(gradient.isnan().any().item())
    with gradient.batch.layer.below():
        return _has_nan(gradient.batch.value)
