"""`torch.autograd.anomaly_mode`: anomaly detection, where PyTorch has it."""

from tensorcli.engine.autograd.anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
