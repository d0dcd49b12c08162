"""The modules in which PyTorch defines its public names, such as `torch.nn.modules.loss` or `torch.nn.utils.clip_grad`.

Such a module is made when a script imports it. Its classes are those whose `__module__` names it or a module below it; its
functions stand in the table below.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

PACKAGES = ("nn", "optim", "distributions", "utils.data")
FUNCTIONS = {
    "amp.autocast_mode": "autocast custom_bwd custom_fwd is_autocast_available",
    "amp.grad_scaler": "GradScaler",
    "autograd.gradcheck": "GradcheckError gradcheck gradgradcheck",
    "cuda.amp.autocast_mode": "autocast custom_bwd custom_fwd",
    "cuda.amp.grad_scaler": "GradScaler",
    "cuda.memory": "empty_cache max_memory_allocated max_memory_reserved mem_get_info memory_allocated memory_reserved "
    "reset_max_memory_allocated reset_peak_memory_stats",
    "cuda.random": "get_rng_state get_rng_state_all initial_seed manual_seed manual_seed_all seed seed_all set_rng_state "
    "set_rng_state_all",
    "functional": "atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist "
    "chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive "
    "unravel_index",
    "nn.utils.clip_grad": "clip_grad_norm clip_grad_norm_ clip_grad_value_",
    "nn.utils.convert_parameters": "parameters_to_vector vector_to_parameters",
    "nn.utils.init": "skip_init",
    "nn.utils.memory_format": "convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format",
    "nn.utils.spectral_norm": "remove_spectral_norm spectral_norm",
    "nn.utils.weight_norm": "remove_weight_norm weight_norm",
    "optim.optimizer": "register_optimizer_step_post_hook register_optimizer_step_pre_hook required",
    "storage": "TypedStorage UntypedStorage",
    "utils.data.dataloader": "default_collate default_convert get_worker_info",
    "utils.data.dataset": "random_split",
}
"""What a module gives beside classes: taken from the package above it, or from the engine's module of the same name."""
ELSEWHERE = {"autograd.gradcheck": "autograd.check"}
"""Modules that the engine has under another name."""


def definitions(path: str) -> ModuleType:
    """The module `torch.<path>`. Errors: ModuleNotFoundError where nothing public is defined there."""
    full = f"torch.{path}"
    own = _classes(path) | _functions(path)
    if not own:
        raise ModuleNotFoundError(f"No module named '{full}'", name=full)
    module = ModuleType(full)
    vars(module).update(own)
    return module


def _classes(path: str) -> dict[str, Any]:
    for each in PACKAGES:
        if path.startswith(each + "."):
            package = import_module(f"tensorcli.engine.{each}")
            public = [getattr(package, name) for name in dir(package)]
            known = {kind for found in public if isinstance(found, type) for kind in found.__mro__}
            return {
                kind.__name__: kind for kind in known if f"{kind.__module__}.".startswith(f"torch.{path}.")
            }
    return {}


def _functions(path: str) -> dict[str, Any]:
    found = {}
    above = path.rpartition(".")[0]
    for name in FUNCTIONS.get(path, "").split():
        package = import_module(f"tensorcli.engine.{above}") if above else import_module("tensorcli.engine")
        owner = (
            package
            if hasattr(package, name)
            else import_module(f"tensorcli.engine.{ELSEWHERE.get(path, path)}")
        )
        found[name] = getattr(owner, name)
    return found
