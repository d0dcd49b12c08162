"""Hooks where PyTorch 2.13 has nothing to compare with: it crashes."""

import tensorcli.engine as torch


def test_a_hook_on_a_view_whose_base_was_written_sees_the_gradient_of_the_view_as_it_is_now() -> None:
    seen = []
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    base = x * 2
    view = base[:1]
    base.mul_(3)
    view.register_hook(lambda grad: seen.append(grad.tolist()))
    (view * 5).sum().backward()
    assert seen == [[5.0]]
    assert x.grad.tolist() == [30.0, 0.0]
