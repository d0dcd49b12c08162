"""Which traps an operator may fall into, as far as its name says it: asked once for each operator of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.engines import ALLOCATING, base_of
from tensorcli.explorer.hazards.lost import COPYING
from tensorcli.explorer.hazards.outer import outer_difference
from tensorcli.explorer.hazards.told import Namer, Told
from tensorcli.explorer.hazards.values import FLAT, no_log_probabilities, no_logarithms, probabilities

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

WRAPPING = frozenset("add sub rsub mul neg abs square pow sum prod _to_copy copy_".split())
"""Operators whose results on integers may not fit into the dtype."""


Trap = Callable[["Engine", Namer, Sequence[Any]], Told | None]
"""What is to be said of an operator's operands; None where they are no hazard."""
SHARING: Final = frozenset(
    "expand expand_as broadcast_to broadcast_tensors meshgrid as_strided unfold".split()
)
"""The operators whose views may have several places that are one in memory."""
OPERANDS: Final[dict[str, Trap]] = {
    "sub": outer_difference,
    "rsub": outer_difference,
    "_log_softmax": partial(probabilities, "SoftmaxBackward0", "the softmax"),
    "binary_cross_entropy_with_logits": partial(probabilities, "SigmoidBackward0", "the sigmoid"),
    "nll_loss_forward": no_log_probabilities,
    "nll_loss2d_forward": no_log_probabilities,
    "_ctc_loss": no_logarithms,
}
"""What is looked for in the operands of which operator, where its result is to be differentiated."""


class Operator(NamedTuple):
    """What an operator's name says about the traps that it may fall into."""

    name: str
    copies: bool
    """Whether its result is a copy, into which a write is lost."""
    wraps: bool
    """Whether an integer result may not fit."""
    indexes: bool
    """Whether it writes where an index says."""
    reads: bool
    """Whether each element is computed from other tensors' elements in the same place."""
    trap: Trap | None
    """What looks at its operands, where something does."""
    adds: bool
    """Whether it adds, so that a sum in a loop may keep the graph of each round."""
    allocates: bool
    """Whether its result is memory that nobody wrote."""
    fills: bool
    """Whether it writes what it is given as it is."""
    pairs: bool
    """Whether a result for each pair of elements may be one that was not meant."""
    flat: bool
    """Whether its slope is 0 wherever it has one."""
    shares: bool
    """Whether places of its result may be one in memory."""

    @classmethod
    def of(cls, engine: Engine, operator: str) -> Operator:
        """What is to be known of the operator with this full name."""
        name = base_of(operator)
        out_of_place = name.rstrip("_")
        return cls(
            name,
            copies=name in COPYING,
            wraps=name in WRAPPING or out_of_place in WRAPPING,
            indexes=name in ("index_put_", "_index_put_impl_"),
            reads=name == "copy_" or engine.elementwise(name),
            trap=OPERANDS.get(name),
            adds=name in ("add", "add_"),
            allocates=name in ALLOCATING,
            fills=name in ("copy_", "fill_", "index_put_"),
            pairs=name in ("mul", "eq", "ne", "sub", "rsub"),
            flat=out_of_place in FLAT,
            shares=out_of_place in SHARING,
        )
