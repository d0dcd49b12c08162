"""Addresses in texts: the script's objects are numbered in the order in which they are first shown."""

import re
from typing import Any
from weakref import ref

from tensorcli.language.functions import shown

_ADDRESS = r"\bat (0x[0-9a-fA-F]+)"
_PLACE = r" at (0x[0-9a-fA-F]+)"


def without_addresses(text: str) -> str:
    """A text in which objects stand without their addresses."""
    return re.sub(_PLACE, "", text) if " at 0x" in text else text


class Addresses:
    """The addresses that a session has shown: none of the process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Number the addresses that texts show from the first again."""
        self.known: dict[str, tuple[str, ref[Any] | None]] = {}
        self.count = 0
        self.given: set[str] = set()
        """The numbers themselves, which a text may show that is made of such texts."""

    def without(self, text: str) -> str:
        """Addresses numbered in the order in which they are first shown."""
        if " at 0x" not in text:
            return text
        return re.sub(_ADDRESS, lambda found: "at " + self._numbered(found.group(1)), text)

    def as_shown(self, text: str) -> str:
        """The addresses that were shown before; the others are left out, and are not numbered by this look.

        So are those of objects that are not known to be there still: another may have the address by now.
        """
        if " at 0x" not in text:
            return text
        return re.sub(_PLACE, self._known, text)

    def _known(self, found: re.Match[str]) -> str:
        known = self.known.get(found.group(1))
        if found.group(1) in self.given:
            return found.group()
        return "" if known is None or known[1] is None else f" at {known[0]}"

    def _numbered(self, address: str) -> str:
        if address in self.given:
            return address
        known = self.known.get(address)
        if known is None:
            thing = shown.get(int(address, 16))
            gone = None if thing is None else ref(thing, lambda _: self.known.pop(address, None))
            known = self.known[address] = (f"{0x7F0000000000 + 16 * self.count:#x}", gone)
            self.given.add(known[0])
            self.count += 1
        return known[0]
