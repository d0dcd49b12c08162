"""`torch.func`: functions that differentiate functions, and modules called with other parameters."""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_WHERE = _listed(
    {
        "func.reverse": "grad grad_and_value jacrev vjp",
        "func.forward": "hessian jacfwd jvp linearize",
        "func.modules": "functional_call replace_all_batch_norm_modules_ stack_module_state",
        "func.levels": "debug_unwrap",
        "func.functional": "functionalize",
        "func.rearranging": "rearrange",
        "batch.vmap": "vmap",
    }
)
__getattr__, __dir__ = _late("func", _WHERE)
