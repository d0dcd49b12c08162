"""`torch.autograd`: each name is imported when it is first asked for. The engine's own modules import from the files."""

from tensorcli.engine.late import late as _late

_WHERE = {
    **dict.fromkeys(("backward", "grad"), "autograd.differentiate"),
    **dict.fromkeys(
        "no_grad enable_grad set_grad_enabled inference_mode set_multithreading_enabled is_multithreading_enabled "
        "enforce_grad_layout_policy".split(),
        "autograd.modes",
    ),
    **dict.fromkeys(("set_detect_anomaly", "detect_anomaly"), "autograd.anomaly"),
    **dict.fromkeys(("gradcheck", "gradgradcheck"), "autograd.check"),
    "_unsafe_preserve_version_counter": "autograd.grad_mode",
    "Variable": "autograd.variable",
    "Function": "autograd.function",
}
_MODULES = ("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph", "variable")
__getattr__, __dir__ = _late("autograd", _WHERE, _MODULES)
