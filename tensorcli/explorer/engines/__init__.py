"""An engine as a session runs on it, so that the explorer works on the embedded engine and on real PyTorch.

What is read of its values is `reading`'s. What an engine cannot know it answers with None or nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tensorcli.explorer.engines.reading import KeptCopy, Reads

if TYPE_CHECKING:
    from tensorcli.explorer.reach import Modules
    from tensorcli.explorer.results import Help
    from tensorcli.language.limits import Guards
    from tensorcli.language.policy import Policy
    from tensorcli.language.syntax import Verb


class FailedModule(NamedTuple):
    """The module in whose call something was raised."""

    outer: Any
    """The module that the script called."""
    module: Any
    """The one within it that failed, or itself."""
    path: str
    """What is written after that one for this one: empty, `[2]`, `.layer[0]`."""
    text: str
    """Its repr, where that is one line."""
    inputs: tuple[Any, ...]


class Taken(NamedTuple):
    """A parameter of a function."""

    name: str
    default: str
    """As it is written; empty where there is none."""
    required: bool
    keyword_only: bool
    several: bool = False
    """Whether several arguments by position may stand for it: `view(2, 3)`."""


class Engine(Reads, Protocol):
    """One implementation of PyTorch: a session runs on it and reads its facts."""

    name: str
    """What `--engine` calls it."""
    tells_nodes: bool
    """Whether it tells what nodes save, which hooks sit on them, and which tensors share a version counter."""
    tells_results_whole: bool
    """Whether a result has its node already when it is told that an operator made it."""

    def modules(self, guards: Callable[[], Guards], seed: Callable[[], int]) -> Modules:
        """The modules that a script can import, by their full names."""

    def policy(self) -> Policy:
        """The attributes of its objects that a script may reach."""

    def begin(self, seed: int, max_bytes: int | None) -> None:
        """Bring what is global in the engine to the state in which a session begins."""

    def limit(self, max_bytes: int | None) -> None:
        """Refuse tensors larger than this from now on."""

    def listen(self, observer: Any) -> None:
        """Tell an observer (engine.events.Observer) what happens from now on; None for nobody."""

    def trace_calls(self, where: Callable[[], list[str]]) -> None:
        """Let anomaly mode ask `where` for the script's traceback from now on."""

    def aside(self) -> AbstractContextManager[None]:
        """Within it another session may run: nobody listens, and what is global in the engine is put back at its end."""

    def zeroing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as one in whose results memory that the engine leaves uninitialised is zero."""

    def recording(self) -> bool:
        """Whether operators are recorded now: grad mode is on."""

    def failed_node(self, raised: BaseException) -> Any:
        """The node whose gradient was being computed when this was raised, None where that is not known."""

    def failed_module(self, raised: BaseException) -> FailedModule | None:
        """The innermost module in whose call this was raised, None where there is none."""

    def method_names(self) -> Iterable[str]:
        """The names of the tensors' methods and attributes, also of those that were never used."""

    def seed(self, number: int) -> None:
        """Seed the default generator."""

    def devices(self) -> Iterable[tuple[str, bool, str]]:
        """Each device: its name, whether tensors can lie on it here, what it is."""

    def help(self, name: str) -> Help | None:
        """The page of an operator or a method, None where there is none of that name."""

    def takes(self, function: Any) -> Sequence[Sequence[Taken]]:
        """The parameters of a function in each of its signatures; none where they are not known."""

    def verb(self, name: str) -> Verb | None:
        """The verb that a method or an attribute of a tensor is, or an operator that is a function only."""

    def copies(self, node: Any, memory: int, content: Any, of: Any = None) -> Sequence[KeptCopy]:
        """For each tensor that a node keeps of an allocation (`of`: that one alone), one of its own, made of these bytes."""

    def shield(self, copies: Sequence[KeptCopy]) -> None:
        """Let nodes keep these copies, which no write reaches. For sessions that nobody looks at."""

    def same_gradients(self, node: Any, copies: Sequence[KeptCopy]) -> bool:
        """Whether a node would give the same gradients with these copies as it gives now; False where only a function of the
        script's could tell.
        """

    def same_pass(self, root: Any, nodes: Collection[Any], copies: Sequence[KeptCopy]) -> bool:
        """The same of the gradients that a backward pass from a tensor, through these nodes, would give to leaves."""


ALLOCATING = frozenset("empty empty_like empty_strided empty_permuted new_empty new_empty_strided".split())
"""Operators that write nothing into the memory that they allocate. The legacy constructors go through them."""


def base_of(operator: str) -> str:
    """`add` of `add.Tensor`: what all overloads of an operator are called, which events tell by its full name."""
    return operator.partition(".")[0]
