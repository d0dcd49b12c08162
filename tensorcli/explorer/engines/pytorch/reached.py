"""What a script reaches of real PyTorch: what it reaches of the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import torch
import torch.utils.data
from torch.autograd.graph import Node

from tensorcli.explorer.engines.attributes import FUNCTIONS, NODE_NAMES, SAMPLES, Only, TensorAttributes
from tensorcli.explorer.engines.pytorch import archives
from tensorcli.language.hints import ON_PYTORCH
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import Open, Policy

HIDDEN = "map2_ share_memory_ to_dlpack record_stream module_load"
"""Methods of torch's tensors that reach memory or code of their own."""
STORAGES: Final = (
    "bfloat16 bool byte char clone complex_double complex_float copy_ cpu data_ptr device double element_size fill_ float "
    "from_buffer half int is_cuda is_pinned is_shared long nbytes resize_ short size to tolist type"
).split()
"""What a script reaches of a storage."""
LEGACY = type(torch.FloatTensor)
"""The type of FloatTensor and the other legacy constructors."""


class Loader(torch.utils.data.DataLoader[Any]):  # type: ignore[misc]
    """A data loader that reads in this process, whatever its `num_workers`: a script starts none."""

    __module__, __qualname__ = "torch.utils.data.dataloader", "DataLoader"

    num_workers: int
    timeout: float

    def _get_iterator(self) -> Any:
        asked = self.num_workers, self.timeout
        self.num_workers = 0
        self.timeout = 0
        try:
            return super()._get_iterator()
        finally:
            self.num_workers, self.timeout = asked


INSTEAD: Final = {
    "torch.utils.data.DataLoader": Loader,
    **{
        f"torch{below}.{each.__name__}": each
        for below in ("", ".serialization")
        for each in (archives.save, archives.load)
    },
}
"""What stands for members of PyTorch's that reach beyond the session."""


class Mirror(Mapping[str, Any]):
    """The members of a module of torch whose names the embedded engine has too, and the few that are for PyTorch only."""

    def __init__(self, path: str, model: Mapping[str, Any]) -> None:
        self.path = path
        self.model = model

    @property
    def inner(self) -> Mapping[str, Namespace]:
        """The namespaces below this one, as the embedded engine has them."""
        return getattr(self.model, "inner", {})

    def behind(self, name: str) -> Namespace | None:
        """The module that has the name of a member, which stands before it."""
        model: Namespace | None = self.model.behind(name)  # type: ignore[attr-defined]
        if model is None:
            return None
        module = import_module(f"torch.{model.name.removeprefix('torch.')}")
        return Namespace(model.name, {each: getattr(module, each) for each in model.members})

    def __getitem__(self, name: str) -> Any:
        found = None if name in ON_PYTORCH else self.model[name]
        if isinstance(found, Namespace):
            return Namespace(found.name, Mirror(f"{self.path}.{name}", found.members))
        if getattr(type(found), "stands_for_module", False):
            return found
        path = f"{self.path}.{name}"
        if path in INSTEAD:
            return INSTEAD[path]
        try:
            return getattr(self._module, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return name in self.model or (name in ON_PYTORCH and hasattr(self._module, str(name)))

    @property
    def _module(self) -> Any:
        """PyTorch's module. Some are no attributes of the one above: a function has their name, or nobody imported them."""
        path = self.path.removeprefix("torch").lstrip(".")
        return import_module(f"torch.{path}") if path else torch

    def __iter__(self) -> Iterator[str]:
        return iter(self.model)

    def __len__(self) -> int:
        return len(self.model)


class OfPyTorch(Policy):
    """The allow-lists of PyTorch's types. The classes of nodes have no base in Python but for `issubclass`."""

    def _look_up(self, kind: type) -> Any:
        found = super()._look_up(kind)
        return self.types[Node] if found is False and issubclass(kind, Node) else found


def policy() -> Policy:
    """The attributes that a script may read and call."""
    made = OfPyTorch(
        open_modules=(
            "torch.nn",
            "torch.optim",
            "torch.return_types",
            "torch.autograd.forward_ad",
            "torch.autograd.grad_mode",
            "torch.serialization",
            "torch.amp",
            "torch.cpu.amp",
            "torch.cuda.amp",
            "torch.distributions",
            "torch.utils.data",
            "torch.utils.checkpoint",
            "torch.utils.module_tracker",
            "torch.utils._pytree",
            "torch.torch_version",
            "torch.quasirandom",
            "torch.backends",
        )
    )
    made.types.update(
        {
            torch.Tensor: Open(HIDDEN),
            torch.Size: Only("count index numel".split()),
            Node: Only(NODE_NAMES),
            torch.dtype: Only(
                "abbr is_floating_point is_complex is_signed itemsize to_complex to_real".split()
            ),
            torch.device: Only("type index".split()),
            torch.UntypedStorage: Only([*STORAGES, "byteswap", "get_device", "resizable"]),
            torch.TypedStorage: Only([*STORAGES, "dtype", "untyped"]),
            torch.Generator: Only("manual_seed initial_seed seed get_state set_state device".split()),
            torch.utils.hooks.RemovableHandle: Only(["remove"]),
        }
    )
    for place in (torch, torch.cuda):
        made.types.update({kind: Only(()) for kind in vars(place).values() if type(kind) is LEGACY})
    context = torch.autograd.function.FunctionCtx
    made.types.update({context: Open(), torch.autograd.Function: Only([*FUNCTIONS, "apply", "name"])})
    made.settable[context] = Open()
    made.bases["torch.autograd.function.Function"] = FUNCTIONS
    made.bases["torch.utils.data.dataset.Dataset"] = SAMPLES
    made.settable[torch.Tensor] = TensorAttributes(torch.Tensor, HIDDEN)
    return made
