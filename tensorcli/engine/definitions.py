"""The modules in which PyTorch defines the public classes of a package: `torch.nn.modules.loss`, `torch.distributions.normal`.

Every such class says where it is defined (`__module__`), and so do the classes that it is made from; each module holds those
that name it, or a module below it.
"""

from importlib import import_module
from types import ModuleType

PACKAGES = ("nn", "optim", "distributions", "utils.data")


def definitions(path: str) -> ModuleType:
    """The module `torch.<path>`. Errors: ModuleNotFoundError where no public class is defined there."""
    full = f"torch.{path}"
    for each in PACKAGES:
        if path.startswith(each + "."):
            package = import_module(f"tensorcli.engine.{each}")
            public = [getattr(package, name) for name in dir(package)]
            known = {kind for found in public if isinstance(found, type) for kind in found.__mro__}
            own = {kind.__name__: kind for kind in known if f"{kind.__module__}.".startswith(full + ".")}
            if own:
                module = ModuleType(full)
                vars(module).update(own)
                return module
    raise ModuleNotFoundError(f"No module named '{full}'", name=full)
