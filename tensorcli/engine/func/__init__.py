"""`torch.func`: functions that differentiate functions, and modules called with other parameters."""

from tensorcli.engine.late import late as _late

_WHERE = {
    **dict.fromkeys(("grad", "grad_and_value", "jacrev", "vjp"), "func.reverse"),
    **dict.fromkeys(("hessian", "jacfwd", "jvp", "linearize"), "func.forward"),
    **dict.fromkeys(
        ("functional_call", "replace_all_batch_norm_modules_", "stack_module_state"), "func.modules"
    ),
    "debug_unwrap": "func.levels",
    "functionalize": "func.functional",
    "rearrange": "func.rearranging",
    "vmap": "batch.vmap",
}
__getattr__, __dir__ = _late("func", _WHERE)
