"""Networks' functions: PyTorch's values, nodes, gradients and complaints."""

import numpy as np
import pytest

import tensorcli.engine as torch
from tests.engine.live import compare, error

DRAW = np.random.default_rng(11)
X = DRAW.standard_normal((4, 3))
Y = DRAW.uniform(0.1, 0.9, (4, 3))
LABELS = np.array([0, 2, 1, 1])
IMAGE = DRAW.standard_normal((2, 3, 6, 5))
KERNEL = DRAW.standard_normal((4, 3, 3, 2))


@pytest.mark.parametrize(
    "expression",
    [
        "x.softmax(0)", "x.log_softmax(1)", "F.mse_loss(x, y)", "F.mse_loss(x, y, reduction='sum')", "F.l1_loss(x, y)",
        "F.mse_loss(x, y, reduction='none')", "F.smooth_l1_loss(x, y)", "F.huber_loss(x, y, delta=0.5)",
        "F.cross_entropy(x, z)", "F.cross_entropy(x, z, label_smoothing=0.1)", "F.cross_entropy(x, y)",
        "F.cross_entropy(x, z, weight=y[0].detach(), reduction='none')", "F.nll_loss(x, z, ignore_index=1)",
        "F.binary_cross_entropy(y, x.sigmoid())", "F.binary_cross_entropy_with_logits(x, y)",
        "F.linear_cross_entropy(x, y, z)", "F.linear_cross_entropy(x, y, x @ y.T, label_smoothing=0.1)",
        "F.linear_cross_entropy(x, y.view(2, 2, 3), torch.tensor([[0, 1]] * 4), linear_bias=x[:2, :2], reduction='none')",
        "F.kl_div(x, y, reduction='batchmean')", "F.normalize(x)", "F.cosine_similarity(x, y)", "F.pairwise_distance(x, y)",
        "F.pairwise_distance(z[:, None], z + 1)", "F.triplet_margin_loss(z, z + 1, z - 1)",
        "F.layer_norm(x, (3,), y[0], y[1])", "F.rms_norm(x, (3,))", "F.embedding(z, x)", "F.one_hot(z)",
        "F.batch_norm(x, None, None, training=True)", "F.poisson_nll_loss(x, y)", "F.soft_margin_loss(x, y.detach())",
        "F.multi_margin_loss(x, z)", "F.triplet_margin_loss(x, y, x + 1)", "F.softmin(x, dim=0)", "F.dropout(x, 0.5, False)",
    ],
)  # fmt: skip
def test_functions_agree_with_pytorch(expression: str) -> None:
    compare(expression, X, Y, LABELS)


@pytest.mark.parametrize(
    "expression",
    [
        "F.conv2d(x, y)", "F.conv2d(x, y, stride=2, padding=1)", "F.conv2d(x, y, dilation=2)",
        "F.conv2d(x, y[..., :1], padding='same')", "F.conv_transpose2d(F.conv2d(x, y), y)", "F.max_pool2d(x, 2)",
        "F.max_pool2d(x, 3, 1, 1)", "F.avg_pool2d(x, 2, padding=1)", "F.adaptive_avg_pool2d(x, (3, 2))",
        "F.adaptive_max_pool2d(x, 2)", "F.pad(x, (1, 2))", "F.pad(x, (1, 1, 2, 0), mode='reflect')",
        "F.pad(x, (1, 1, 0, 2), mode='replicate')", "F.group_norm(x, 3)", "F.instance_norm(x)",
        "F.batch_norm(x, None, None, training=True)", "F.unfold(x, 2)", "F.pixel_unshuffle(x[..., :4], 2)",
        "F.conv1d(x[:, :, 0], y[:, :, 0])",
    ],
)  # fmt: skip
def test_images_agree_with_pytorch(expression: str) -> None:
    compare(expression, IMAGE, KERNEL, tolerance=1e-7)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.fft.fft(x)", "torch.fft.rfft(x, dim=0)", "torch.fft.irfft(torch.fft.rfft(x))",
        "torch.fft.rfft2(x, norm='ortho')",
        "torch.fft.fftshift(x)", "x.diff()", "torch.trapezoid(x)", "x.quantile(0.3)", "x.quantile(y[0].detach(), dim=0)",
        "x.cov()", "x.corrcoef()", "torch.cdist(x, y)", "torch.dist(x, y)", "x.renorm(2, 0, 1.0)", "torch.gradient(x)",
        "torch.bincount(z)", "torch.histc(x.detach(), 4)", "F.pdist(x)",
    ],
)  # fmt: skip
def test_transforms_and_statistics_agree_with_pytorch(expression: str) -> None:
    compare(expression, X, Y, LABELS, tolerance=1e-6)


@pytest.mark.parametrize(
    "expression",
    [
        "F.cross_entropy(x, torch.tensor([0, 7]))", "F.nll_loss(x, torch.zeros(2))", "F.softmax(x.long(), 0)",
        "F.binary_cross_entropy(x + 5, x)", "F.binary_cross_entropy(x, x[0])", "F.dropout(x, 2.0)",
        "F.embedding(torch.tensor([9]), x)", "F.layer_norm(x, (4,))", "F.conv2d(x, x)", "F.mse_loss(x, x, reduction='x')",
        "F.linear_cross_entropy(x[None], x, x)", "F.linear_cross_entropy(x, x[0], x)",
        "F.linear_cross_entropy(x, x[:, :2], x)", "F.linear_cross_entropy(x, x, x, linear_bias=x[0])",
        "F.linear_cross_entropy(x[0], x[None], x)", "F.linear_cross_entropy(x, x, x[:, :2], ignore_index=1)",
        "F.one_hot(torch.tensor([-1]))", "F.batch_norm(x[:1], None, None, training=True)",
    ],
)  # fmt: skip
def test_refusals_have_the_words_of_pytorch(expression: str) -> None:
    error(expression, np.ones((2, 3), np.float32))


def test_softmax_saves_its_result_and_cross_entropy_its_scores() -> None:
    x = torch.ones(2, 3).requires_grad_()
    y = x.softmax(0)
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_parameter_is_a_leaf_that_requires_grad() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    assert p.requires_grad
    assert p.is_leaf
    assert isinstance(p, torch.Tensor)
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_batch_norm_moves_the_running_statistics() -> None:
    mean, variance = torch.zeros(2), torch.ones(2)
    torch.nn.functional.batch_norm(torch.arange(8.0).view(4, 2), mean, variance, training=True, momentum=0.5)
    assert mean.tolist() == [1.5, 2.0]
    assert variance.tolist() == pytest.approx([3.8333333, 3.8333333])


def test_weights_of_huber_loss_are_no_divisor() -> None:
    x, w = torch.zeros(2), torch.tensor([2.0, 4.0])
    assert torch.nn.functional.huber_loss(x, x + 1, weight=w).item() == 1.5
    assert torch.nn.functional.mse_loss(x, x + 1, weight=w).item() == 1.0


def test_clipping_scales_the_gradients_and_returns_the_norm_they_had() -> None:
    p = torch.ones(2).requires_grad_()
    (p * torch.tensor([3.0, 4.0])).sum().backward()
    norm = torch.nn.utils.clip_grad_norm_([p], 1.0)
    assert norm.item() == 5.0
    assert p.grad.tolist() == pytest.approx([0.6, 0.8])
    torch.nn.utils.clip_grad_value_(p, 0.7)
    assert p.grad.tolist() == pytest.approx([0.6, 0.7])


def test_initialisation_leaves_no_trace_in_the_graph() -> None:
    w = torch.nn.Parameter(torch.zeros(3, 2))
    torch.nn.init.constant_(w, 2.0)
    assert w.is_leaf
    assert w._version == 1
    assert w.tolist() == [[2.0, 2.0]] * 3
    torch.nn.init.xavier_uniform_(w)
    assert w.abs().max().item() <= (6 / 5) ** 0.5
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        torch.nn.init.kaiming_normal_(w, nonlinearity="x")


def test_of_several_negative_sizes_the_first_is_named() -> None:
    """Recorded from PyTorch 2.13."""
    with pytest.raises(RuntimeError, match=r"negative dimension -1: \[1, 3, 5, -1, -3\]$"):
        torch.nn.functional.pad(torch.ones(1, 3, 5, 5, 5), (-4, -4, -4, -2, 0, 0), mode="reflect")
    with pytest.raises(RuntimeError, match=r"negative dimension -1: \[1, 3, -1, -3\]$"):
        torch.nn.functional.fractional_max_pool2d(torch.ones(1, 3, 9, 9), 2, (-1, -3))


@pytest.mark.parametrize("name", ["_softmax", "_log_softmax"])
def test_halves_do_not_become_floats_in_a_softmax_on_a_cpu(name: str) -> None:
    kind, text = error(f"torch.{name}(x, 0, True)", np.ones(2, np.float16))
    assert (kind, text) == ("RuntimeError", "softmax with half to float conversion is not supported on CPU")
    error(f"torch.{name}(x, 5, True)", np.ones(2, np.float16))
