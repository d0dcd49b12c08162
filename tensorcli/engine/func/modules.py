"""`torch.func`'s tools for modules: called with other parameters and buffers, stacked, without statistics that batches share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.nn.module import Module
from tensorcli.engine.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers, by their paths. Errors: ValueError, RuntimeError where they do not fit."""
    if isinstance(parameter_and_buffer_dicts, dict):
        given = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        parts = parameter_and_buffer_dicts
        if not all(isinstance(part, dict) for part in parts):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        names = [name for part in parts for name in part]
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        given = {name: value for part in parts for name, value in part.items()}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _with(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextmanager
def _with(module: Module, given: dict[str, Any], tie: bool, strict: bool) -> Iterator[None]:
    """The tensors in the module's places inside; what stands there in the end goes back into the dictionary."""
    values = _tied(module, given) if tie else dict(given)
    if strict:
        _check_names(module, values)
    before: dict[str, Any] = {}
    try:
        for path, value in values.items():
            before[path] = _swap(module, path, value)
        yield
    finally:
        after = {path: _swap(module, path, value) for path, value in before.items()}
        given.update((path, after[path]) for path in given if path in after)


def _tied(module: Module, given: dict[str, Any]) -> dict[str, Any]:
    """The values for all names of tensors that the module knows by several names."""
    names: dict[int, list[str]] = {}
    for found in (module.named_parameters, module.named_buffers):
        for name, tensor in found(remove_duplicate=False):
            names.setdefault(id(tensor), []).append(name)
    values = dict(given)
    for group in names.values():
        told = [name for name in group if name in given]
        if len(group) < 2 or not told:
            continue
        if len({id(given[name]) for name in told}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(told)}, which are tied. Consider using "
                "tie_weights=False"
            )
        values.update(dict.fromkeys(group, given[told[0]]))
    return values


def _check_names(module: Module, values: dict[str, Any]) -> None:
    known = [
        name
        for found in (module.named_parameters, module.named_buffers)
        for name, _ in found(remove_duplicate=False)
    ]
    complaints = []
    unexpected = sorted(set(values) - set(known))
    missing = sorted(set(known) - set(values))
    if unexpected:
        complaints.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if missing:
        complaints.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if complaints:
        raise RuntimeError(
            "Error(s) in reparametrizing for {}:\n\t{}".format(type(module).__name__, "\n\t".join(complaints))
        )


_MISSING: Any = object()


def _swap(module: Module, path: str, value: Any) -> Any:
    """Put a tensor in a place of the module, and return what stood there."""
    inner, _, name = path.rpartition(".")
    owner: Any = module
    for part in inner.split(".") if inner else ():
        try:
            owner = getattr(owner, part)
        except AttributeError:
            raise AttributeError(f"{type(owner).__name__} has no attribute `{part}`") from None
        if not isinstance(owner, Module):
            raise TypeError(f"submodule `{inner}`: {owner} is not an instance of torch.nn.Module")
    if value is not _MISSING and value is not None and not isinstance(value, Tensor):
        raise TypeError(f"{value} is not an instance of torch.Tensor")
    if not name:
        raise KeyError('tensor name can\'t be empty string ""')
    for table in (owner._parameters, owner._buffers):
        if name in table:
            before = table[name]
            if value is _MISSING:
                del table[name]
            else:
                table[name] = value
            return before
    before = getattr(owner, name, _MISSING)
    if before is not _MISSING and before is not None and not isinstance(before, Tensor):
        raise TypeError(f"attribute `{name}`: {before} is not an instance of torch.Tensor")
    if value is not _MISSING:
        setattr(owner, name, value)
    elif before is not _MISSING:
        delattr(owner, name)
    return before


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one class, stacked by name. Errors: RuntimeError."""
    if len(models) == 0:  # which is asked of what has no length, too
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {
        name: _stacked(name, [dict(model.named_parameters())[name] for model in models])
        for name, _ in models[0].named_parameters()
    }
    buffers = {
        name: _stacked(name, [dict(model.named_buffers())[name] for model in models])
        for name, _ in models[0].named_buffers()
    }
    return params, buffers


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let the batch norms of a module keep no running statistics, in place: under vmap each example would write them."""
    from tensorcli.engine.nn.layers.norm import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def _stacked(name: str, tensors: list[Any]) -> Any:
    """What the models have by one name, as a leaf. Errors: RuntimeError where only some of them require grad."""
    wanted = {one.requires_grad for one in tensors}
    if len(wanted) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    whole: Any = functions.stack(tensors)
    return whole.detach().requires_grad_() if True in wanted else whole
