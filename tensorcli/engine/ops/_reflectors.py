"""The gradient of products of Householder reflections, in tensor operations."""

from tensorcli.engine.batch.layer import layers
from tensorcli.engine.callers import functions


def reflectors_backward(grad, result, input, tau, flip=False):
    """The gradients of reflectors and factors by that of their product, in PyTorch's steps (FunctionsManual.cpp,
    householder_product_backward). `flip`: the last reflector is the first factor.
    """
    if grad is None or not input.numel() or not tau.numel():
        return None, None
    m, count = input.size(-2), tau.size(-1)
    lower = input.tril(-1)
    lower.diagonal(0, -2, -1).fill_(1.0)
    first = lower.narrow(-1, 0, count)
    # The factors of the inverse reflections.
    sigma = tau / (tau * (first * first.conj()).sum(-2) - 1.0)
    between = result.matmul(grad.mH)

    def reflected(v, factor, matrix, left):
        scaled = factor.unsqueeze(-1) * v
        return matrix - (scaled * v.mH.matmul(matrix) if left else matrix.matmul(scaled) * v.mH)

    def undone(i, matrix):
        return reflected(lower.narrow(-1, i, 1), sigma.narrow(-1, i, 1), matrix, not flip)

    found = {}
    order = range(count - 1, -1, -1) if flip else range(count)
    between = undone(order[0], between)
    for place, i in enumerate(order):
        whole, factor = lower.narrow(-1, i, 1), tau.narrow(-1, i, 1)
        v = whole.narrow(-2, i, m - i)
        rows = v.mH.matmul(between.narrow(-2, i, m - i))
        columns = between.narrow(-1, i, m - i).matmul(v)
        scale = factor.unsqueeze(-1)
        of_v = (-scale * rows).conj().squeeze(-2) - (scale * columns).squeeze(-1)
        of_factor = -rows.narrow(-1, i, m - i).matmul(v).conj()
        found[i] = of_v.unsqueeze(-1), of_factor.squeeze(-1)
        if place + 1 < count:
            between = reflected(whole, factor, undone(order[place + 1], between), flip)
    if layers:  # examples are not written into what is the same for all of them
        others = functions.zeros_like(input.narrow(-1, count, input.size(-1) - count))
        of_input = functions.cat([*(found[i][0] for i in range(count)), others], -1)
        return of_input.tril(-1), functions.cat([found[i][1] for i in range(count)], -1)
    of_input, of_tau = functions.zeros_like(input), functions.zeros_like(tau)
    for i in order:
        of_input.select(-1, i).copy_(found[i][0].squeeze(-1))
        of_tau.select(-1, i).copy_(found[i][1].squeeze(-1))
    return of_input.tril(-1), of_tau
