"""`torch.utils`: DLPack, data in batches, and functions that are called again in the backward pass."""

from tensorcli.engine.late import late as _late

__getattr__, __dir__ = _late(
    "utils", {}, ("_pytree", "checkpoint", "data", "dlpack", "hooks", "module_tracker")
)
