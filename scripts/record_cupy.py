"""Records what CuPy has, by looking at an installed one, into tests/engine/cupy.json. Needs CuPy; no card.

Usage: python scripts/record_cupy.py

tests/engine/strict_arrays.py stands in for CuPy by this record: a function that is not in it, or is called with a keyword
that CuPy's does not take, or with dtypes that its ufunc has no loop for, is refused there as on a card. Only names that
numpy or scipy have too are recorded: kernels are written over both.
"""

import inspect
import json
import sys
from importlib import import_module as import_of
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT / "tests" / "engine" / "cupy.json"
sys.path.insert(0, str(ROOT))

MODULES: Final = {
    "cupy": "numpy",
    "cupy.linalg": "numpy.linalg",
    "cupy.fft": "numpy.fft",
    "cupy.lib.stride_tricks": "numpy.lib.stride_tricks",
    "cupyx.scipy.special": "scipy.special",
    "cupyx.scipy.linalg": "scipy.linalg",
}
"""The modules that kernels may use, each with the one on the host that it is the counterpart of."""
KEYWORDS: Final = tuple(
    "axis dtype out keepdims initial where order copy casting subok kind stable ddof mean correction mode kth repeats min "
    "max decimals sorter side offset axis1 axis2 type refcheck".split()
)
"""Keywords that methods of numpy's arrays take."""
CODES: Final = "?bBhHiIlLqQefdFD"
INNER: Final = {
    "where": ("cupy._sorting.search", "_where_ufunc"),
    "clip": ("cupy._core._routines_math", "clip"),
}
"""Functions of CuPy's whose dtypes are those of a ufunc inside: the function takes any, and answers in one of the ufunc's."""
METHODS: Final = ("at", "reduce", "accumulate", "outer", "reduceat")


class Probe:
    """An array for the methods of ufuncs, which do no more than call a method of theirs."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: None


def main() -> None:
    import cupy
    import scipy

    record = {
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "modules": {name: module(name, host) for name, host in MODULES.items()},
        "ndarray": methods(cupy.ndarray),
        "scattered": scattered(cupy),
        "inner": {
            name: " ".join(getattr(import_of(home), ufunc).types) for name, (home, ufunc) in INNER.items()
        },
        "dtypes": "".join(
            sorted({code for loop in cupy.add.types for code in loop if code.isalpha() or code == "?"})
        ),
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{RECORD.relative_to(ROOT)} is written, from CuPy {cupy.__version__}")


def module(name: str, host: str) -> dict[str, Any]:
    """The public names that a module shares with the host's: ufuncs with their loops, functions with their parameters."""
    ours, theirs = import_of(name), import_of(host)
    found: dict[str, Any] = {"ufuncs": {}, "functions": {}, "others": []}
    for each in sorted(set(dir(ours)) & set(dir(theirs))):
        value = getattr(ours, each)
        if each.startswith("_") or inspect.ismodule(value):
            continue
        if isinstance(value, type):
            found["others"].append(each)
        elif hasattr(value, "types"):
            found["ufuncs"][each] = {
                "loops": " ".join(value.types),
                "methods": [m for m in METHODS if has(value, m)],
            }
        elif callable(value):
            found["functions"][each] = parameters(value)
        else:
            found["others"].append(each)
    return found


def parameters(function: Any) -> str | None:
    """The parameters of a function as text, defaults left out (`a, axis=, *, dtype=`); None where CuPy does not say."""
    try:
        listed = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    parts, starred = [], False
    for one in listed:
        if one.kind is one.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if one.kind is one.VAR_POSITIONAL:
            parts.append(f"*{one.name}")
            starred = True
        elif one.kind is one.VAR_KEYWORD:
            parts.append(f"**{one.name}")
        else:
            parts.append(one.name + ("" if one.default is one.empty else "="))
    return ", ".join(parts)


def has(ufunc: Any, method: str) -> bool:
    """Whether a method of a ufunc is there: those that are not say so before they look at an array."""
    if not hasattr(ufunc, method):
        return False
    if method == "outer":
        return True
    try:
        getattr(ufunc, method)(*[Probe()] * (1 if method in ("reduce", "accumulate") else 2))
    except NotImplementedError:
        return False
    return True


def methods(kind: type) -> dict[str, Any]:
    """The attributes of arrays: for a method the keywords of numpy's that it takes, for others null.

    A keyword is tried together with one that nothing takes. Arguments are checked before anything runs, and the complaint
    names the first that is not known.
    """
    found: dict[str, Any] = {}
    for name in sorted(set(dir(kind)) & set(dir(np.ndarray))):
        if name.startswith("_"):
            continue
        value = getattr(kind, name)
        found[name] = [word for word in KEYWORDS if takes(kind, value, word)] if callable(value) else None
    return found


def takes(kind: Any, method: Any, word: str) -> bool:
    try:
        method(kind(0, _no_init=True), **{word: None, "nothing_takes_this": None})
    except TypeError as error:
        return repr(word) not in str(error)
    except Exception:
        return False
    return False


def scattered(cupy: Any) -> dict[str, str]:
    """The dtypes that each `ufunc.at` takes. They are checked before anything runs, so that an address will do."""
    found = {}
    for name in sorted(name for name in vars(cupy) if has_at(getattr(cupy, name))):
        found[name] = "".join(code for code in CODES if scatters(cupy, getattr(cupy, name), code))
    return found


def has_at(value: Any) -> bool:
    return hasattr(value, "types") and not isinstance(value, type) and has(value, "at")


def scatters(cupy: Any, ufunc: Any, code: str) -> bool:
    """Whether `at` goes on to run with this dtype (and fails then, without a card)."""
    nowhere = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(8, 64, None, 0), 0)
    array, index = (cupy.ndarray((1,), kind, memptr=nowhere) for kind in (code, "q"))
    try:
        ufunc.at(array, index, array)
    except TypeError:
        return False
    except Exception:
        return True
    return True


if __name__ == "__main__":
    main()
