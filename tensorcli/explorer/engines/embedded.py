"""The embedded engine as a session runs on it: its modules, its state, what its functions take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tensorcli.engine import allocation, events, process
from tensorcli.engine.autograd import anomaly, modes
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.schema import REQUIRED
from tensorcli.engine.table import PACKETS
from tensorcli.engine.tensor import Tensor
from tensorcli.explorer.engines import FailedModule, Taken, arrays
from tensorcli.explorer.engines.attributes import TENSOR_INTERNALS, policy
from tensorcli.explorer.engines.members import failed_module, parts
from tensorcli.explorer.engines.nodes import Nodes
from tensorcli.explorer.engines.reading import KeptCopy
from tensorcli.explorer.reach import Modules, torch_namespaces
from tensorcli.language.limits import Guards
from tensorcli.language.policy import Policy
from tensorcli.language.syntax import Verb

if TYPE_CHECKING:
    from tensorcli.explorer.results import Help


class Embedded(Nodes):
    """`tensorcli.engine`, and the facts of its objects."""

    name = "embedded"
    tells_nodes = True
    tells_results_whole = True

    # ---- the session's side

    def modules(self, guards: Callable[[], Guards], seed: Callable[[], int]) -> Modules:
        from importlib import import_module

        import tensorcli.engine

        def load(path: str) -> ModuleType:
            return import_module(f"tensorcli.engine.{path}") if path else tensorcli.engine

        def listing() -> Iterable[str]:
            # `dir` reads the schema line of every operator; their names are enough here.
            package = load("")
            return {*vars(package), *package._PUBLIC, *PACKETS}

        return Modules(torch_namespaces("tensorcli.engine", load, listing), guards, seed)

    def policy(self) -> Policy:
        return policy()

    def begin(self, seed: int, max_bytes: int | None) -> None:
        self.limit(max_bytes)
        process.reset()
        self.seed(seed)

    def limit(self, max_bytes: int | None) -> None:
        allocation.limit.nbytes = max_bytes

    def listen(self, observer: Any) -> None:
        events.observer = observer

    def trace_calls(self, where: Callable[[], list[str]]) -> None:
        anomaly.anomaly.where = where

    @contextmanager
    def aside(self) -> Iterator[None]:
        observer, limit = events.observer, allocation.limit.nbytes
        events.observer = None
        try:
            with process.aside(), arrays.random_state():
                yield
        finally:
            events.observer, allocation.limit.nbytes = observer, limit

    def same_gradients(self, node: Any, copies: Sequence[KeptCopy]) -> bool:
        from tensorcli.explorer.engines.gradients import same_gradients

        with self.aside():
            return same_gradients(node, copies, self.elements)

    def same_pass(self, root: Any, nodes: Collection[Any], copies: Sequence[KeptCopy]) -> bool:
        from tensorcli.explorer.engines.gradients import same_pass

        with self.aside():
            return same_pass(root, nodes, copies, self.elements)

    def zeroing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def recording(self) -> bool:
        return modes.mode.enabled

    def failed_node(self, raised: BaseException) -> Any:
        found = None
        traceback = raised.__traceback__
        while traceback is not None:
            local = traceback.tb_frame.f_locals
            owner = local.get("self")
            # In hooks there is no method of the node's on the way.
            owner = owner if isinstance(owner, Node) else local.get("node")
            if isinstance(owner, Node):
                found = owner
            traceback = traceback.tb_next
        return found

    def failed_module(self, raised: BaseException) -> FailedModule | None:
        return failed_module(raised)

    def method_names(self) -> Iterable[str]:
        hidden = set(TENSOR_INTERNALS.split())
        methods = (name for name, overloads in PACKETS.items() if any(each.is_method for each in overloads))
        names = {*methods, *dir(Tensor)}
        return sorted(name for name in names if not name.startswith("_") and name not in hidden)

    def seed(self, number: int) -> None:
        from tensorcli.engine import random

        random.manual_seed(number)

    def devices(self) -> Iterable[tuple[str, bool, str]]:
        from tensorcli.engine.backends.inventory import inventory

        return inventory(memory=False)  # a session prints the same whatever the machine has free

    def help(self, name: str) -> Help | None:
        from tensorcli.explorer.engines.pages import operator_page

        return operator_page(name)

    def takes(self, function: Any) -> Sequence[Sequence[Taken]]:
        from tensorcli.explorer.engines.signatures import takes

        return takes(function, lambda value: isinstance(value, Tensor))

    def verb(self, name: str) -> Verb | None:
        if name in TENSOR_INTERNALS.split():
            return None
        overloads = PACKETS.get(name)
        if overloads is not None:
            arguments = overloads[0].schema.arguments
            if any(each.is_method for each in overloads) and arguments and arguments[0].name == "self":
                return Verb("method")
            if not any(each.is_function for each in overloads):
                if any(each.is_method for each in overloads):
                    return Verb("method")
                path = public_path(name, overloads[0].namespace)
                return Verb("function", path) if path else None
            needed = min(
                sum(each.default is REQUIRED and not each.keyword_only for each in op.schema.arguments)
                for op in overloads
            )
            return Verb("function", f"torch.{name}", minimum=min(needed, 1))
        for kind in Tensor.__mro__[:-1]:
            if name in vars(kind):
                return Verb("attribute" if isinstance(vars(kind)[name], property) else "method")
        if name in ("shape", "dtype", "device", "grad"):
            return Verb("attribute")
        return None

    def parts(self, value: Any) -> Iterable[tuple[str, Any]]:
        return parts(value)


PLACES = {"nn": "nn.functional", "linalg": "linalg", "fft": "fft", "special": "special"}
"""The module of torch's that shows the operators of a namespace."""


def public_path(name: str, namespace: str) -> str:
    """Where PyTorch shows an operator that is neither in torch nor a method: `torch.linalg.inv`; empty where nowhere."""
    from importlib import import_module

    place = PLACES.get(namespace)
    short = name.removeprefix(f"{namespace}_")
    shown = place is not None and hasattr(import_module(f"tensorcli.engine.{place}"), short)
    return f"torch.{place}.{short}" if shown else ""
