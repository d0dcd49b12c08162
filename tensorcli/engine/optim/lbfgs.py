"""LBFGS: steps along directions that the last gradients' changes suggest, each found by calling the closure again."""

from collections.abc import Callable, Iterable
from typing import Any

from tensorcli.engine.autograd.modes import enable_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.optim.optimizer import Optimizer
from tensorcli.engine.optim.shared import check_rate, scalar
from tensorcli.engine.tensor import Tensor

Evaluated = tuple[float, Tensor]
"""A loss and all gradients in one row."""


class LBFGS(Optimizer):
    """The limited-memory BFGS method over one group of parameters (torch/optim/lbfgs.py).

    The whole state is kept under the first parameter.
    """

    __module__ = "torch.optim.lbfgs"

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override] # the closure must be given
        """Call the closure as often as the method needs; returns what it returned first."""
        return super().step(closure)

    def minimise(self, closure: Any) -> Any:
        """One step: up to `max_iter` directions, each followed at the rate given or as far as the line search says."""

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        group = self.param_groups[0]
        params: list[Tensor] = group["params"]
        rate, most = scalar(group["lr"]), group["max_iter"]
        small, change = group["tolerance_grad"], group["tolerance_change"]
        state = self.state[params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = evaluate()
        loss, evaluated = float(first), 1
        state["func_evals"] += 1
        grad = _flat_grad(params)
        if grad.abs().max() <= small:
            return first
        direction: Any = state.get("d")
        length = state.get("t")
        before, loss_before = state.get("prev_flat_grad"), state.get("prev_loss")
        memory = {key: state.get(key) for key in ("old_dirs", "old_stps", "ro", "H_diag")}
        done = False
        for count in range(1, most + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
                direction = grad.neg()
            else:
                _remember(memory, grad.sub(before), direction.mul(length), group["history_size"])
                weights = state.setdefault("al", [None] * group["history_size"])
                direction = _direction(memory, grad, weights)
            if before is None:
                before = grad.clone(memory_format=contiguous_format)
            else:
                before.copy_(grad)
            loss_before = loss
            length = min(1.0, 1.0 / grad.abs().sum()) * rate if state["n_iter"] == 1 else rate
            slope = grad.dot(direction)
            if slope > -change:
                break
            evaluations = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                at = _probe(params, direction, evaluate)
                search = _Search(at, length, direction, loss, grad, slope, group["max_eval"] - evaluated)
                loss, grad, length, evaluations = search.run()
                _move(params, length, direction)
                done = bool(grad.abs().max() <= small)
            else:
                _move(params, length, direction)
                if count != most:
                    loss, grad = float(evaluate()), _flat_grad(params)
                    done = bool(grad.abs().max() <= small)
                    evaluations = 1
            evaluated += evaluations
            state["func_evals"] += evaluations
            if count == most or evaluated >= group["max_eval"] or done:
                break
            if direction.mul(length).abs().max() <= change or abs(loss - loss_before) < change:
                break
        state.update(d=direction, t=length, **memory, prev_flat_grad=before, prev_loss=loss_before)
        return first


def _probe(params: list[Tensor], direction: Any, evaluate: Callable[[], Any]) -> Callable[[Any], Evaluated]:
    """A function of a distance: the loss and the gradient there along a direction, after which the parameters are put back."""
    start = [p.clone(memory_format=contiguous_format) for p in params]

    def at(distance: Any) -> Evaluated:
        _move(params, distance, direction)
        found = float(evaluate()), _flat_grad(params)
        for param, value in zip(params, start, strict=True):
            param.copy_(value)
        return found

    return at


def _flat_grad(params: list[Tensor]) -> Tensor:
    views = []
    for p in params:
        view = p.new_zeros((p.numel(),)) if p.grad is None else p.grad.view(-1)
        views.append(functions.view_as_real(view).view(-1) if view.dtype.is_complex else view)
    return functions.cat(views, 0)  # type: ignore[no-any-return]


def _move(params: list[Tensor], distance: Any, direction: Any) -> None:
    offset = 0
    for param in params:
        p = functions.view_as_real(param) if param.dtype.is_complex else param
        count = p.numel()
        p.add_(direction[offset : offset + count].view_as(p), alpha=distance)
        offset += count


def _remember(memory: Any, turned: Any, step: Any, history: int) -> None:
    """Keep how the gradient turned over the last step, if that tells of the curvature."""
    curvature = turned.dot(step)
    if not curvature > 1e-10:
        return
    kept = memory["old_dirs"], memory["old_stps"], memory["ro"]
    if len(memory["ro"]) == history:
        for past in kept:
            past.pop(0)
    for past, new in zip(kept, (turned, step, 1.0 / curvature), strict=True):
        past.append(new)
    memory["H_diag"] = curvature / turned.dot(turned)


def _direction(memory: Any, grad: Any, weights: list[Any]) -> Any:
    """The gradient downhill, turned by what is remembered."""
    turns, steps, ratios = memory["old_dirs"], memory["old_stps"], memory["ro"]
    found = grad.neg()
    for i in range(len(turns) - 1, -1, -1):
        weights[i] = steps[i].dot(found) * ratios[i]
        found.add_(turns[i], alpha=-weights[i])
    found = functions.mul(found, memory["H_diag"])
    for i in range(len(turns)):
        found.add_(steps[i], alpha=weights[i] - turns[i].dot(found) * ratios[i])
    return found


class _Search:
    """A line search for a point that satisfies the strong Wolfe conditions: first a bracket around one, then into it."""

    LOWER, FLATTER, NARROW = 1e-4, 0.9, 1e-9

    def __init__(
        self,
        at: Callable[[Any], Evaluated],
        length: Any,
        direction: Tensor,
        loss: float,
        grad: Tensor,
        slope: Any,
        most: int,
    ) -> None:
        self.at = at
        self.length = length
        self.direction = direction
        self.start = (0, loss, grad.clone(memory_format=contiguous_format), slope)
        self.most = most
        self.count = 0

    def evaluate(self) -> tuple[Any, float, Tensor, Any]:
        """The point at the present length: length, loss, gradients, slope."""
        loss, grad = self.at(self.length)
        self.count += 1
        return self.length, loss, grad, grad.dot(self.direction)

    def too_high(self, point: Any) -> bool:
        _, loss, _, slope = self.start
        return bool(point[1] > loss + self.LOWER * point[0] * slope)

    def flat(self, point: Any) -> bool:
        return bool(abs(point[3]) <= -self.FLATTER * self.start[3])

    def run(self) -> tuple[float, Tensor, Any, int]:
        """Loss and gradients at the point found, its length, and how often the closure was called."""
        bracket, done, rounds = self.surround()
        order = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
        if not done:
            order = self.narrow(bracket, order, rounds)
        length, loss, grad, _ = bracket[order[0]]
        return loss, grad, length, self.count

    def surround(self) -> tuple[list[Any], bool, int]:
        before, point = self.start, self.evaluate()
        for rounds in range(self.most):
            if self.too_high(point) or (rounds > 1 and point[1] >= before[1]):
                return [before, point], False, rounds
            if self.flat(point):
                return [point], True, rounds
            if point[3] >= 0:
                return [before, point], False, rounds
            nearest, farthest = point[0] + 0.01 * (point[0] - before[0]), point[0] * 10
            self.length = _interpolated(before, point, (nearest, farthest))
            before, point = point, self.evaluate()
        return [self.start, point], False, self.most

    def narrow(self, bracket: list[Any], order: tuple[int, int], rounds: int) -> tuple[int, int]:
        low, high = order
        width = self.direction.abs().max()
        stuck = False
        for _ in range(rounds, self.most):
            if abs(bracket[1][0] - bracket[0][0]) * width < self.NARROW:
                break
            length = _interpolated(bracket[0], bracket[1])
            least, greatest = sorted((bracket[0][0], bracket[1][0]))
            margin = 0.1 * (greatest - least)
            if min(greatest - length, length - least) < margin:
                # Too close to an end: the second time in a row, or outside, a tenth of the bracket away from it.
                if stuck or length >= greatest or length <= least:
                    near_top = abs(length - greatest) < abs(length - least)
                    length = greatest - margin if near_top else least + margin
                    stuck = False
                else:
                    stuck = True
            else:
                stuck = False
            self.length = length
            point = self.evaluate()
            if self.too_high(point) or point[1] >= bracket[low][1]:
                bracket[high] = point
                low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
                continue
            done = self.flat(point)
            if not done and point[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
            if done:
                break
        return low, high


def _interpolated(first: Any, second: Any, bounds: Any = None) -> Any:
    """Where the cubic through two points with their slopes is lowest, within bounds."""
    (x1, f1, _, g1), (x2, f2, _, g2) = first, second
    least, greatest = bounds or ((x1, x2) if x1 <= x2 else (x2, x1))
    middle = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = middle**2 - g1 * g2
    if not square >= 0:
        return (least + greatest) / 2.0
    root = square.sqrt()
    if x1 <= x2:
        lowest = x2 - (x2 - x1) * ((g2 + root - middle) / (g2 - g1 + 2 * root))
    else:
        lowest = x1 - (x1 - x2) * ((g1 + root - middle) / (g1 - g2 + 2 * root))
    return min(max(lowest, least), greatest)
