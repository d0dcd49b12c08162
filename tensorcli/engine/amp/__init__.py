"""`torch.amp`: operators in less precision inside a block, and gradients scaled so that they do not vanish in it."""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_WHERE = _listed(
    {
        "amp.casting": "autocast custom_bwd custom_fwd is_autocast_available",
        "amp.scaler": "GradScaler",
    }
)
__getattr__, __dir__ = _late("amp", _WHERE)
