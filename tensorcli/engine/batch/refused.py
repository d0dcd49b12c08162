"""What cannot run on a batch at all, and why: PyTorch's texts."""

from typing import Any, Final


def _dynamic(name: str) -> str:
    return (
        f"vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{name}. Please "
        "file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )


def _without(name: str, rest: str = "We could not generate a fallback.") -> str:
    return f"Batching rule not implemented for aten::{name}{'; the' if rest.startswith(' ') else '. '}{rest}"


_FALLBACK: Final = " fallback path doesn't work on out= or view ops."
REFUSED: Final = {
    **{
        name: _dynamic(name)
        for name in ("nonzero", "_unique", "_unique2", "unique_dim", "unique_consecutive")
    },
    "as_strided_scatter": (
        "Error: aten::as_strided_scatter requires special handling, and does not yet have a batching rule. Feel free to file a "
        "github issue!"
    ),
    **{
        name: _without(name)
        for name in (
            "equal",
            "is_pinned",
            "is_set_to",
            "lstm_cell",
            "nonzero_numpy",
            "column_stack",
            "histogramdd",
            "histogramdd.TensorList_bins",
            "tensor_split.tensor_indices_or_sections",
        )
    },
    "allclose": (
        "vmap over torch.allclose isn't supported yet. Please file an issue at https://github.com/pytorch/pytorch/issues if you "
        "need this feature."
    ),
    **{
        name: f"vmap: we do not yet support aten::{name}. Please file an issue"
        for name in ("rrelu", "rrelu_", "rrelu_with_noise", "rrelu_with_noise_")
    },
    **{name: _without(name, _FALLBACK) for name in ("narrow.Tensor", "pin_memory")},
}
"""What cannot run on a batch, by the operator's name or that of all its overloads."""


WITHOUT_EXAMPLES_TOO: Final = frozenset(("rrelu", "rrelu_", "rrelu_with_noise", "rrelu_with_noise_"))
"""Those of them that cannot run on what is the same for all examples either."""


def refused(op: Any, legacy: bool = False) -> str | None:
    """Why an operator cannot run on a batch; None where it can. `legacy`: on one of the vmap of `torch.autograd`."""
    if legacy and op.base == "allclose":
        return _without("allclose")
    if op.name == "where":  # of a condition alone
        return _dynamic("where")
    return REFUSED.get(op.name) or REFUSED.get(op.base)
