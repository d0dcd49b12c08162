"""`torch.signal`: what is for signals; so far PyTorch has window functions there."""

from tensorcli.engine.signal import windows

__all__ = ["windows"]
