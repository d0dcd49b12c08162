"""The Mersenne Twister as PyTorch keeps it: seeds, the bytes of its state, and the words that it gives.

The words are mt19937's (Matsumoto and Nishimura, 1998), and the state is PyTorch's, byte for byte. generator.py draws numbers
with them. This module knows no dtypes and no tensors.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from tensorcli.engine.native import type_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tensorcli.engine.fused import Float32, Float64


DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056

_WORDS = 624
_STATE = struct.Struct("<QiiQ4992sdddi4xf?3x")  # PyTorch's layout; its array of words has 64 bits for each
_MANY = 100_000  # numpy's twister takes 6 instead of 30 ms a million words, but 11 ms to import


class Twister:
    """A stream of random words, which `manual_seed` and `set_state` rewind."""

    __slots__ = ("_double_normal", "_float_normal", "_held", "_left", "_next", "_seed")

    _held: NDArray[np.uint32] | None
    _double_normal: float | None
    """The second normal of a pair, which waits for the next draw; PyTorch's state has it too."""
    _float_normal: float | None

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.manual_seed(seed)

    # ---- the state

    @property
    def _key(self) -> NDArray[np.uint32]:
        """The words of the state, made when a seeded stream is first drawn from: most never are."""
        if self._held is None:
            self._held = _seeded(self._seed & 0xFFFFFFFF).copy()
        return self._held

    @_key.setter
    def _key(self, words: NDArray[np.uint32]) -> None:
        self._held = words

    def manual_seed(self, seed: int) -> Self:
        """Start the stream of `seed`, an integer of 64 bits (a negative one counts from 2**64)."""
        if hasattr(seed, "__index__") and not isinstance(seed, int):
            raise TypeError("an integer is required")
        if type(seed) is not int:
            raise RuntimeError(f"manual_seed expected a long, but got {type_name(type(seed))}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        self._held = None
        self._left, self._next = 1, 0
        self._double_normal = None
        self._float_normal = None
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foretell; its seed is returned."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """The state as PyTorch's 5056 bytes: uint8, sizes (5056,)."""
        double, single = self._double_normal, self._float_normal
        packed = _STATE.pack(
            self._seed, self._left, 1, self._next, self._key.astype("<u8").tobytes(),
            0.0, double or 0.0, 0.0, double is not None, single or 0.0, single is not None,
        )  # fmt: skip
        return np.frombuffer(packed, np.uint8).copy()

    def set_state(self, state: NDArray[np.uint8]) -> Self:
        """Go on from a state that get_state, here or in PyTorch, returned. RuntimeError if it is not a state."""
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} "
                f"but found the input RNG state size to be {state.size}"
            )
        seed, left, seeded, after, key, *normals = _STATE.unpack(state.tobytes())
        if not (seeded and 0 < left <= _WORDS and after <= _WORDS and left - 1 + after <= _WORDS):
            raise RuntimeError("Invalid mt19937 state")
        self._seed, self._left, self._next = seed, left, after
        self._key = np.frombuffer(key, "<u8").astype(np.uint32)
        _, double, _, has_double, single, has_single = normals
        self._double_normal = double if has_double else None
        self._float_normal = single if has_single else None
        return self

    def clone_state(self) -> Self:
        """Another stream that will draw the same numbers from here on."""
        return type(self)().set_state(self.get_state())

    # ---- words

    def random(self) -> int:
        """The next 32 bits."""
        return int(self._words(1)[0])

    def random64(self) -> int:
        """The next 64 bits, the high half drawn first."""
        return int(self._words64(1)[0])

    def _words(self, n: int) -> NDArray[np.uint32]:
        """The next n words."""
        if n > _MANY:
            return self._many_words(n)
        words = np.empty(n, np.uint32)
        filled = min(n, self._left - 1)
        words[:filled] = self._key[self._next : self._next + filled]
        self._left -= filled
        self._next += filled
        while filled < n:
            _twist(self._key)
            taken = min(n - filled, _WORDS)
            words[filled : filled + taken] = self._key[:taken]
            self._left, self._next = _WORDS + 1 - taken, taken
            filled += taken
        words ^= words >> np.uint32(11)
        words ^= (words << np.uint32(7)) & np.uint32(0x9D2C5680)
        words ^= (words << np.uint32(15)) & np.uint32(0xEFC60000)
        words ^= words >> np.uint32(18)
        return words

    def _many_words(self, n: int) -> NDArray[np.uint32]:
        """The same by numpy's own twister, which is put into this state and read out again."""
        from numpy.random import MT19937

        twister = MT19937(0)
        position = self._next if self._left > 1 else _WORDS
        twister.state = {"bit_generator": "MT19937", "state": {"key": self._key, "pos": position}}
        words = twister.random_raw(n).astype(np.uint32)
        state = twister.state["state"]
        self._key = np.asarray(state["key"], np.uint32)
        self._next = int(state["pos"])
        self._left = _WORDS + 1 - self._next
        return words

    def _words64(self, n: int) -> NDArray[np.uint64]:
        words = self._words(2 * n).astype(np.uint64)
        return (words[0::2] << np.uint64(32)) | words[1::2]

    def _uniform32(self, n: int) -> Float32:
        """n numbers from [0, 1) of 24 bits, a word each."""
        return (self._words(n) & np.uint32(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)

    def _uniform64(self, n: int) -> Float64:
        """n numbers from [0, 1) of 53 bits, two words each."""
        return (self._words64(n) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53


@lru_cache(maxsize=16)
def _seeded(word: int) -> NDArray[np.uint32]:
    """The words of the state after this seed."""
    words = [word]
    for position in range(1, _WORDS):
        word = (1812433253 * (word ^ (word >> 30)) + position) & 0xFFFFFFFF
        words.append(word)
    return np.array(words, np.uint32)


def _twist(key: NDArray[np.uint32]) -> None:
    """Replace the 624 words of the state by the next 624, in three runs that do not read what they write."""
    for start, stop, source in ((0, 227, 397), (227, 454, 0), (454, 623, 227)):
        mixed = (key[start:stop] & np.uint32(0x80000000)) | (
            key[start + 1 : stop + 1] & np.uint32(0x7FFFFFFF)
        )
        mixed = (mixed >> np.uint32(1)) ^ (mixed & np.uint32(1)) * np.uint32(0x9908B0DF)
        key[start:stop] = key[source : source + stop - start] ^ mixed
    last = (int(key[623]) & 0x80000000) | (int(key[0]) & 0x7FFFFFFF)
    key[623] = int(key[396]) ^ (last >> 1) ^ (0x9908B0DF if last & 1 else 0)
