"""`torch.nn.modules.utils`: what makes tuples of numbers, and what takes a prefix off the keys of a state."""

from typing import Any

from tensorcli.engine.nn.layers import numbers


def _ntuple(n: int, name: str = "parse") -> Any:
    """The function that makes n equal numbers of one, and a tuple of several."""

    def parse(x: Any) -> tuple[Any, ...]:
        return numbers(x, n)

    parse.__name__ = name
    return parse


_single, _pair, _triple, _quadruple = (
    _ntuple(n, name) for n, name in enumerate(("_single", "_pair", "_triple", "_quadruple"), 1)
)


def consume_prefix_in_state_dict_if_present(state_dict: Any, prefix: str) -> None:
    """Take a prefix, such as `module.`, off the keys of a state, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in list(metadata):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
