"""`torch.autograd.backward` and `grad`.

Tensors become edges of the graph: those that a backward pass starts from, and those whose gradients it is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import index
from typing import Any

from tensorcli.engine import dtypes, messages, overrides
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.graph import GradientEdge
from tensorcli.engine.autograd.modes import transformed
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Size, Tensor


def _roots_and_gradients(tensors: Any, gradients: Any, batched: bool = False) -> tuple[list[Any], list[Any]]:
    """The roots (tensors or GradientEdges) and a gradient for each: given, or ones for a scalar."""
    roots = list(_several(tensors))
    if gradients is None:
        given: list[Any] = [None] * len(roots)
    elif isinstance(gradients, Tensor):
        given = [gradients]
    else:
        given = list(gradients)
    found: list[Any] = []
    for i, (root, gradient) in enumerate(zip(roots, given, strict=False)):
        if not isinstance(root, (Tensor, GradientEdge)):
            raise AssertionError("Expected output to be a torch.Tensor")
        geometry, kind, device = _facts(root)
        if isinstance(gradient, Tensor):
            _check_shape(
                i, geometry.sizes, gradient.select(0, 0).shape if batched else gradient.shape, batched
            )
            if gradient.dtype.is_complex != kind.is_complex:
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                    f"dtype: grad_output[{i}] has a dtype of {gradient.dtype} and output[{i}] has a dtype of {kind}."
                )
            found.append(gradient)
        elif gradient is None:
            if isinstance(root, GradientEdge) or root.requires_grad:
                if geometry.numel != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs")
                if kind.category < dtypes.FLOATING or kind.is_complex:
                    raise RuntimeError(
                        f"grad can be implicitly created only for real scalar outputs but got {kind}"
                    )
                from tensorcli.engine.callers import functions

                if isinstance(root, Tensor) and root.batch is not None:
                    found.append(functions.ones_like(root.detach()))  # one for each example
                else:
                    found.append(functions.ones(geometry.sizes, dtype=kind, device=device))
            else:
                found.append(None)
        else:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if len(found) < len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(found)} gradients")
    return roots, found


def _facts(root: Any) -> tuple[Any, Any, Any]:
    """Geometry, dtype and device of a root."""
    if isinstance(root, GradientEdge):
        facts: tuple[Any, Any, Any] = root.node.outputs[root.output_nr]
        return facts
    return root.geometry, root.dtype, root.device


def _check_shape(i: int, wanted: tuple[int, ...], found: Any, batched: bool) -> None:
    """Errors: RuntimeError where a gradient (of a batch: one of its gradients) does not have its root's shape."""
    if found == wanted:
        return
    shown = f"grad_output[{i}] has a shape of {found[1:] if batched else found} and output[{i}] has a shape of {Size(wanted)}."
    if not batched:
        raise RuntimeError(f"Mismatch in shape: {shown}")
    raise RuntimeError(
        "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes "
        "of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
        f"{shown} If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
    )


def _edges(roots: Sequence[Any], gradients: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    edges, given = [], []
    for i, (root, gradient) in enumerate(zip(roots, gradients, strict=True)):
        edge = (root.node, root.output_nr) if isinstance(root, GradientEdge) else gradient_edge(root)
        if edge[0] is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            raise RuntimeError(
                f"element {i} of gradients tuple is None, but the corresponding Tensor requires grad"
            )
        _, kind, device = edge[0].outputs[edge[1]]
        if kind is not None and gradient.dtype is not kind:
            gradient = gradient.to(kind)
        if gradient.device is not device:
            if gradient.geometry.sizes:
                raise RuntimeError(
                    f"invalid gradient at index {i} - expected device {device} but got {gradient.device}"
                )
            gradient = gradient.to(device)
        edges.append(edge)
        given.append(gradient)
    return edges, given


def _targets(wanted: Sequence[Any], retain: bool) -> list[Any]:
    """The edges of what to differentiate by, tensors or GradientEdges; with `retain`, the tensors keep their gradients.

    Errors: RuntimeError for one that requires no gradient, or is neither.
    """
    edges: list[Any] = []
    for one in wanted:
        if isinstance(one, GradientEdge):
            edges.append((one.node, one.output_nr))
            continue
        if not isinstance(one, Tensor):
            raise RuntimeError(
                f"all inputs have to be Tensors or GradientEdges, but got {type_name(type(one))}"
            )
        if retain:
            one.retain_grad()
        if not one.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        edges.append(gradient_edge(one))
    return edges


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> Any:
    """Add to the `.grad` of the leaves (or of `inputs`) the gradients of the tensors.

    Errors: RuntimeError for a root that needs no grad or is not a scalar, and those of the pass itself.
    """
    from tensorcli.engine.autograd.run import run

    if transformed():
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or "
            "functorch.vjp instead or call backward() outside of functorch transforms."
        )
    if grad_variables is not None:
        messages.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", category=FutureWarning)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                "`grad_tensors`."
            )
        grad_tensors = grad_variables
    wanted = None if inputs is None else _listed(inputs, "backward")
    given_roots = _several(tensors)
    if overrides.has_torch_function(relevant := (*given_roots, *(wanted or ()))):
        return overrides.handle_torch_function(
            backward,
            relevant,
            given_roots,
            grad_tensors=grad_tensors,
            retain_graph=retain_graph,
            create_graph=create_graph,
            inputs=None if wanted is None else tuple(wanted),
        )
    roots, gradients = _roots_and_gradients(tensors, grad_tensors)
    kept, recorded = _flags(create_graph if retain_graph is None else retain_graph, create_graph)
    edges, given = _edges(roots, gradients)
    targets = None if wanted is None else _targets(wanted, retain=True)
    if recorded:
        messages.warn(messages.CREATE_GRAPH, once=True)
    run(edges, given, kept, recorded, targets)
    return None


def _several(roots: Any) -> tuple[Any, ...]:
    return (roots,) if isinstance(roots, (Tensor, GradientEdge)) else tuple(roots)


def _flags(*values: Any) -> list[bool]:
    """Whether each option is on. Errors: TypeError for one that is not an integer."""
    return [bool(index(value)) for value in values]


def _listed(inputs: Any, name: str) -> list[Any]:
    """What to differentiate by, as a list. Errors: RuntimeError when it is empty, TypeError for a mapping that is not a dict."""
    if isinstance(inputs, (Tensor, GradientEdge)):
        return [inputs]
    if isinstance(inputs, Mapping) and type(inputs) is not dict:
        raise TypeError(
            f"`inputs` argument to `{name}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are not "
            "supported."
        )
    found = list(inputs.values() if type(inputs) is dict else inputs)
    if not found:
        raise RuntimeError(f"`inputs` argument to `{name}()` cannot be empty.")
    return found


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of the outputs for the inputs, as a tuple (of inputs in a dict: as one with its keys); no `.grad` is touched.

    Errors: RuntimeError for an input that needs no grad or (unless allow_unused) does not lead to the outputs.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    wanted = _listed(inputs, "grad")
    given_roots = _several(outputs)
    if overrides.has_torch_function(relevant := (*given_roots, *wanted)):
        answer = overrides.handle_torch_function(
            grad,
            relevant,
            given_roots,
            tuple(wanted),
            grad_outputs=grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            only_inputs=only_inputs,
            allow_unused=allow_unused,
            is_grads_batched=is_grads_batched,
            materialize_grads=materialize_grads,
        )
        return dict(zip(inputs, answer, strict=True)) if type(inputs) is dict else answer
    if not only_inputs:
        messages.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts "
            "of the graph, please use torch.autograd.backward.",
            category=FutureWarning,
        )
    roots, gradients = _roots_and_gradients(outputs, grad_outputs, is_grads_batched)
    kept, recorded, unused = _flags(
        create_graph if retain_graph is None else retain_graph, create_graph, allow_unused
    )
    once = partial(_once, roots, wanted, create_graph=recorded, allow_unused=unused)
    found = _batched(once, gradients, kept) if is_grads_batched else once(gradients, kept)
    if materialize_grads:
        from tensorcli.engine.callers import functions

        if any(r is None and not isinstance(one, Tensor) for r, one in zip(found, wanted, strict=True)):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        found = [
            functions.zeros_like(one, requires_grad=recorded) if r is None else r
            for r, one in zip(found, wanted, strict=True)
        ]
    return dict(zip(inputs, found, strict=True)) if type(inputs) is dict else tuple(found)


def _once(
    roots: Sequence[Any],
    wanted: Sequence[Any],
    gradients: Sequence[Any],
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
) -> list[Tensor | None]:
    """The gradients for what is wanted, from one pass."""
    from tensorcli.engine.autograd.run import run

    edges, given = _edges(roots, gradients)
    targets = _targets(wanted, retain=False)
    found = run(edges, given, retain_graph, create_graph, targets, accumulate=False)
    for i, result in enumerate(found):
        if result is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
    return found


def _batched(
    once: Callable[[Sequence[Any], bool], list[Tensor | None]], gradients: Sequence[Any], retain_graph: bool
) -> list[Tensor | None]:
    """The gradients for each element of the first dimension of the gradients, stacked: a vmap of the pass."""
    from tensorcli.engine.batch.dispatch import begun
    from tensorcli.engine.batch.vmap import check_sizes, outside

    if any(one is None for one in gradients):
        raise ValueError(
            "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for an input but the input is of type <class 'NoneType'>. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if any(not one.ndim for one in gradients):
        raise ValueError(
            "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input is a Tensor of dimensionality 0 "
            "so expected in_dim to satisfy 0 <= in_dim < 0."
        )
    with begun(check_sizes([one.geometry.sizes[0] for one in gradients]), "none") as layer:
        found = once([layer.wrap(one, 0) for one in gradients], retain_graph)
    return [None if one is None else outside(layer, one, 0, "vjp") for one in found]
