"""Which attributes of the embedded engine's objects a script may read and set.

What PyTorch's objects have, and nothing that the engine has for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import Methods, Open, Policy, RefusedError
from tensorcli.language.vocabulary import is_dunder, is_refused_private


class Only(frozenset[str]):
    """An allow-list of names, and of the saved values of a node."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (
            isinstance(name, str) and name.startswith(("_saved_", "_raw_saved_"))
        )

    def __or__(self, other: Any) -> Only:
        return self


TENSOR_INTERNALS = (
    "accumulator array batch become_inference bump counter geometry hooks inference is_hpu lazy leaf_requires_grad levels memory "
    "names node replace_memory set_requires_grad uncounted values view_of wrapped"
)
"""Fields of the embedded engine's Tensor that PyTorch's does not have."""
NODE_NAMES = (
    "name next_functions metadata register_hook register_prehook variable _sequence_nr _input_metadata "
    "_register_hook_dict _set_sequence_nr requires_grad"
).split()
SAMPLES = Methods("__init__ __len__ __getitem__".split())
"""What a script may give a class of datasets."""
FUNCTIONS = frozenset(
    "forward backward setup_context jvp vjp vmap generate_vmap_rule clear_saved_tensors_on_access".split()
)
"""What a script may give a class that it makes of autograd.Function."""
CONTEXT_NAMES = (
    "save_for_backward save_for_forward saved_tensors mark_dirty mark_non_differentiable set_materialize_grads needs_input_grad "
    "materialize_grads dirty_tensors saved_variables mark_shared_storage"
).split()
"""What autograd.Function's `ctx` has beside a node's names."""
CUSTOM = "tensorcli.engine.autograd.function", "tensorcli.engine.autograd.context", "torch.autograd.function"
"""The modules of Function and of its `ctx`, which are read when a script asks for them."""
SETTABLE_ON_TENSORS = frozenset("data grad requires_grad real imag grad_dtype names".split())
FIXED = "attribute '{0}' of 'torch._C.TensorBase' objects is not writable"


class TensorAttributes(frozenset[str]):
    """What a script may set on tensors of a class: the attributes that PyTorch lets be set, and names of its own."""

    kind: type
    readable: Open

    def __new__(cls, kind: type, hidden: str) -> TensorAttributes:
        made = super().__new__(cls)
        made.kind, made.readable = kind, Open(hidden)
        return made

    def __contains__(self, name: object) -> bool:
        return name in SETTABLE_ON_TENSORS or (
            isinstance(name, str) and name in self.readable and not hasattr(self.kind, name)
        )


class OnContext(Only):
    """What a script may read on a `ctx`, or set: what PyTorch's has, and attributes of its own."""

    taken: frozenset[str]
    """What a context of the engine has for itself."""

    def __new__(cls, names: Iterable[str], taken: Iterable[str]) -> OnContext:
        made = super().__new__(cls, names)
        made.taken = frozenset(taken)
        return made

    def __contains__(self, name: object) -> bool:
        own = isinstance(name, str) and name not in self.taken and not name.startswith("_")
        return own or super().__contains__(name)


OPEN_MODULES = (
    "amp distributions func nn optim return_types random legacy queries storages typed_storages special fft linalg cuda testing "
    "utils functional formats autograd.modes autograd.hooks autograd.graph autograd.anomaly autograd.functional "
    "autograd.forward_ad"
).split()
"""Modules of the engine whose classes have nothing that PyTorch's do not have."""

KEPT = {
    ("torch.storage", "UntypedStorage"): "engine_storage",
    ("torch.storage", "TypedStorage"): "engine_storage",
    ("torch._C", "Generator"): "stream",
    ("torch", "layout"): "name",
    ("torch", "memory_format"): "name",
    ("torch.autograd.grad_mode", "no_grad"): "wanted",
    ("torch.autograd.grad_mode", "enable_grad"): "wanted",
    ("tensorcli.engine.return_types", "ReturnType"): "fields",
    (
        "torch.optim.optimizer",
        "Optimizer",
    ): "captured captured_foreach capturing capturing_foreach later minimise numbers prepare "
    "refuses_many update",
    ("torch.nn.modules.conv", "_ConvNd"): "n",
    ("torch.nn.modules.batchnorm", "_NormBase"): "dims",
    ("torch.nn.modules.sparse", "Embedding"): "word",
    ("torch.nn.modules.lazy", "LazyModuleMixin"): "inward",
}
"""Fields of the engine's that PyTorch's classes do not have, by class: their modules need not be loaded at the start."""


class EnginePolicy(Policy):
    """Allow-lists by type count before open modules: a class of an open module may derive from Tensor."""

    def _look_up(self, kind: type) -> frozenset[str] | bool | None:
        for base in kind.__mro__:
            kept = KEPT.get((base.__module__, base.__name__))
            if kept is not None:
                return Open(kept)
        if any(base.__module__ in CUSTOM for base in kind.__mro__):
            self._add_custom()
        for base in kind.__mro__:
            if isinstance(self.types.get(base), Open | Only):
                return self.types[base]
        return super()._look_up(kind)

    def _add_custom(self) -> None:
        """The lists of custom functions: their module is read when a script asks for them."""
        from tensorcli.engine.autograd.context import Context, FunctionCtx
        from tensorcli.engine.autograd.function import Function

        self.types[Function] = Only([*FUNCTIONS, "apply", "name"])
        for kind, taken in (
            (Context, {*dir(Context), *Context.__annotations__, *vars(Context(()))}),
            (FunctionCtx, {*dir(FunctionCtx)}),
        ):
            self.types[kind] = OnContext([*NODE_NAMES, *CONTEXT_NAMES], taken)
            self.settable[kind] = OnContext(["materialize_grads"], taken)

    def told(self, owner: Any, name: str) -> str | None:
        from tensorcli.engine.native import PYTHON_METHODS, built_in
        from tensorcli.engine.tensor import Tensor

        if isinstance(owner, Namespace):
            return built_in(owner.name, name)
        if name in PYTHON_METHODS:
            return None
        if isinstance(owner, Tensor):
            return f"built-in method {name} of Tensor object"
        if owner is Tensor:
            return f"method '{name}' of 'torch._C.TensorBase' objects"
        return None

    def refusal(self, value: Any, name: str) -> RefusedError:
        """What the engine's object has for itself is refused in the words for a name that it has not."""
        names = None if isinstance(value, type) else self.list_of(type(value))
        own = name in names.hidden if isinstance(names, Open) else type(names) is Only
        if own and not is_dunder(name) and not is_refused_private(name):
            from tensorcli.engine.native import type_name

            return RefusedError(
                f"'{type_name(type(value))}' object has no attribute '{name}'", name=name, obj=None
            )
        return super().refusal(value, name)

    def fixed(self, kind: type, name: str) -> str:
        from tensorcli.engine.tensor import Tensor

        if issubclass(kind, Tensor) and self.allows(kind, name) and not callable(getattr(Tensor, name, None)):
            return FIXED.format(name)
        return super().fixed(kind, name)


def policy() -> Policy:
    """The allow-lists for the objects of the embedded engine."""
    from tensorcli.engine.autograd.hooks import RemovableHandle
    from tensorcli.engine.autograd.nodes import Node
    from tensorcli.engine.devices import Device
    from tensorcli.engine.dtypes import dtype
    from tensorcli.engine.tensor import Size, Tensor

    made = EnginePolicy(open_modules=["torch", *(f"tensorcli.engine.{name}" for name in OPEN_MODULES)])
    tensor = Open(TENSOR_INTERNALS)
    made.types.update(
        {
            Tensor: tensor,
            Size: Only("count index numel".split()),
            Node: Only(NODE_NAMES),
            dtype: Only("abbr is_floating_point is_complex is_signed itemsize to_complex to_real".split()),
            Device: Only("type index".split()),
            RemovableHandle: Only("id remove".split()),
        }
    )
    made.settable[Tensor] = TensorAttributes(Tensor, f"{TENSOR_INTERNALS} dtype")
    made.bases["torch.autograd.function.Function"] = FUNCTIONS
    made.bases["torch.utils.data.dataset.Dataset"] = SAMPLES
    return made
