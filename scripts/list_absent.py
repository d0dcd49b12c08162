"""Writes tensorcli/language/absent.py: which names PyTorch has and a script has not, so that an error about one says so.

Usage: python scripts/list_absent.py            rewrites the file (the installed PyTorch is 2.13.0)
       python scripts/list_absent.py --check    exits with 1 where it is not what PyTorch and the engine say

Of torch itself all names are listed, of the modules below it those that they call public or define, and modules; of classes
those of tensors and modules.
"""

import inspect
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from listing import entry, write

ROOT = Path(__file__).resolve().parent.parent
ABSENT = ROOT / "tensorcli" / "language" / "absent.py"
sys.path.insert(0, str(ROOT))

TEXT = '''"""Which names PyTorch's modules have and a script's have not. Written by scripts/list_absent.py."""

NAMES = {{
{}}}
"""By module or class; a module that is absent as a whole stands among the names of the one above it."""
'''
IMPORTED_LATE = (
    "__future__ masked nn.attention.bias nn.attention.flex_attention utils.benchmark utils.bundled_inputs utils.collect_env "
    "utils.cpp_extension utils.flop_counter utils.mobile_optimizer utils.model_zoo utils.weak"
).split()
"""Modules that `import torch` does not import."""


def text() -> str:
    """What the file should hold."""
    from tensorcli.explorer.session import Session

    session = Session()
    for path in IMPORTED_LATE:
        import_module(f"torch.{path}")
    torch = import_module("torch")
    engine = import_module("tensorcli.engine")
    absent = {path: _absent(import_module(path), session.evaluator.module(path)) for path in _paths()}
    for theirs, ours in ((torch.Tensor, engine.Tensor), (torch.nn.Module, engine.nn.Module)):
        absent[f"{theirs.__module__}.{theirs.__name__}"] = [
            name for name in dir(theirs) if not name.startswith("_") and not hasattr(ours, name)
        ]
    chapters = []
    for path, found in sorted(absent.items()):
        names = " ".join(found)
        if names:
            chapters.append(entry(path, names))
    return TEXT.format("".join(chapters))


def _paths() -> list[str]:
    """The modules of torch that a script can import, all of which PyTorch has as modules."""
    from tensorcli.explorer.reach import SUBMODULES

    return ["torch", *(f"torch.{path}" for path in SUBMODULES if path != "return_types")]


def _absent(module: Any, space: Any) -> list[str]:
    """The names of a module of PyTorch's that are not among those of the session's."""
    return [
        name
        for name in sorted(dir(module))
        if not name.startswith("_") and _is_pytorchs(module, name) and name not in space.members
    ]


def _is_pytorchs(module: Any, name: str) -> bool:
    value = getattr(module, name)
    if inspect.ismodule(value):
        return value.__name__ in (f"{module.__name__}.{name}", f"torch._C._{name}")
    if type(value).__module__ in ("typing", "typing_extensions") or name.isupper():
        return False
    home = getattr(value, "__module__", None) or type(value).__module__
    if module.__name__ == "torch":
        return home.startswith("torch") or inspect.isbuiltin(value)
    public = getattr(module, "__all__", None)
    return home.startswith(module.__name__) if public is None else name in public and home.startswith("torch")


def main() -> None:
    warnings.simplefilter("ignore")
    write(ABSENT, text(), "list_absent.py")


if __name__ == "__main__":
    main()
