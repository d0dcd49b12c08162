"""Tables of what the hazards know of things that they do not keep alive, by the identities of these."""

from __future__ import annotations

import weakref
from typing import Any


def weakly(table: dict[int, Any], thing: Any) -> weakref.ref[Any]:
    """A reference to a thing which, when the thing ceases to be, takes out of the table what stands under its identity."""
    key = id(thing)
    return weakref.ref(thing, lambda _: table.pop(key, None))
