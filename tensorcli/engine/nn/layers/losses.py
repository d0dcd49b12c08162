"""Losses, and the distances that they measure by."""

from functools import partial
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn.layers import layer
from tensorcli.engine.nn.losses import legacy
from tensorcli.engine.nn.module import Module

_OLD = "size_average=None, reduce=None, reduction='mean'"


class _Loss(Module):
    """The base of all losses."""

    __module__ = "torch.nn.modules.loss"
    reduction: str

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = legacy(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """The base of losses with a weight for each class or element."""

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


loss = partial(layer, place="loss", base=_Loss, takes="input, target")
weighted = partial(layer, place="loss", base=_WeightedLoss, takes="input, target")

L1Loss = loss("L1Loss()", "l1_loss", passes="reduction")
MSELoss = loss("MSELoss()", "mse_loss", passes="reduction")
SoftMarginLoss = loss("SoftMarginLoss()", "soft_margin_loss", passes="reduction")
MultiLabelMarginLoss = loss("MultiLabelMarginLoss()", "multilabel_margin_loss", passes="reduction")
SmoothL1Loss = loss(f"SmoothL1Loss({_OLD}, beta=1.0)", "smooth_l1_loss")
KLDivLoss = loss(f"KLDivLoss({_OLD}, log_target=False)", "kl_div")
HingeEmbeddingLoss = loss(f"HingeEmbeddingLoss(margin=1.0, {_OLD})", "hinge_embedding_loss")
BCEWithLogitsLoss = loss(
    f"BCEWithLogitsLoss(weight=None, {_OLD}, pos_weight=None)", "binary_cross_entropy_with_logits"
)
_NLL = "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'"
NLLLoss = weighted(f"NLLLoss({_NLL})", "nll_loss")
NLLLoss2d = weighted(f"NLLLoss2d({_NLL})", "nll_loss", base=NLLLoss)


def _deprecated(cls: type, *args: Any, **kwargs: Any) -> Any:
    messages.warn(
        "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
        "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.",
        FutureWarning,
    )
    return object.__new__(cls)


NLLLoss2d.__new__ = _deprecated
CrossEntropyLoss = weighted(
    "CrossEntropyLoss(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', "
    "label_smoothing=0.0)",
    "cross_entropy",
)
BCELoss = weighted("BCELoss()", "binary_cross_entropy", passes="weight reduction")
MultiLabelSoftMarginLoss = weighted(
    "MultiLabelSoftMarginLoss()", "multilabel_soft_margin_loss", passes="weight reduction"
)
GaussianNLLLoss = loss(
    "GaussianNLLLoss(*, full=False, eps=1e-6, reduction='mean')",
    "gaussian_nll_loss",
    takes="input, target, var",
)
PoissonNLLLoss = loss(
    "PoissonNLLLoss(log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean')",
    lambda self, log_input, target: F.poisson_nll_loss(
        log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
    ),
    like=F.poisson_nll_loss,
)
CTCLoss = loss(
    "CTCLoss(blank=0, reduction='mean', zero_infinity=False)",
    "ctc_loss",
    takes="log_probs, targets, input_lengths, target_lengths",
)
CosineEmbeddingLoss = loss(
    f"CosineEmbeddingLoss(margin=0.0, {_OLD})", "cosine_embedding_loss", takes="input1, input2, target"
)
MarginRankingLoss = loss(
    f"MarginRankingLoss(margin=0.0, {_OLD})", "margin_ranking_loss", takes="input1, input2, target"
)


def _checked_delta(module: Any) -> None:
    if not isinstance(module.delta, float | int):
        raise TypeError(f"delta must be a float or int, got: {type(module.delta)}")


HuberLoss = loss("HuberLoss(reduction='mean', delta=1.0)", "huber_loss", prepare=_checked_delta)


def _checked_margins(module: Any) -> None:
    if module.p != 1 and module.p != 2:
        raise ValueError("only p == 1 and p == 2 supported")
    if module.weight is not None and module.weight.dim() != 1:
        raise ValueError(
            f"MultiMarginLoss: expected weight to be None or 1D tensor, got {module.weight.dim()}D instead"
        )


MultiMarginLoss = weighted(
    f"MultiMarginLoss(p=1, margin=1.0, weight=None, {_OLD})", "multi_margin_loss", prepare=_checked_margins
)


def _checked_margin(module: Any) -> None:
    if module.margin <= 0:
        raise ValueError(
            f"{type(module).__name__}: expected margin to be greater than 0, got {module.margin} instead"
        )


TripletMarginLoss = loss(
    f"TripletMarginLoss(margin=1.0, p=2.0, eps=1e-6, swap=False, {_OLD})",
    "triplet_margin_loss",
    takes="anchor, positive, negative",
    prepare=_checked_margin,
)


def _with_distance(module: Any) -> None:
    _checked_margin(module)
    if module.distance_function is None:
        del module.distance_function
        module.distance_function = PairwiseDistance()


TripletMarginWithDistanceLoss = loss(
    "TripletMarginWithDistanceLoss(*, distance_function=None, margin=1.0, swap=False, reduction='mean')",
    "triplet_margin_with_distance_loss",
    takes="anchor, positive, negative",
    prepare=_with_distance,
)

# ---- distances


def _as_norm(module: Any) -> None:
    module.norm = module.p
    del module.p


distance = partial(layer, place="distance", takes="x1, x2")
CosineSimilarity = distance("CosineSimilarity(dim=1, eps=1e-8)", "cosine_similarity")
PairwiseDistance = distance(
    "PairwiseDistance(p=2.0, eps=1e-6, keepdim=False)",
    lambda self, x1, x2: F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim),
    prepare=_as_norm,
    like=F.pairwise_distance,
)
