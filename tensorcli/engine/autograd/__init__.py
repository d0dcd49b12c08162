"""`torch.autograd`: each name is imported when it is first asked for. The engine's own modules import from the files."""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_WHERE = _listed(
    {
        "autograd.differentiate": "backward grad",
        "autograd.modes": "no_grad enable_grad set_grad_enabled inference_mode set_multithreading_enabled "
        "is_multithreading_enabled enforce_grad_layout_policy",
        "autograd.anomaly": "set_detect_anomaly detect_anomaly",
        "autograd.check": "gradcheck gradgradcheck",
        "autograd.grad_mode": "_unsafe_preserve_version_counter",
        "autograd.variable": "Variable",
        "autograd.function": "Function",
    }
)
_MODULES = ("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph", "variable")
__getattr__, __dir__ = _late("autograd", _WHERE, _MODULES)
