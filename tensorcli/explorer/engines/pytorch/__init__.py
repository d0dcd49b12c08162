"""Real PyTorch behind the same protocol, for `--engine pytorch`: the only package that imports torch.

A script reaches of torch what it reaches of the embedded engine: the names in the embedded engine's public surface are the
allow-list (reached.py). Writes and results are heard through a dispatch mode (modes.py). PyTorch does not tell what nodes
saved and when, so there are no saved tensors here and no alarms about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tensorcli.explorer.engines import FailedModule, Taken, arrays
from tensorcli.explorer.engines.members import failed_module, parts
from tensorcli.explorer.engines.pytorch import archives, reached
from tensorcli.explorer.engines.pytorch.modes import UNSETTING, Listening, Zeroing
from tensorcli.explorer.engines.pytorch.nodes import Nodes
from tensorcli.explorer.engines.pytorch.reached import HIDDEN, LEGACY, Mirror
from tensorcli.explorer.reach import Modules
from tensorcli.language.limits import Guards
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import Policy
from tensorcli.language.syntax import Verb

if TYPE_CHECKING:
    from tensorcli.explorer.results import Help


class PyTorch(Nodes):
    """PyTorch, and the facts of its objects."""

    name = "pytorch"
    tells_nodes = False
    tells_results_whole = False  # operators are heard below autograd

    def __init__(self) -> None:
        super().__init__()
        self.mode: Listening | None = None

    def modules(self, guards: Callable[[], Guards], seed: Callable[[], int]) -> Modules:
        model = self.model.modules(guards, seed)["torch"]
        return Modules({"torch": Namespace("torch", Mirror("torch", model.members))}, guards, seed)

    def policy(self) -> Policy:
        return reached.policy()

    def zeroing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if type(function) is not LEGACY and getattr(function, "__name__", "") not in UNSETTING:
            return function

        def zeroed(*args: Any, **kwargs: Any) -> Any:
            with Zeroing():  # within this call only: under a mode some operators take another path
                return function(*args, **kwargs)

        return zeroed

    def begin(self, seed: int, max_bytes: int | None) -> None:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_printoptions(profile="default")
        torch.storage._reset_warn_typed_storage_removal()
        arrays.text_options(arrays.TEXT_OPTIONS)
        self.seed(seed)
        archives.begin()

    def limit(self, max_bytes: int | None) -> None:
        """PyTorch's allocator has its own words for what is too large."""

    def listen(self, observer: Any) -> None:
        if self.mode is not None:
            self.mode.__exit__(None, None, None)
            self._tell_gradients(self.mode.observer)
            self.mode = None
        if observer is not None:
            self.mode = Listening(observer)
            self.mode.__enter__()

    def trace_calls(self, where: Callable[[], list[str]]) -> None:
        """PyTorch reads Python's own stack."""

    def _tell_gradients(self, observer: Any) -> None:
        """PyTorch does not say which leaves got a gradient: all that have a name are looked at."""
        for entry in list(observer.index.entries.values()):
            value = entry.value
            if isinstance(value, torch.Tensor):
                grad = self.grad(value)
                if grad is not None and id(grad) != entry.grad:
                    observer.accumulated(value, grad, "new")

    @contextmanager
    def aside(self) -> Iterator[None]:
        observer = None if self.mode is None else self.mode.observer
        enabled, floating = torch.is_grad_enabled(), torch.get_default_dtype()
        options, state = dict(vars(torch._tensor_str.PRINT_OPTS)), torch.get_rng_state()
        checks = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
        always = torch.is_warn_always_enabled()
        # A process has one first time only; a session's is told by what it heard already.
        torch.set_warn_always(True)
        self.listen(None)
        try:
            with archives.aside(), arrays.random_state():
                yield
        finally:
            torch.set_grad_enabled(enabled)
            torch.set_default_dtype(floating)
            for name, value in options.items():
                setattr(torch._tensor_str.PRINT_OPTS, name, value)
            torch.autograd.set_detect_anomaly(*checks)
            torch.set_warn_always(always)
            torch.set_rng_state(state)
            self.listen(observer)

    def recording(self) -> bool:
        return bool(torch.is_grad_enabled())

    def failed_node(self, raised: BaseException) -> Any:
        return None  # the backward pass is C++

    def failed_module(self, raised: BaseException) -> FailedModule | None:
        return failed_module(raised)

    def method_names(self) -> Iterable[str]:
        return sorted(
            name for name in dir(torch.Tensor) if not name.startswith("_") and name not in HIDDEN.split()
        )

    def seed(self, number: int) -> None:
        torch.manual_seed(number)

    def devices(self) -> Iterable[tuple[str, bool, str]]:
        there = torch.cuda.is_available()
        return (
            ("cpu", True, f"PyTorch {torch.__version__}"),
            ("meta", True, "shapes and dtypes without elements"),
            ("cuda", there, torch.cuda.get_device_name(0) if there else "no CUDA device"),
        )

    def help(self, name: str) -> Help | None:
        return self.model.help(name)

    def takes(self, function: Any) -> Sequence[Sequence[Taken]]:
        from tensorcli.explorer.engines.signatures import takes

        return takes(function, lambda value: isinstance(value, torch.Tensor))

    def verb(self, name: str) -> Verb | None:
        return self.model.verb(name)

    def parts(self, value: Any) -> Iterable[tuple[str, Any]]:
        return parts(value)
