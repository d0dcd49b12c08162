"""`torch.optim`: optimisers whose steps are tensor operations, so that each shows what it wrote."""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_WHERE = _listed(
    {
        "optim.optimizer": "Optimizer",
        "optim.descent": "SGD ASGD Rprop",
        "optim.scaled": "Adagrad RMSprop Adadelta",
        "optim.moments": "Adam AdamW Adamax NAdam RAdam",
        "optim.matrices": "Adafactor Muon",
        "optim.lbfgs": "LBFGS",
    }
)
_MODULES = ("lr_scheduler", "swa_utils")

__getattr__, __dir__ = _late("optim", _WHERE, _MODULES)
__all__ = list(_WHERE)
