"""`torch.autograd.backward` and `grad`: from tensors to the edges that a pass starts from and the ones it is asked for."""

from collections.abc import Sequence
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.graph import GradientEdge
from tensorcli.engine.autograd.nodes import gradient_edge
from tensorcli.engine.tensor import Tensor


def _roots_and_gradients(tensors: Any, gradients: Any, create_graph: bool) -> tuple[list[Tensor], list[Any]]:
    roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if gradients is None:
        given: list[Any] = [None] * len(roots)
    elif isinstance(gradients, Tensor):
        given = [gradients]
    else:
        given = list(gradients)
    if len(given) < len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    found: list[Any] = []
    for i, (root, gradient) in enumerate(zip(roots, given, strict=False)):
        if isinstance(gradient, Tensor):
            if gradient.geometry.sizes != root.geometry.sizes:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {gradient.shape} and output[{i}] has a shape of "
                    f"{root.shape}."
                )
            if gradient.dtype.is_complex != root.dtype.is_complex:
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                    f"dtype: grad_output[{i}] has a dtype of {gradient.dtype} and output[{i}] has a dtype of {root.dtype}."
                )
            found.append(gradient)
        elif gradient is None:
            if root.requires_grad:
                if root.geometry.numel != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs")
                if root.dtype.category < dtypes.FLOATING or root.dtype.is_complex:
                    raise RuntimeError(
                        f"grad can be implicitly created only for real scalar outputs but got {root.dtype}"
                    )
                found.append(root.detach().new_ones(root.geometry.sizes))
            else:
                found.append(None)
        else:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    return roots, found


def _edges(roots: Sequence[Tensor], gradients: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    edges, given = [], []
    for i, (root, gradient) in enumerate(zip(roots, gradients, strict=True)):
        edge = gradient_edge(root)
        if edge[0] is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            raise RuntimeError(
                f"element {i} of gradients tuple is None, but the corresponding Tensor requires grad"
            )
        if gradient.dtype is not root.dtype:
            gradient = gradient.to(root.dtype)
        if gradient.device is not root.device:
            if gradient.geometry.sizes:
                raise RuntimeError(
                    f"invalid gradient at index {i} - expected device {root.device} but got {gradient.device}"
                )
            gradient = gradient.to(root.device)
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
                f"all inputs have to be Tensors or GradientEdges, but got {type(one).__name__}"
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
) -> None:
    """Add to the `.grad` of the leaves (or of `inputs`) the gradients of the tensors.

    Errors: RuntimeError for a root that needs no grad or is no scalar, and those of the pass itself.
    """
    from tensorcli.engine.autograd.run import run

    if inputs is not None and isinstance(inputs, (list, tuple)) and not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots, gradients = _roots_and_gradients(tensors, grad_tensors, create_graph)
    if retain_graph is None:
        retain_graph = create_graph
    edges, given = _edges(roots, gradients)
    targets = None
    if inputs is not None:
        wanted = [inputs] if isinstance(inputs, (Tensor, GradientEdge)) else list(inputs)
        targets = _targets(wanted, retain=True)
    if create_graph:
        messages.warn(messages.CREATE_GRAPH, once=True)
    run(edges, given, bool(retain_graph), create_graph, targets)


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
) -> tuple[Tensor | None, ...]:
    """The gradients of the outputs for the inputs, as a tuple; no `.grad` is touched.

    Errors: RuntimeError for an input that needs no grad or (unless allow_unused) does not lead to the outputs.
    """
    from tensorcli.engine.autograd.run import run

    if is_grads_batched:
        return _batched(
            outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    wanted = [inputs] if isinstance(inputs, (Tensor, GradientEdge)) else list(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    roots, gradients = _roots_and_gradients(outputs, grad_outputs, create_graph)
    if retain_graph is None:
        retain_graph = create_graph
    edges, given = _edges(roots, gradients)
    targets = _targets(wanted, retain=False)
    found = run(edges, given, bool(retain_graph), create_graph, targets, accumulate=False)
    for i, result in enumerate(found):
        if result is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
    if materialize_grads:
        from tensorcli.engine.callers import functions

        found = [
            functions.zeros_like(one.detach()) if r is None and isinstance(one, Tensor) else r
            for r, one in zip(found, wanted, strict=True)
        ]
    return tuple(found)


def _batched(
    outputs: Any,
    inputs: Any,
    batches: Any,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Tensor | None, ...]:
    """The gradients for each element of the first dimension of `grad_outputs`, stacked."""
    from tensorcli.engine.callers import functions

    given: list[Tensor] = [batches] if isinstance(batches, Tensor) else list(batches)
    count = given[0].geometry.sizes[0]
    rows = [
        grad(
            outputs,
            inputs,
            [one.select(0, i) for one in given],
            True if i < count - 1 else retain_graph,
            create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
        for i in range(count)
    ]
    return tuple(None if column[0] is None else functions.stack(column) for column in zip(*rows, strict=True))
