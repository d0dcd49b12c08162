"""The adaptive softmax: frequent classes have a place of their own in the head, rare ones share one for each cluster."""

from typing import Any, NamedTuple

from tensorcli.engine.callers import functions
from tensorcli.engine.nn.containers import ModuleList, Sequential
from tensorcli.engine.nn.layers.linear import Linear
from tensorcli.engine.nn.module import Module


class _ASMoutput(NamedTuple):
    """The logarithm of the probability of each target, and the loss."""

    output: Any
    loss: Any


_ASMoutput.__module__ = "torch.nn.modules.adaptive"


class AdaptiveLogSoftmaxWithLoss(Module):
    """The loss of a softmax over many classes that are ordered by frequency.

    `cutoffs` divides them: those before the first are scored by `head`, the others by one small network of `tail` for each
    cluster, each smaller by `div_value` than the one before. Errors: ValueError for cutoffs that are not increasing.
    """

    __module__ = "torch.nn.modules.adaptive"

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Any,
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        where = {"device": device, "dtype": dtype}
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(low < high for low, high in zip([0, *cutoffs], [*cutoffs, n_classes], strict=True))
        if not rising or any(int(each) != each for each in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
                "is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for number, (low, high) in enumerate(self._clusters(), 1):
            inner = int(in_features // div_value**number)
            first = Linear(in_features, inner, bias=False, **where)
            self.tail.append(Sequential(first, Linear(inner, high - low, bias=False, **where)))

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class of each cluster, and the one after its last."""
        return list(zip(self.cutoffs, self.cutoffs[1:], strict=False))

    def reset_parameters(self) -> None:
        """Draw the head and all clusters anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster:
                layer.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _ASMoutput:
        """The logarithm of each target's probability, and their mean, negated. Errors: RuntimeError for shapes and targets."""
        dims = target_.dim()
        if dims > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if dims and input_.size(0) != target_.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input_.dim() != dims + 1:
            raise RuntimeError(
                f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with size {input_.size()}"
            )
        input, target = (input_, target_) if dims else (input_.unsqueeze(0), target_.unsqueeze(0))
        count = target.size(0)
        output = input.new_zeros(count)
        places = target.new_empty(count)
        used = 0
        for number, (low, high) in enumerate([(0, self.shortlist_size), *self._clusters()]):
            mask = (target >= low) & (target < high)
            rows = mask.nonzero().squeeze()
            if rows.numel() == 0:
                continue
            used += rows.numel()
            if number == 0:
                places.index_copy_(0, rows, target[mask])
                continue
            within = target[mask] - low
            scores = self.tail[number - 1](input.index_select(0, rows))
            places.index_fill_(0, rows, self.shortlist_size + number - 1)
            found = scores.log_softmax(dim=1).gather(1, within.unsqueeze(1))
            output.index_copy_(0, rows, found.squeeze(1))
        if used != count:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                f"{target.max().item()}] were found. "
            )
        head = self.head(input).log_softmax(dim=1)
        output += head.gather(1, places.unsqueeze(1)).squeeze()
        loss = (-output).mean()
        return _ASMoutput(output if dims else output.squeeze(0), loss)

    def _all_classes(self, input: Any, scores: Any) -> Any:
        result = input.new_empty((scores.size(0), self.n_classes))
        head = scores.log_softmax(dim=1)
        size = self.shortlist_size
        result[:, :size] = head[:, :size]
        for number, (low, high) in enumerate(self._clusters()):
            inside = self.tail[number](input).log_softmax(dim=1)
            result[:, low:high] = inside + head[:, size + number].unsqueeze(1)
        return result

    def log_prob(self, input: Any) -> Any:
        """(N, n_classes): the logarithms of the probabilities of all classes, for (N, in_features)."""
        return self._all_classes(input, self.head(input))

    def predict(self, input: Any) -> Any:
        """(N,): the most probable class of each row; the clusters are asked only where the head does not decide."""
        scores = self.head(input)
        best = functions.argmax(scores, dim=1)
        undecided = best >= self.shortlist_size
        if undecided.all():
            return functions.argmax(self._all_classes(input, scores), dim=1)
        if undecided.any():
            every = self._all_classes(input[undecided], scores[undecided])
            best[undecided] = functions.argmax(every, dim=1)
        return best
