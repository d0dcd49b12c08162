"""`torch.cpu.amp`: the old name of autocast on the CPU."""

from tensorcli.engine.amp.casting import cpu_autocast as autocast

__all__ = ["autocast"]
