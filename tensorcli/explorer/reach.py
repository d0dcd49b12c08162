"""What a script can name: torch and the modules below it, and the others that it may import.

Made from the engine's public surface, when it is asked for. A member is handed out only when it is the
engine's own, or a plain constant: never a module of Python's, never a helper that the engine imported from
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from tensorcli.language.limits import Guards
from tensorcli.language.namespaces import Namespace
from tensorcli.language.vocabulary import PRIVATE_FUNCTIONS, PRIVATE_MEMBERS, SHADOWED

SUBMODULES = (
    "accelerator amp autograd autograd.anomaly_mode autograd.forward_ad autograd.function autograd.functional "
    "autograd.grad_mode autograd.graph autograd.variable cpu cpu.amp cuda cuda.amp distributions "
    "distributions.constraint_registry distributions.constraints distributions.kl distributions.transforms "
    "distributions.utils fft func linalg mps nn nn.attention nn.attention.bias nn.functional nn.grad nn.init nn.modules "
    "nn.modules.module nn.modules.utils nn.parameter nn.utils nn.utils.fusion nn.utils.parametrizations "
    "nn.utils.parametrize nn.utils.prune nn.utils.rnn nn.utils.stateless optim optim.lr_scheduler optim.swa_utils "
    "quasirandom random return_types serialization signal signal.windows special testing torch_version utils utils._pytree "
    "utils.checkpoint utils.data utils.dlpack utils.hooks utils.module_tracker version xpu"
).split()
"""The modules below torch that a script can import, where the engine has them."""

STANDING_IN = {"backends": ("backend_flags", "backends")}
"""Modules below torch that a script may set things on: objects of the engine's, by module and name."""

DEFINING = ("functional", "storage")
"""Modules directly below torch that have names of torch and others, which `definitions` gives."""

_CONSTANTS = (int, float, complex, str, bool, tuple, type(None), type(Ellipsis))
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)


class Members(Mapping[str, Any]):
    """The members of one module of an engine, each looked up when it is asked for."""

    def __init__(
        self,
        load: Callable[[], ModuleType],
        root: str,
        inner: Lazy,
        listing: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self.load = load
        self.public = listing is None
        """Whether what the module holds and does not call public is hidden, where it calls names public at all."""
        self.listing = listing or (lambda: dir(load()))
        """The names to look through when all are asked for."""
        self.root = root
        self.inner = inner
        """Namespaces below this one, by name."""
        self.made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        made = self.made
        if name in made:
            return made[name]
        value = self._find(name)
        made[name] = value
        return value

    def _find(self, name: str) -> Any:
        if name in self.inner.names and name in self.inner:
            return self.inner[name]
        try:
            return self._member(name)
        except KeyError:
            return self.inner.defining(name)

    def behind(self, name: str) -> Namespace | None:
        """The module that has the name of a member, which stands before it."""
        try:
            return self.inner.defining(name)
        except KeyError:
            return None

    def _member(self, name: str) -> Any:
        shown = name in PRIVATE_MEMBERS or name == "__version__" or name.startswith(PRIVATE_FUNCTIONS)
        if name.startswith("_") and not shown:
            raise KeyError(name)
        module = self.load()
        if self.public and name in vars(module) and name not in getattr(module, "__all__", (name,)):
            raise KeyError(name)
        try:
            value = getattr(module, name)
        except (AttributeError, ModuleNotFoundError):
            raise KeyError(name) from None
        if isinstance(value, ModuleType):
            # A module of the package that has the name of a public function (`tensor`) stands in its place.
            hook = vars(module).get("__getattr__")
            try:
                value = None if hook is None else hook(name)
            except (AttributeError, ModuleNotFoundError):
                raise KeyError(name) from None
            if value is None:
                raise KeyError(name)
        if not self._is_ours(value):
            raise KeyError(name)
        return value

    def _is_ours(self, value: Any) -> bool:
        if isinstance(value, ModuleType):
            return False
        if isinstance(value, (type, *_FUNCTIONS)):
            return self._from_here(str(getattr(value, "__module__", None) or self.root))
        return isinstance(value, _CONSTANTS) or self._from_here(type(value).__module__)

    def _from_here(self, module: str) -> bool:
        # The engine's classes call themselves torch's, for their reprs.
        return (
            module.partition(".")[0] == "torch" or module == self.root or module.startswith(self.root + ".")
        )

    def __iter__(self) -> Iterator[str]:
        found = {*self.listing(), *self.inner}
        return iter(sorted(name for name in found if not name.startswith("_") and name in self))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Bare(Mapping[str, Any]):
    """The members of torch that may be named without `torch.`."""

    def __init__(self, torch: Mapping[str, Any]) -> None:
        self.torch = torch

    def __getitem__(self, name: str) -> Any:
        if name in SHADOWED or name.startswith("_"):
            raise KeyError(name)
        return self.torch[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.torch if name not in SHADOWED)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Modules(Mapping[str, Namespace]):
    """The modules that a script can name, by their full names, each made when it is first asked for."""

    def __init__(
        self, torch: Mapping[str, Namespace], guards: Callable[[], Guards], seed: Callable[[], int]
    ) -> None:
        self.made: dict[str, Namespace] = dict(torch)
        self.guards = guards
        self.seed = seed
        self.random: Seeded | None = None
        self.offered: dict[str, Callable[[str], Namespace]] = {}
        """Other modules, and what makes them."""

    def __getitem__(self, name: str) -> Namespace:
        found = self.made.get(name)
        if found is None:
            if name.partition(".")[0] == "numpy" and "numpy" not in self.made:
                self._make_numpy()
            elif name == "math":
                from tensorcli.language.namespaces import math_namespace

                self.made[name] = math_namespace(self.guards())
            elif name == "copy":
                from tensorcli.language.namespaces import copy_namespace

                self.made[name] = copy_namespace()
            elif name in self.offered:
                self.made[name] = self.offered[name](name)
            found = self.made[name]
        return found

    def _make_numpy(self) -> None:
        from tensorcli.language.numpy_names import numpy_namespaces

        spaces = numpy_namespaces(self.guards())
        random = spaces["numpy.random"]
        random.members = self.random = Seeded(random.members, self.seed)
        self.made.update(spaces)

    def below(self, path: str) -> list[str]:
        """The modules one level below the one of this path, all that stand alone for an empty path; none is made."""
        if not path:
            return list(dict.fromkeys(name.partition(".")[0] for name in self))
        first, *rest = path.split(".")
        found = self.made.get(first)
        for part in rest:
            found = None if found is None else getattr(found.members, "inner", {}).get(part)
        inner = () if found is None else getattr(found.members, "inner", ())
        named = [name[len(path) + 1 :] for name in self if name.startswith(f"{path}.")]
        return [*named, *(inner.names if isinstance(inner, Lazy) else inner)]

    def forget(self) -> None:
        """The session begins anew: numpy's generator is to be seeded again."""
        if self.random is not None:
            self.random.seeded = False

    def __contains__(self, name: object) -> bool:
        return name in self.made or name in _OURS or name in self.offered

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.made, *_OURS, *self.offered)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


_OURS = ("numpy", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.testing", "math", "copy")


class Seeded(Mapping[str, Any]):
    """numpy.random: its generator is seeded when something of it is first used, which is what imports it."""

    def __init__(self, members: Mapping[str, Any], seed: Callable[[], int]) -> None:
        self.members = members
        self.seed = seed
        self.seeded = False

    def __getitem__(self, name: str) -> Any:
        if not self.seeded:
            import numpy as np

            self.seeded = True
            np.random.seed(self.seed() % 2**32)  # which is what numpy takes
        return self.members[name]

    def __contains__(self, name: object) -> bool:
        return name in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def torch_namespaces(
    package: str, load: Callable[[str], ModuleType], listing: Callable[[], Iterable[str]]
) -> dict[str, Namespace]:
    """torch and the modules below it, by the names that an import gives them; `load` imports one by its path below."""

    made: dict[str, Namespace] = {}
    inner = Lazy("", package, load, made)
    made["torch"] = Namespace("torch", Members(lambda: load(""), package, inner, listing))
    return made


class Lazy(Mapping[str, Namespace]):
    """The namespaces one level below a module of torch: only those that the engine has."""

    def __init__(
        self, path: str, package: str, load: Callable[[str], ModuleType], made: dict[str, Namespace]
    ) -> None:
        self.path = path
        self.package = package
        self.load = load
        self.made = made
        self.names = tuple(
            name[len(path) :].lstrip(".")
            for name in (*SUBMODULES, *STANDING_IN)
            if name.startswith(path + "." if path else "")
            and "." not in name[len(path) :].lstrip(".")
            and name != path
        )

    def __getitem__(self, name: str) -> Namespace:
        if name not in self.names:
            raise KeyError(name)
        path = f"{self.path}.{name}" if self.path else name
        if path in STANDING_IN:
            place, member = STANDING_IN[path]
            return getattr(self.load(place), member)  # type: ignore[no-any-return] # it reads as one
        return self._namespace(name, path, self.load)

    def defining(self, name: str) -> Namespace:
        """The module below this one in which PyTorch defines classes of a package. Errors: KeyError."""
        if not name[0].islower() or not (self.path or name in DEFINING):
            raise KeyError(name)
        return self._namespace(name, f"{self.path}.{name}" if self.path else name, _definitions)

    def _namespace(self, name: str, path: str, load: Callable[[str], ModuleType]) -> Namespace:
        full = f"torch.{path}"
        found = self.made.get(full)
        if found is None:
            try:
                module = load(path)
            except ModuleNotFoundError:
                raise KeyError(name) from None
            inner = Lazy(path, self.package, self.load, self.made)
            found = self.made[full] = Namespace(full, Members(lambda: module, self.package, inner))
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _definitions(path: str) -> ModuleType:
    from tensorcli.engine.definitions import definitions

    return definitions(path)
