"""`torch.cpu.amp`: the old name of autocast on the CPU."""

from tensorcli.engine.amp.autocast import cpu_autocast as autocast

__all__ = ["autocast"]
