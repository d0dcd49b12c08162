"""`torch.optim`: optimisers whose steps are tensor operations, so that each shows what it wrote."""

from tensorcli.engine.late import late as _late

_WHERE = {
    "Optimizer": "optim.optimizer",
    **dict.fromkeys(("SGD", "ASGD", "Rprop"), "optim.descent"),
    **dict.fromkeys(("Adagrad", "RMSprop", "Adadelta"), "optim.scaled"),
    **dict.fromkeys(("Adam", "AdamW", "Adamax", "NAdam", "RAdam"), "optim.moments"),
    **dict.fromkeys(("Adafactor", "Muon"), "optim.matrices"),
    "LBFGS": "optim.lbfgs",
}
_MODULES = ("lr_scheduler", "swa_utils")

__getattr__, __dir__ = _late("optim", _WHERE, _MODULES)
__all__ = list(_WHERE)
