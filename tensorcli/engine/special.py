"""`torch.special`: the operators of that namespace, under their names without the prefix."""

from tensorcli.engine.late import prefixed as _prefixed

__getattr__, __dir__ = _prefixed("special")
