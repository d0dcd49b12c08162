"""`torch.distributions.ExponentialFamily`: a mark of those distributions, for divergences."""

from typing import Any

from tensorcli.engine.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """A distribution of an exponential family."""

    __module__ = "torch.distributions.exp_family"

    def entropy(self) -> Any:
        """Errors: NotImplementedError unless the distribution says."""
        raise NotImplementedError
