"""`torch.torch_version`: a version that is a string, and is compared as Python's packages compare versions (PEP 440)."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

__all__ = ["TorchVersion"]

_PARTS: Final = r"""\s*v?
    (?:(?P<epoch>\d+)!)?
    (?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<number>\d+)?)?
    (?P<post>-(?P<counted>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<named>\d+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<day>\d+)?)?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*
"""
_STAGES: Final = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


class InvalidVersion(ValueError):  # noqa: N818 (packaging's name)
    """What is compared with is no version."""


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_PARTS, re.VERBOSE | re.IGNORECASE | re.ASCII)


def _key(text: str) -> tuple[Any, ...]:
    """What versions are ordered by. Errors: InvalidVersion."""
    found = _pattern().fullmatch(text)
    if found is None:
        raise InvalidVersion(f"Invalid version: '{text}'")
    release = [int(each) for each in found["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    stage = found["stage"] and found["stage"].lower()
    # What has no stage comes after all that have one, but for what is only in development: that comes before.
    alone = (-1,) if found["dev"] and not found["post"] else (1,)
    local = [
        (1, int(each), "") if each.isdigit() else (0, 0, each)
        for each in re.split("[-_.]", (found["local"] or "").lower())
        if each
    ]
    return (
        int(found["epoch"] or 0),
        release,
        (0, _STAGES.get(stage, stage), int(found["number"] or 0)) if stage else alone,
        int(found["counted"] or found["named"] or 0) if found["post"] else -1,
        (0, int(found["day"] or 0)) if found["dev"] else (1,),
        local,
    )


def _key_of(other: Any) -> tuple[Any, ...]:
    if isinstance(other, str):
        return _key(str(other))
    if isinstance(other, Iterable):
        return _key(".".join(str(each) for each in other))
    raise InvalidVersion(other)


def _compared(name: str) -> Callable[[Any, Any], Any]:
    keys, texts = getattr(tuple, name), getattr(str, name)

    def compare(self: Any, other: Any) -> Any:
        try:
            return keys(_key(str(self)), _key_of(other))
        except InvalidVersion:
            return texts(self, other)

    return compare


class TorchVersion(str):
    """`torch.__version__`: ordered as a version among strings and tuples that are versions, as a string among others."""

    __module__ = "torch.torch_version"
    __slots__ = ()

    __gt__, __lt__, __eq__, __ge__, __le__ = (_compared(f"__{each}__") for each in "gt lt eq ge le".split())
    __hash__ = str.__hash__
    __ne__ = str.__ne__
