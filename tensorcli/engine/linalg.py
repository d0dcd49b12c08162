"""`torch.linalg`: the operators of the table whose names begin with `linalg_`."""

from tensorcli.engine.late import prefixed as _prefixed

__getattr__, __dir__ = _prefixed("linalg", {"LinAlgError": "ops._matrices"})
