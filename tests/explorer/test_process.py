"""What the process has for all tensors is a session's own: it ends with the session, and looking leaves it alone."""

from collections.abc import Iterator

import pytest

import tensorcli.engine as engine
from tensorcli.explorer.session import Session

IMPORTS = """
import torch
import torch.autograd.forward_ad as fwAD
import torch.distributions as D
import numpy as np
from torch.nn.modules import module
from torch.optim.optimizer import register_optimizer_step_post_hook
net = torch.nn.Linear(1, 1)
opt = torch.optim.SGD(net.parameters(), 0.1)
ran = []
def hook(*given):
    ran.append(1)
def laid_out():
    x = torch.ones(2, 3, device='cpu').requires_grad_()
    x.t().backward(torch.ones(3, 2, device='cpu'))
    return x.grad.stride()
def probably(make):
    try:
        return make() is not None
    except (ValueError, RuntimeError):
        return False
"""
SETTINGS = {
    "torch.set_grad_enabled(False)": "torch.is_grad_enabled()",
    "torch.set_default_dtype(torch.float64)": "torch.get_default_dtype()",
    "torch.set_default_device('meta')": "torch.get_default_device()",
    "torch.set_default_tensor_type(torch.DoubleTensor)": "torch.get_default_dtype()",
    "torch.set_printoptions(precision=2)": "repr(torch.tensor(0.12345, device='cpu'))",
    "torch.set_num_threads(123)": "torch.get_num_threads()",
    "torch.set_num_interop_threads(123)": "torch.get_num_interop_threads()",
    "torch.set_float32_matmul_precision('medium')": "torch.get_float32_matmul_precision()",
    "torch.set_warn_always(True)": "torch.is_warn_always_enabled()",
    "torch.use_deterministic_algorithms(True)": "torch.are_deterministic_algorithms_enabled()",
    "torch.set_deterministic_debug_mode('warn')": "torch.get_deterministic_debug_mode()",
    "torch.autograd.set_detect_anomaly(True)": "torch.is_anomaly_enabled()",
    "torch.set_anomaly_enabled(True)": "torch.is_anomaly_enabled()",
    "torch.set_autocast_cpu_enabled(True)": "torch.is_autocast_enabled('cpu')",
    "torch.set_autocast_cpu_dtype(torch.float16)": "torch.get_autocast_dtype('cpu')",
    "torch.set_autocast_gpu_dtype(torch.bfloat16)": "torch.get_autocast_dtype('cuda')",
    "torch.autograd.enforce_grad_layout_policy(False)": "laid_out()",
    "torch.set_autocast_enabled('cpu', True)": "torch.is_autocast_enabled('cpu')",
    "torch.set_autocast_dtype('cpu', torch.float16)": "torch.get_autocast_dtype('cpu')",
    "torch.set_autocast_cache_enabled(False)": "torch.is_autocast_cache_enabled()",
    "torch.backends.cudnn.benchmark = True": "torch.backends.cudnn.benchmark",
    "torch.backends.cuda.matmul.allow_tf32 = True": "torch.backends.cuda.matmul.allow_tf32",
    "torch.backends.cuda.enable_flash_sdp(False)": "torch.backends.cuda.flash_sdp_enabled()",
    "torch.backends.mha.set_fastpath_enabled(False)": "torch.backends.mha.get_fastpath_enabled()",
    "D.Distribution.set_default_validate_args(False)": "probably(lambda: D.Normal(0., -1.))",
    "D.kl.register_kl(D.Normal, D.Gamma)(hook)": "D.kl_divergence(D.Normal(0., 1.), D.Gamma(1., 1.))",
    "D.biject_to.register(D.constraints.positive, hook)": "D.biject_to(D.constraints.positive)",
    "D.transform_to.register(D.constraints.positive, hook)": "D.transform_to(D.constraints.positive)",
    "fwAD.enter_dual_level()": "probably(lambda: fwAD.make_dual(torch.ones(1, device='cpu'), torch.ones(1, device='cpu')))",
    "np.set_printoptions(precision=2)": "repr(np.array([1 / 3]))",
    "register_optimizer_step_post_hook(hook)": "(opt.step(), len(ran), ran.clear())[1]",
    "module.register_module_forward_hook(hook)": "(net(torch.ones(1, device='cpu')), len(ran), ran.clear())[1]",
    "module.register_module_forward_pre_hook(hook)": "(net(torch.ones(1, device='cpu')), len(ran), ran.clear())[1]",
    "module.register_module_parameter_registration_hook(hook)": "(torch.nn.Linear(1, 1), len(ran), ran.clear())[1]",
}
"""Statements that set something for the whole process, and what tells it."""


def asked(session: Session, expression: str) -> str:
    *_, step = session.run(IMPORTS + f"print({expression})")
    assert step.error is None, step.error
    return step.output


@pytest.fixture
def changed(request: pytest.FixtureRequest) -> Iterator[tuple[Session, str, str, str]]:
    """A session that has changed a setting, what tells it, and what that said before and after."""
    setting, told = request.param, SETTINGS[request.param]
    session = Session()
    first = asked(session, told)
    *_, step = session.run(IMPORTS + setting)
    assert step.error is None, step.error
    second = asked(session, told)
    assert second != first
    yield session, told, first, second
    Session()  # begins with the process as new, also for tests that have no session


@pytest.mark.parametrize("changed", SETTINGS, indirect=True)
def test_looking_leaves_settings_alone(changed: tuple[Session, str, str, str]) -> None:
    session, told, _, second = changed
    for text in ("compare detach clone", "why", "explain TSC-E031", "dry torch.ones(1)"):
        list(session.run(text))
    assert asked(session, told) == second


@pytest.mark.parametrize("changed", SETTINGS, indirect=True)
def test_a_session_begins_without_the_settings_of_another(changed: tuple[Session, str, str, str]) -> None:
    session, told, first, _ = changed
    list(session.run("reset"))
    assert asked(session, told) == first
    assert asked(Session(), told) == first


def test_each_setter_is_looked_at() -> None:
    text = "\n".join(SETTINGS)
    functions = {name for name in dir(engine) if name.startswith(("set_", "use_deterministic"))}
    # The generators' states have tests of their own; nothing feels the flushing of denormal numbers.
    functions -= {"set_rng_state", "set_flush_denormal"}
    assert not [name for name in functions if f"{name}(" not in text]
