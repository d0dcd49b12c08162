"""`torch.fft`: the operators of the table whose names begin with `fft_`."""

from tensorcli.engine.late import prefixed as _prefixed

__getattr__, __dir__ = _prefixed("fft")
