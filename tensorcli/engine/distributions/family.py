"""`torch.distributions.ExponentialFamily`: entropy and divergence by the gradients of a family's log-normalizer."""

from typing import Any

from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """A distribution of an exponential family, by its natural parameters and what makes its density's integral 1."""

    __module__ = "torch.distributions.exp_family"

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def _slopes(self) -> tuple[list[Any], Any, Any]:
        """The natural parameters as leaves, the log-normalizer there, and its gradients."""
        leaves = [each.detach().requires_grad_() for each in self._natural_params]
        found = self._log_normalizer(*leaves)
        return leaves, found, grad(found.sum(), leaves, create_graph=True)

    def entropy(self) -> Any:
        """The entropy. Errors: NotImplementedError where the family is not described."""
        carrier = self._mean_carrier_measure
        leaves, found, slopes = self._slopes()
        result = -carrier + found
        for leaf, slope in zip(leaves, slopes, strict=True):
            result -= (leaf * slope).reshape((*self._batch_shape, -1)).sum(-1)
        return result
