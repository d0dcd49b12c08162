"""`torch.signal`: functions for signals. So far PyTorch has only window functions there."""

from tensorcli.engine.signal import windows

__all__ = ["windows"]
