"""The words of the language, as literal tables: builtins, exceptions, refused constructs, attributes with
underscores.

Parser, checker, evaluator and completion read these; nothing is computed here.
"""

from __future__ import annotations

BUILTIN_FUNCTIONS = frozenset(
    "print len range zip enumerate reversed sorted map filter iter next list tuple dict set frozenset slice object "
    "int float complex bool str bytes bytearray repr format type id isinstance issubclass hasattr getattr "
    "setattr delattr callable abs min max sum all any round pow divmod hash hex oct bin ord chr vars".split()
)
EXCEPTIONS = frozenset(
    "BaseException Exception ArithmeticError AssertionError AttributeError BufferError "
    "DeprecationWarning EOFError FileNotFoundError FloatingPointError FutureWarning ImportError "
    "IndentationError IndexError IOError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError "
    "NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError "
    "RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopIteration "
    "SyntaxError SyntaxWarning SystemError TimeoutError TypeError UnboundLocalError "
    "UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError".split()
)
CONSTANTS = frozenset({"NotImplemented", "Ellipsis", "__name__"})
BUILTIN_NAMES = BUILTIN_FUNCTIONS | EXCEPTIONS | CONSTANTS

# The modules that a script can import, by the first part of their names.
MODULES = frozenset({"torch", "numpy", "copy", "math"})
STANDARD_MODULES = frozenset(
    "argparse bisect collections contextlib functools gc heapq io itertools json operator pickle random re statistics string "
    "time timeit types typing unicodedata warnings weakref".split()
)

BAGS = (("types", "SimpleNamespace"), ("argparse", "Namespace"))
"""Python's objects that hold what a script sets on them, by module and name."""

CLASS_REFUSED = "class is not part of the language"
STAR_REFUSED = "import * is not part of the language"

# Bare names that stay Python's although torch has a function of that name: `write torch.sum(x, dim=0)`.
SHADOWED = frozenset("sum abs min max all any round pow range int float bool complex type".split())

# What people assert with.
CHECKS = frozenset(
    "_assert _check _check_index _check_is_size _check_not_implemented _check_tensor_all _check_type _check_value "
    "_check_with".split()
)
# Classes that people compare modules with.
BASES_OF_MODULES = frozenset(
    "_BatchNorm _InstanceNorm _NormBase _ConvNd _ConvTransposeNd _DropoutNd _Loss _WeightedLoss".split()
)
# Attributes that begin with one underscore and that PyTorch's users and graph nodes show.
PRIVATE_ATTRIBUTES = (
    CHECKS
    | BASES_OF_MODULES
    | frozenset(
        "_version _base _is_view _grad _backward_hooks _forward_hooks _forward_pre_hooks _tensor_name _cdata _grad_fn "
        "_use_count _indices "
        "_values _nnz _coalesced_ _is_all_true _is_any_true _conj _neg_view _conj_physical "
        "_to_dense _sequence_nr _set_sequence_nr _input_metadata _register_hook_dict _fields _unsafe_view "
        "_unsafe_preserve_version_counter _reshape_alias _softmax _log_softmax _local_scalar_dense _replace _asdict _make "
        "_metadata _get_name _register_load_state_dict_pre_hook _register_state_dict_hook "
        "_step_count _last_lr _pytree".split()
    )
)
# Functions of torch that work on lists of tensors, as optimizers do.
PRIVATE_FUNCTIONS = ("_foreach_",)
PRIVATE_PREFIXES = ("_saved_", "_raw_saved_", *PRIVATE_FUNCTIONS)
# Names with one underscore that people import from PyTorch's modules.
PRIVATE_MEMBERS = (
    CHECKS
    | BASES_OF_MODULES
    | frozenset(
        "_LRScheduler _ntuple _single _pair _triple _quadruple _unsafe_preserve_version_counter".split()
    )
)

# What operators call on a tensor, by the names that Python gives them: `a.__iadd__(b)` is `a += b`.
OPERATOR_DUNDERS = frozenset(
    f"__{prefix}{name}__"
    for names, prefixes in (
        ("add sub mul truediv floordiv mod pow matmul and or xor lshift rshift", ("", "r", "i")),
        (
            "neg pos abs invert eq ne lt le gt ge len getitem setitem contains bool int float complex index",
            ("",),
        ),
        ("array divmod rdivmod", ("",)),
    )
    for name in names.split()
    for prefix in prefixes
)

# Attributes with two underscores on both sides that a script may name, and after what.
OPEN_DUNDERS = frozenset({"__name__", "__version__", "__class__"}) | OPERATOR_DUNDERS


def is_dunder(name: str) -> bool:
    """Whether a name begins and ends with two underscores."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def dunder_refused(name: str) -> str:
    """What is said of such a name."""
    return f"names with two underscores on both sides, such as {name}, are not part of the language"


def is_refused_private(name: str) -> bool:
    """Whether an attribute of this name is kept from scripts because of its leading underscore."""
    return name.startswith("_") and name not in PRIVATE_ATTRIBUTES and not name.startswith(PRIVATE_PREFIXES)


def private_refused(name: str) -> str:
    """What is said of such an attribute."""
    return f"attributes that begin with an underscore are private; {name} is not one that PyTorch shows"
